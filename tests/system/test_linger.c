/* test_linger.c: descriptors whose close blocks. A TCP socket with SO_LINGER and unsent data blocks its last close, for 30 s
 * here. Wherever the broker closes one, other clients are served before its peer has read a byte, and the peer gets all of the
 * data.
 *
 * Nothing here is measured by a clock. The peer reads only at the end, so until then a blocked close stays blocked, for longer
 * than any reply is waited for: a broker that closed in its loop would not reply at all. */
#include "guest.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum {
    LINGER_S = 30,
    BUFFER = 16384,
    TABLE = 1100,
    LIMIT = PORTD__V1__CODE__CODE_LIMIT,
    MISMATCH = PORTD__V1__CODE__CODE_MISMATCH
};

_Static_assert(LINGER_S * 1000 > RAW_PATIENCE_MS, "a close that waits must outlast the patience for a reply");

/* A connection whose near end lingers. */
struct pair {
    int near, far;
    size_t size; /* written into the near end */
};

/* ---- making and draining them, without assertions ---------------------------------------------------------------------------- */

static int pair_connect(struct pair *pair) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    int small = BUFFER, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    pair->near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pair->far = -1;
    if (listener < 0 || pair->near < 0 ||
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) ||
        setsockopt(pair->near, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) ||
        bind(listener, (struct sockaddr *)&name, sizeof(name)) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&name, &length) ||
        connect(pair->near, (struct sockaddr *)&name, sizeof(name)))
        return -1;
    pair->far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    (void)close(listener);
    return pair->far < 0 ? -1 : 0;
}

/* Fills both buffers, until the near end has had no room for a while. */
static int pair_fill(struct pair *pair) {
    struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
    struct pollfd room = {.fd = pair->near, .events = POLLOUT};
    char bytes[4096];
    int unsent = 0;

    memset(bytes, 'x', sizeof(bytes));
    if (setsockopt(pair->near, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) ||
        fcntl(pair->near, F_SETFL, O_NONBLOCK))
        return -1;
    pair->size = 0;
    do {
        ssize_t n = write(pair->near, bytes, sizeof(bytes));
        if (n < 0 && errno != EAGAIN)
            return -1;
        pair->size += n > 0 ? (size_t)n : 0;
    } while (poll(&room, 1, 5) > 0);
    return ioctl(pair->near, SIOCOUTQ, &unsent) == 0 && unsent > 0 ? 0 : -1;
}

/* ---- the same with assertions -------------------------------------------------------------------------------------------------- */

static void pair_make(struct pair *pair) {
    assert_int_equal(pair_connect(pair), 0);
    fixture_own(pair->near);
    fixture_own(pair->far);
    assert_int_equal(pair_fill(pair), 0);
}

/* The process that has a copy now is the last to have one. The broker must have it for long, or be held: else it might be this
 * process that closes last, and waits. */
static void pair_let_go(struct pair *pair) { fixture_close(pair->near); }

/* All of the data, then the end of file: nothing was cut off. */
static void pair_drain(struct pair *pair) {
    static char bytes[65536];
    size_t got = 0;

    for (;;) {
        assert_true(fixture_poll(pair->far, POLLIN));
        ssize_t n = read(pair->far, bytes, sizeof(bytes));
        if (n < 0)
            fail_msg("the peer is cut off after %zu of %zu bytes: %s", got, pair->size, strerror(errno));
        if (n == 0)
            break;
        got += (size_t)n;
    }
    assert_int_equal(got, pair->size);
}

static void is_served_often(struct raw *raw) {
    for (int i = 0; i < 20; i++)
        guest_is_served(raw);
}

static void send_remove(const struct raw *raw, uint64_t request_id, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Remove remove = PORTD__V1__REMOVE__INIT;

    remove.id = id;
    request.id = request_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_REMOVE;
    request.remove = &remove;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
}

static void send_ping(const struct raw *raw, uint64_t request_id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;

    request.id = request_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
}

static size_t write_create(uint8_t *bytes, uint64_t request_id, int64_t number) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;

    descriptor.number = number;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    request.id = request_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    request.fd_to_evt = &descriptor;
    return raw_pack(bytes, &request, 1);
}

/* ---- (a) descriptors that the broker has ------------------------------------------------------------------------------------- */

static void remove_of_a_lingering_socket(void **state) {
    struct raw raw, other;
    struct pair pair;

    (void)state;
    pair_make(&pair);
    guest_open(&raw);
    guest_open(&other);
    uint64_t id = guest_evt(&raw, pair.near, 5);
    pair_let_go(&pair);
    send_remove(&raw, 9, id);
    is_served_often(&other);
    guest_is_told(&raw, 9, 0);
    /* Answered, so the copy is gone: there is nothing to wait for. */
    assert_int_equal(fixture_broker_fds(fixture_broker()), fixture_broker()->fds + 2);
    pair_drain(&pair);
}

/* A connection is served while its own remove is under way, too. */
static void others_requests_overtake_a_remove(void **state) {
    struct raw raw;
    struct pair pairs[3];
    uint64_t ids[3];

    (void)state;
    guest_open(&raw);
    for (size_t i = 0; i < 3; i++) {
        pair_make(&pairs[i]);
        ids[i] = guest_evt(&raw, pairs[i].near, (int64_t)i);
        pair_let_go(&pairs[i]);
    }
    for (size_t i = 0; i < 3; i++)
        send_remove(&raw, 100 + i, ids[i]);
    /* Three closes one after the other take three interruptions: the ping is answered before the last of them. */
    send_ping(&raw, 9);
    size_t answered = 0, before_ping = 3;
    while (answered < 4) {
        raw_reply *reply = raw_next(&raw, NULL);
        assert_non_null(reply);
        assert_null(reply->error);
        if (reply->id == 9)
            before_ping = answered;
        raw_free(reply);
        answered++;
    }
    assert_true(before_ping < 3);
    for (size_t i = 0; i < 3; i++)
        pair_drain(&pairs[i]);
}

static void firing_semaphore_of_a_lingering_socket(void **state) {
    struct raw raw, other;
    struct pair pair;

    (void)state;
    pair_make(&pair);
    guest_open(&raw);
    guest_open(&other);
    uint64_t id = guest_semaphore(&raw, pair.near, 5);
    pair_let_go(&pair);
    assert_int_equal(raw_start_wait(&raw, 9, id), 0);
    guest_is_served(&other);
    assert_int_equal(shutdown(pair.far, SHUT_WR), 0);
    guest_is_woken(&raw, 9, id, PORTD__V1__CAUSE__CAUSE_HALF_CLOSE);
    is_served_often(&other);
    fixture_until_fds(fixture_broker(), 2);
    pair_drain(&pair);
}

static void replaced_lingering_socket(void **state) {
    struct raw raw, other;
    struct pair pair;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    pair_make(&pair);
    guest_open(&raw);
    guest_open(&other);
    uint64_t id = guest_evt(&raw, pair.near, 5);
    pair_let_go(&pair);
    assert_int_equal(raw_start_wait(&raw, 9, id), 0);
    guest_is_served(&other);
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    size_t size = write_create(bytes, 10, 5);
    assert_int_equal(raw_send(&raw, bytes, size, &event, 1), 0);
    /* The create call is answered at once, and those who waited for what it ended in their turn. */
    guest_is_told(&raw, 10, 0);
    guest_is_woken(&raw, 9, id, PORTD__V1__CAUSE__CAUSE_REPLACED);
    is_served_often(&other);
    fixture_until_fds(fixture_broker(), 3);
    pair_drain(&pair);
}

static void end_of_a_session_with_lingering_sockets(void **state) {
    struct raw raw, other;
    struct pair pairs[6];

    (void)state;
    guest_open(&raw);
    guest_open(&other);
    for (size_t i = 0; i < 6; i++) {
        pair_make(&pairs[i]);
        (void)guest_evt(&raw, pairs[i].near, (int64_t)i);
        pair_let_go(&pairs[i]);
    }
    guest_close(&raw);
    is_served_often(&other);
    fixture_until_fds(fixture_broker(), 1);
    for (size_t i = 0; i < 6; i++)
        pair_drain(&pairs[i]);
}

/* As many removes under way as the window has room for: what is behind them is not read before one is answered, and others are served. */
static void removes_fill_the_window(void **state) {
    enum { MOST = 256 };
    static struct pair pairs[MOST];
    static uint64_t ids[MOST];
    struct raw raw, other;

    (void)state;
    guest_open(&raw);
    guest_open(&other);
    size_t n = raw.window;
    assert_in_range(n, 1, MOST);
    for (size_t i = 0; i < n; i++) {
        pair_make(&pairs[i]);
        ids[i] = guest_evt(&raw, pairs[i].near, (int64_t)i);
        pair_let_go(&pairs[i]);
    }
    fixture_hold_broker();
    for (size_t i = 0; i < n; i++)
        send_remove(&raw, 1000 + i, ids[i]);
    send_ping(&raw, 9);
    fixture_continue_broker();
    is_served_often(&other);
    raw_reply *first = raw_next(&raw, NULL);
    for (size_t i = 0; i < n; i++)
        pair_drain(&pairs[i]);
    assert_non_null(first);
    assert_int_not_equal(first->id, 9);
    assert_int_equal(raw_code(first), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(raw_code(raw_next(&raw, NULL)), 0);
    guest_is_served(&raw);
}

/* ---- (b) descriptors that nobody has taken out of the queue ---------------------------------------------------------------- */

static bool is_read(void *data) {
    int unread = -1;

    return ioctl(*(int *)data, SIOCOUTQ, &unread) == 0 && unread == 0;
}

/* The broker does not read a connection whose replies are left unread: what is sent then stays in the queue. The requests that do that
 * come in one piece, so that all of them are read. */
static void make_deaf(struct raw *raw, struct raw *other, int event) {
    uint8_t bytes[120 * (RAW_HEADER + 5)];
    size_t size = 0;

    for (int64_t number = 0; number < 120; number++)
        (void)guest_evt(raw, event, number);
    for (uint8_t i = 1; i < 120; i++) {
        const uint8_t list[] = {0x08, i, 0xa2, 0x01, 0};
        raw_header(bytes + size, sizeof(list), 0, 0);
        memcpy(bytes + size + RAW_HEADER, list, sizeof(list));
        size += RAW_HEADER + sizeof(list);
    }
    assert_int_equal(raw_send(raw, bytes, size, NULL, 0), 0);
    assert_true(fixture_until(is_read, &raw->fd));
    guest_is_served(other);
}

static void lingering_socket_in_the_queue_of_a_dead_connection(void **state) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw raw, other;
    struct pair pairs[3];
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_open(&raw);
    guest_open(&other);
    make_deaf(&raw, &other, event);
    for (size_t i = 0; i < 3; i++) {
        pair_make(&pairs[i]);
        size_t size = write_create(bytes, 500 + i, 500 + (int64_t)i);
        assert_int_equal(raw_send(&raw, bytes, size, &pairs[i].near, 1), 0);
        pair_let_go(&pairs[i]);
    }
    guest_is_served(&other);
    assert_false(is_read(&raw.fd));
    guest_close(&raw);
    is_served_often(&other);
    fixture_until_fds(fixture_broker(), 1);
    for (size_t i = 0; i < 3; i++)
        pair_drain(&pairs[i]);
}

/* The broker reads it from a connection that is dead already. */
static void lingering_socket_of_a_dead_client(void **state) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw raw, other;
    struct pair pair;

    (void)state;
    pair_make(&pair);
    guest_open(&raw);
    guest_open(&other);
    fixture_hold_broker();
    size_t size = write_create(bytes, 5, 5);
    assert_int_equal(raw_send(&raw, bytes, size, &pair.near, 1), 0);
    pair_let_go(&pair);
    guest_close(&raw);
    fixture_continue_broker();
    is_served_often(&other);
    fixture_until_fds(fixture_broker(), 1);
    pair_drain(&pair);
}

static void send_out_of_band(const struct raw *raw, const uint8_t *byte, int fd) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof fd)];
    } control = {
        .header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    if (sendmsg(raw->fd, &message, MSG_OOB | MSG_NOSIGNAL) == 1)
        return;
    if (errno == EOPNOTSUPP)
        test_skip("these sockets take no byte out of band");
    fail_msg("%s", strerror(errno));
}

/* The kernel drops a byte out of band, and what came with it, in a receive that does not ask for it. */
static void lingering_socket_out_of_band(void **state) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw raw, early, other;
    struct pair pairs[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        pair_make(&pairs[i]);
    guest_open(&raw);
    guest_open(&other);
    fixture_hold_broker();
    guest_connect_at(&early, fixture_broker()->address);
    size_t size = write_create(bytes, 5, 5);
    send_out_of_band(&raw, bytes, pairs[0].near);
    send_out_of_band(&early, bytes, pairs[1].near); /* before its hello */
    assert_int_equal(raw_send(&raw, bytes + 1, size - 1, NULL, 0), 0);
    for (int i = 0; i < 2; i++)
        pair_let_go(&pairs[i]);
    guest_close(&early);
    fixture_continue_broker();
    is_served_often(&other);
    pair_drain(&pairs[1]);
    int error = 0;
    raw_reply *reply = raw_next(&raw, &error); /* the byte has its place among the others */
    assert_non_null(reply);
    assert_int_equal(reply->id, 5);
    assert_int_equal(reply->result_case, PORTD__V1__REPLY__RESULT_FD_TO_EVT);
    raw_free(reply);
    guest_close(&raw);
    is_served_often(&other);
    pair_drain(&pairs[0]);
}

/* Half a frame of a connection that ends before the rest comes. */
static void lingering_socket_in_half_a_frame(void **state) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw raw, other;
    struct pair pair;

    (void)state;
    pair_make(&pair);
    guest_open(&raw);
    guest_open(&other);
    size_t size = write_create(bytes, 5, 5);
    assert_int_equal(raw_send(&raw, bytes, size - 1, &pair.near, 1), 0);
    pair_let_go(&pair);
    fixture_until_fds(fixture_broker(), 3);
    guest_close(&raw);
    is_served_often(&other);
    fixture_until_fds(fixture_broker(), 1);
    pair_drain(&pair);
}

/* ---- (c) descriptors that nobody wants --------------------------------------------------------------------------------------- */

static void unwanted_lingering_sockets(void **state) {
    static const struct {
        const char *body;
        size_t length;
        unsigned claim;
        uint64_t id;
        int code;
    } frames[] = {{"\x08\x05\x5a\x00", 4, 0, 5, MISMATCH},              /* more than claimed */
                  {"\x08\x05\x5a\x00", 4, 3, 5, MISMATCH},              /* more than taken */
                  {"\x08\x05\x5a\x00", 4, 9, 5, MISMATCH},              /* fewer than claimed */
                  {"\xff\xff", 2, 3, 0, PORTD__V1__CODE__CODE_GARBLED}, /* garbage */
                  {"\x08\x05\xc2\x3e\x00", 5, 3, 5, PORTD__V1__CODE__CODE_UNSUPPORTED}}; /* unknown method */
    struct raw raw, other;

    (void)state;
    guest_open(&raw);
    guest_open(&other);
    for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
        struct pair pairs[3];
        int fds[3];
        for (size_t k = 0; k < 3; k++) {
            pair_make(&pairs[k]);
            fds[k] = pairs[k].near;
        }
        fixture_hold_broker();
        assert_int_equal(raw_send_body(&raw, frames[i].body, frames[i].length, frames[i].claim, fds, 3), 0);
        for (size_t k = 0; k < 3; k++)
            pair_let_go(&pairs[k]);
        fixture_continue_broker();
        is_served_often(&other);
        guest_is_told(&raw, frames[i].id, frames[i].code);
        fixture_until_fds(fixture_broker(), 2);
        for (size_t k = 0; k < 3; k++)
            pair_drain(&pairs[k]);
    }
}

/* Attached to the second half of a frame, and to one that ends the connection. */
static void misplaced_lingering_sockets(void **state) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw raw, other;
    struct pair pair, last;

    (void)state;
    pair_make(&pair);
    pair_make(&last);
    guest_open(&raw);
    guest_open(&other);
    size_t size = write_create(bytes, 5, 5);
    assert_int_equal(raw_send(&raw, bytes, size - 2, NULL, 0), 0);
    assert_true(fixture_until(is_read, &raw.fd));
    fixture_hold_broker();
    assert_int_equal(raw_send(&raw, bytes + size - 2, 2, &pair.near, 1), 0);
    pair_let_go(&pair);
    fixture_continue_broker();
    is_served_often(&other);
    guest_is_told(&raw, 5, MISMATCH);
    raw_header(bytes, 0, 1, 0);
    fixture_hold_broker();
    assert_int_equal(raw_send(&raw, bytes, RAW_HEADER, &last.near, 1), 0);
    pair_let_go(&last);
    fixture_continue_broker();
    is_served_often(&other);
    guest_is_ended(&raw);
    fixture_until_fds(fixture_broker(), 1);
    pair_drain(&pair);
    pair_drain(&last);
}

/* ---- (d) with the table nearly full --------------------------------------------------------------------------------------------- */

/* What is on its way out takes its place as well, so it is full only if it is when nothing is. */
static void fill(struct raw *raw, int fd) {
    int64_t number = 0;
    int code;

    for (int refused = 0; refused < 2; refused++) {
        for (; (code = raw_evt(raw, fd, number, PORTD__V1__MODE__MODE_READ, NULL)) == 0; refused = 0)
            number++;
        assert_int_equal(code, LIMIT);
        guest_until_closed(raw);
    }
}

static void refused_lingering_sockets(void **state) {
    enum { PAIRS = 5 };
    static struct fixture broker;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw raw, second, other, late;
    struct pair pairs[PAIRS], queued;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_start_limited(&broker, TABLE, NULL);
    guest_open_at(&other, broker.address);
    guest_open_at(&raw, broker.address);
    guest_open_at(&second, broker.address);
    uint64_t id = guest_evt(&raw, event, 100000);
    fill(&raw, event);
    fill(&second, event);
    fixture_hold(&broker);
    for (size_t i = 0; i < PAIRS; i++) {
        pair_make(&pairs[i]);
        size_t size = write_create(bytes, 500 + i, 50000 + (int64_t)i);
        assert_int_equal(raw_send(&second, bytes, size, &pairs[i].near, 1), 0);
        pair_let_go(&pairs[i]);
    }
    fixture_continue(&broker);
    is_served_often(&other);
    assert_int_equal(raw_remove(&raw, id), 0);
    for (size_t i = 0; i < PAIRS; i++)
        guest_is_told(&second, 500 + i, LIMIT);
    /* A connection that is turned away has one in its queue. */
    pair_make(&queued);
    fill(&raw, event);
    fixture_hold(&broker);
    guest_connect_at(&late, broker.address);
    assert_int_equal(raw_send(&late, bytes, write_create(bytes, 5, 5), &queued.near, 1), 0);
    pair_let_go(&queued);
    fixture_continue(&broker);
    is_served_often(&other);
    assert_int_equal(raw_until_end(&late), 0);
    is_served_often(&other);
    for (size_t i = 0; i < PAIRS; i++)
        pair_drain(&pairs[i]);
    pair_drain(&queued);
}

/* ---- others are not held up, whatever one uid has to be closed ----------------------------------------------------------------- */

struct stranger {
    const char *address;
    int told;
};

enum { STRANGERS = 20 };

/* As another uid: removes many lingering sockets at once and tells of each answer. */
static int close_many(void *data) {
    const struct stranger *stranger = data;
    static struct pair pairs[STRANGERS];
    uint64_t ids[STRANGERS];
    struct raw raw;

    if (!guest_become(1000) || raw_open(&raw, stranger->address))
        return 1;
    for (size_t i = 0; i < STRANGERS; i++) {
        if (pair_connect(&pairs[i]) || pair_fill(&pairs[i]) ||
            raw_evt(&raw, pairs[i].near, (int64_t)i, PORTD__V1__MODE__MODE_READ, &ids[i]))
            return 2;
        (void)close(pairs[i].near);
    }
    for (size_t i = 0; i < STRANGERS; i++) {
        raw_request request = PORTD__V1__REQUEST__INIT;
        Portd__V1__Remove remove = PORTD__V1__REMOVE__INIT;
        remove.id = ids[i];
        request.id = 100 + i;
        request.method_case = PORTD__V1__REQUEST__METHOD_REMOVE;
        request.remove = &remove;
        if (raw_send_request(&raw, &request, NULL, 0))
            return 3;
    }
    for (size_t i = 0; i < STRANGERS; i++) {
        raw_reply *reply = raw_next(&raw, NULL);
        if (raw_code(reply) != 0 || write(stranger->told, "r", 1) != 1)
            return 4;
    }
    return 0;
}

/* What one uid has to be closed takes its time; that of another one is closed meanwhile. */
static void closes_of_other_uids_are_not_in_the_way(void **state) {
    static struct fixture broker;
    struct stranger stranger;
    struct raw raw;
    struct pair pair;
    int told[2], answered = 0;
    char byte;

    (void)state;
    guest_pipe(told);
    assert_int_equal(fcntl(told[0], F_SETFL, 0), 0);
    pair_make(&pair);
    guest_start_open(&broker, 0);
    guest_open_at(&raw, broker.address);
    uint64_t id = guest_evt(&raw, pair.near, 5);
    pair_let_go(&pair);
    stranger = (struct stranger){broker.address, told[1]};
    pid_t pid = fixture_fork(close_many, &stranger);
    /* The first is done: the others are in line. */
    assert_true(fixture_poll(told[0], POLLIN) & POLLIN);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_int_equal(raw_remove(&raw, id), 0);
    assert_int_equal(ioctl(told[0], FIONREAD, &answered), 0);
    assert_in_range(answered, 0, STRANGERS - 2);
    pair_drain(&pair);
    assert_int_equal(fixture_reap(pid), 0);
    fixture_until_fds(&broker, 1);
}

/* ---- what one uid throws away takes nobody else's place ------------------------------------------------------------------------- */

enum { THROWERS = 6, THROWN = 60 };

/* As another uid: each of many connections sends a frame with lingering sockets that nobody takes. */
static int throw_many(void *data) {
    const struct stranger *stranger = data;
    static struct raw raws[THROWERS];
    static struct pair pairs[THROWERS][THROWN];
    uint8_t frame[RAW_HEADER + 4];
    int fds[THROWN];

    if (!guest_become(1000))
        return 1;
    for (size_t i = 0; i < THROWERS; i++)
        if (raw_open(&raws[i], stranger->address))
            return 2;
    for (size_t i = 0; i < THROWERS; i++) {
        for (size_t k = 0; k < THROWN; k++) {
            if (pair_connect(&pairs[i][k]) || pair_fill(&pairs[i][k]))
                return 3;
            fds[k] = pairs[i][k].near;
        }
        raw_header(frame, 4, THROWN, 0);
        memcpy(frame + RAW_HEADER, "\x08\x05\x5a\x00", 4);
        if (raw_send(&raws[i], frame, RAW_HEADER + 3, fds, THROWN))
            return 4;
        /* The broker closes last: it has them, or they are in its queue. */
        for (size_t k = 0; k < THROWN; k++)
            (void)close(fds[k]);
        if (raw_send(&raws[i], frame + RAW_HEADER + 3, 1, NULL, 0))
            return 4;
        if (write(stranger->told, "r", 1) != 1)
            return 5;
    }
    return pause();
}

static bool has_no_more(void *data) {
    const struct fixture *broker = data;
    return fixture_broker_fds(broker) <= broker->fds + 2 + THROWERS + 2 * THROWN;
}

static void sockets_thrown_away_fill_a_share_and_no_more(void **state) {
    static struct fixture broker;
    struct stranger stranger;
    struct raw raw, late;
    int told[2], event = fixture_own(eventfd(0, EFD_CLOEXEC));
    char byte;

    (void)state;
    guest_pipe(told);
    guest_start_open(&broker, TABLE);
    guest_open_at(&raw, broker.address);
    stranger = (struct stranger){broker.address, told[1]};
    pid_t pid = fixture_fork(throw_many, &stranger);
    for (int i = 0; i < THROWERS; i++) {
        assert_true(fixture_poll(told[0], POLLIN) & POLLIN);
        assert_int_equal(read(told[0], &byte, 1), 1);
    }
    is_served_often(&raw);
    /* Two frames at most were read: the first one left room for another. */
    raw_reply *reply = guest_status(&raw);
    assert_in_range(reply->status->descriptors_free, 1, TABLE);
    raw_free(reply);
    assert_true(fixture_until(has_no_more, &broker)); /* it opens others for a moment */
    (void)guest_evt(&raw, event, 5);
    guest_open_at(&late, broker.address);
    guest_is_served(&late);
    fixture_end(pid);
    is_served_often(&raw);
}

/* ---- the broker ends --------------------------------------------------------------------------------------------------------------- */

static void the_end_of_the_broker_waits_for_nobody(void **state) {
    static struct fixture broker;
    struct raw raw;
    struct pair pairs[4];
    uint64_t ids[4];

    (void)state;
    fixture_start(&broker, NULL);
    guest_open_at(&raw, broker.address);
    for (size_t i = 0; i < 4; i++) {
        pair_make(&pairs[i]);
        ids[i] = guest_evt(&raw, pairs[i].near, (int64_t)i);
        pair_let_go(&pairs[i]);
    }
    send_remove(&raw, 9, ids[0]);
    send_remove(&raw, 10, ids[1]);
    fixture_stop(&broker);
    for (size_t i = 0; i < 4; i++)
        pair_drain(&pairs[i]);
}

/* Its queue is almost full when it is told to end; the last in it have sent lingering sockets. */
static void the_end_of_the_broker_before_all_are_accepted(void **state) {
    enum { CROWD = 60, LAST = 3 };
    static struct raw crowd[CROWD];
    static struct fixture broker;
    struct pair pairs[LAST];

    (void)state;
    fixture_start(&broker, NULL);
    fixture_hold(&broker);
    for (size_t i = 0; i < CROWD; i++)
        guest_connect_at(&crowd[i], broker.address);
    for (size_t i = 0; i < LAST; i++) {
        pair_make(&pairs[i]);
        assert_int_equal(raw_send(&crowd[CROWD - 1 - i], "x", 1, &pairs[i].near, 1), 0);
        pair_let_go(&pairs[i]);
    }
    for (size_t i = 0; i < CROWD; i++)
        guest_close(&crowd[i]);
    assert_int_equal(kill(broker.pid, SIGTERM), 0);
    fixture_continue(&broker);
    fixture_stop(&broker);
    for (size_t i = 0; i < LAST; i++)
        pair_drain(&pairs[i]);
}

TEST_MAIN(FIXTURE_CASE(remove_of_a_lingering_socket), FIXTURE_CASE(others_requests_overtake_a_remove),
          FIXTURE_CASE(firing_semaphore_of_a_lingering_socket), FIXTURE_CASE(replaced_lingering_socket),
          FIXTURE_CASE(end_of_a_session_with_lingering_sockets), FIXTURE_CASE(removes_fill_the_window),
          FIXTURE_CASE(lingering_socket_in_the_queue_of_a_dead_connection),
          FIXTURE_CASE(lingering_socket_of_a_dead_client), FIXTURE_CASE(lingering_socket_out_of_band),
          FIXTURE_CASE(lingering_socket_in_half_a_frame), FIXTURE_CASE(unwanted_lingering_sockets),
          FIXTURE_CASE(misplaced_lingering_sockets), FIXTURE_CASE_BARE(refused_lingering_sockets),
          FIXTURE_CASE_BARE(closes_of_other_uids_are_not_in_the_way),
          FIXTURE_CASE_BARE(sockets_thrown_away_fill_a_share_and_no_more),
          FIXTURE_CASE_BARE(the_end_of_the_broker_waits_for_nobody),
          FIXTURE_CASE_BARE(the_end_of_the_broker_before_all_are_accepted))
