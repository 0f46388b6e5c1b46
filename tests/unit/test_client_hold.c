/* test_client_hold.c: put, get, take, drop and renew in the library against a fake broker: what is sent, with many descriptors and from the queue;
 * what replies bring, and who closes it; and that nothing is given up on the way. */
#include "tests/support/broker_fake.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>

enum { WINDOW = 2, FIRST_ID = 2, MOST = FRAME_FDS_MAX, LATE_US = 1000 };

/* What a callback has been told; the descriptors are closed by the case. */
struct heard {
    int calls, code;
    bool open; /* `number`, while the callback ran */
    int number;
    size_t n;
    portd_native fds[MOST];
    portd_id ids[MOST];
};

static void hear(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    assert_int_equal(result->size, sizeof(*result));
    heard->calls++;
    heard->code = result->code;
    heard->open = fcntl(heard->number, F_GETFD) >= 0;
    heard->n = result->n_held;
    if (result->fds)
        memcpy(heard->fds, result->fds, result->n_held * sizeof(*result->fds));
    if (result->ids)
        memcpy(heard->ids, result->ids, result->n_held * sizeof(*result->ids));
}

static void process_all(portd_client *client) {
    while (portd_process(client) > 0)
        continue;
}

static ino_t file_of(int fd) {
    struct stat stat;

    assert_int_equal(fstat(fd, &stat), 0);
    return stat.st_ino;
}

static bool is_open(portd_native fd) { return fcntl((int)fd, F_GETFD) >= 0; }

static void close_all(const portd_native *fds, size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_int_equal(close((int)fds[i]), 0);
}

/* A put or get is answered with the ids 9, 17, ... and these descriptors, which are closed here. */
static void reply_held(struct broker_fake *broker, uint64_t id, int method, size_t n, const os_fd *fds,
                       size_t n_fds) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Held held = PORTD__V1__HELD__INIT;
    uint64_t ids[MOST + 1];

    for (size_t i = 0; i < n; i++)
        ids[i] = 9 + 8 * i;
    held.descriptors = ids;
    held.n_descriptors = n;
    reply.id = id;
    reply.result_case = (Portd__V1__Reply__ResultCase)method;
    reply.put = &held;
    broker_reply_fds(broker, &reply, fds, n_fds);
}

static void reply_put(struct broker_fake *broker, uint64_t id, size_t n) {
    reply_held(broker, id, PORTD__V1__REPLY__RESULT_PUT, n, NULL, 0);
}

/* With copies of standard input. */
static void reply_get(struct broker_fake *broker, uint64_t id, size_t n, size_t n_fds) {
    os_fd fds[MOST + 1];

    for (size_t i = 0; i < n_fds; i++)
        fds[i] = dup(0);
    reply_held(broker, id, PORTD__V1__REPLY__RESULT_GET, n, fds, n_fds);
}

/* Three open files, and names for them. */
static const char *const names[] = {"first", "second", "third"};

struct three {
    portd_native fds[3];
    int ends[2];
};

static struct three three_make(void) {
    struct three three;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    assert_int_equal(pipe(three.ends), 0);
    three.fds[0] = three.ends[0];
    three.fds[1] = three.ends[1];
    three.fds[2] = null;
    assert_true(null >= 0);
    return three;
}

static void three_close(const struct three *three) { close_all(three->fds, 3); }

/* ---- what is sent -------------------------------------------------------------------------------------------------- */

static void a_put_is_sent_as_it_is_told(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct three three = three_make();
    const portd_id expects[] = {0, 9, 17};
    portd_lease lease = PORTD_LEASE_INIT;
    portd_id ids[3] = {1, 1, 1};

    (void)state;
    lease.ttl_us = 5000;
    lease.hang_up = 1;
    lease.process = dup(0);
    reply_put(&broker, FIRST_ID, 3);
    assert_int_equal(portd_put(client, "1000", names, three.fds, 3, expects, &lease, PORTD_FOREVER, ids), 1);
    for (size_t i = 0; i < 3; i++)
        assert_true(ids[i] == 9 + 8 * i);
    const Portd__V1__Put *put = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PUT)->put;
    assert_string_equal(put->owner, "1000");
    assert_true(put->n_names == 3 && put->n_expects == 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(put->names[i], names[i]);
        assert_true(put->expects[i] == expects[i]);
    }
    assert_true(put->lease->ttl_us == 5000 && put->lease->process_attached && put->lease->hang_up);
    assert_int_equal(broker.frame.n_fds, 4);
    for (size_t i = 0; i < 3; i++)
        assert_true(file_of(broker.frame.fds[i]) == file_of((int)three.fds[i]));
    assert_true(file_of(broker.frame.fds[3]) == file_of(0));

    reply_put(&broker, FIRST_ID + 1, 1);
    assert_int_equal(portd_put(client, NULL, names, three.fds, 1, NULL, NULL, PORTD_FOREVER, NULL), 1);
    put = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PUT)->put;
    assert_string_equal(put->owner, "");
    assert_true(put->n_names == 1 && put->n_expects == 0 && !put->lease);
    assert_int_equal(broker.frame.n_fds, 1);
    assert_true(is_open(three.fds[0]) && is_open(lease.process));
    close((int)lease.process);
    three_close(&three);
    portd_disconnect(client);
    broker_close(&broker);
}

enum { PUTS = 12, PUTS_EACH = 200 };

struct reads {
    struct broker_fake broker;
    int left;
};

static void read_what_came(struct reads *reads) {
    struct broker_fake *broker = &reads->broker;

    while (line_is_ready(transport_pollable(broker->connection))) {
        assert_int_equal(channel_fill(&broker->channel, broker_discard, NULL), 1);
        while (channel_next(&broker->channel, &broker->frame) == 1) {
            assert_int_equal(broker->frame.n_fds, PUTS_EACH);
            for (size_t i = 0; i < PUTS_EACH; i++)
                os_close(broker->frame.fds[i]);
            reads->left--;
        }
        assert_int_equal(channel_rest(&broker->channel), 0);
    }
}

static void *read_the_others(void *data) {
    struct reads *reads = data;

    for (; reads->left > 0; reads->left--)
        broker_expect(&reads->broker, PORTD__V1__REQUEST__METHOD_PUT);
    broker_hang_up(&reads->broker);
    return NULL;
}

/* The first ones fill the socket, the others wait in the library. All are sent as the broker reads, although it answers none: also if there is
 * room for what waits in the channel at the moment when the client goes to sleep. */
static void puts_that_wait_need_no_reply(void **state) {
    enum { LONG = 240 };
    static char texts[PUTS_EACH][LONG + 1];
    struct reads reads = {.left = PUTS};
    portd_client *client = broker_meet(&reads.broker, NULL, 2 * PUTS);
    const char *many[PUTS_EACH];
    portd_native fds[PUTS_EACH];
    struct heard heard = {0};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), r = 1;
    pthread_t thread;

    (void)state;
    assert_true(null >= 0);
    for (int i = 0; i < PUTS_EACH; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%0*d", LONG, i);
        many[i] = texts[i];
        fds[i] = null;
    }
    for (int i = 0; i < PUTS; i++)
        assert_int_equal(portd_put_start(client, NULL, many, fds, PUTS_EACH, NULL, NULL, hear, &heard, NULL),
                         1);
    process_all(client);
    read_what_came(&reads);
    assert_true(reads.left > 2);
    assert_int_equal(pthread_create(&thread, NULL, read_the_others, &reads), 0);
    while (r == 1)
        r = portd_poll(client, portd_now() + (int64_t)20 * 1000 * 1000);
    assert_int_equal(r, PORTD_E_DISCONNECTED); /* not the deadline */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(heard.calls, PUTS);
    close(null);
    portd_disconnect(client);
    broker_close(&reads.broker);
}

static void gets_drops_and_renewals_are_sent_as_they_are_told(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, 8);
    const portd_id expects[] = {9, 17, 25};
    portd_lease lease = PORTD_LEASE_INIT;
    struct heard heard = {0};

    (void)state;
    for (int take = 0; take < 2; take++) {
        assert_int_equal(
            (take ? portd_take_start : portd_get_start)(client, "7", names, 3, expects, hear, &heard, NULL),
            1);
        process_all(client);
        const Portd__V1__Get *get = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_GET)->get;
        assert_string_equal(get->owner, "7");
        assert_true(get->take == take && get->n_names == 3 && get->n_expects == 3 && get->expects[2] == 25);
        assert_string_equal(get->names[2], "third");
    }
    broker_reply_done(&broker, FIRST_ID + 2, PORTD__V1__REPLY__RESULT_DROP);
    assert_int_equal(portd_drop(client, "7", names, 2, expects, PORTD_FOREVER), 1);
    const Portd__V1__Drop *drop = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_DROP)->drop;
    assert_string_equal(drop->owner, "7");
    assert_true(drop->n_names == 2 && drop->n_expects == 2 && drop->expects[1] == 17);
    assert_string_equal(drop->names[1], "second");
    lease.ttl_us = 1;
    lease.process = 0;
    broker_reply_done(&broker, FIRST_ID + 3, PORTD__V1__REPLY__RESULT_RENEW);
    assert_int_equal(portd_renew(client, NULL, names, 1, &lease, PORTD_FOREVER), 1);
    const Portd__V1__Renew *renew = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_RENEW)->renew;
    assert_true(*renew->owner == '\0' && renew->n_names == 1);
    assert_true(renew->lease->ttl_us == 1 && renew->lease->process_attached && !renew->lease->hang_up);
    assert_int_equal(broker.frame.n_fds, 1);
    broker_reply_done(&broker, FIRST_ID + 4, PORTD__V1__REPLY__RESULT_RENEW);
    assert_int_equal(portd_renew(client, NULL, names, 1, NULL, PORTD_FOREVER), 1);
    assert_null(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_RENEW)->renew->lease);
    assert_int_equal(broker.frame.n_fds, 0);
    portd_disconnect(client);
    broker_close(&broker);
}

static void what_is_refused_sends_nothing(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    struct {
        portd_lease lease;
        char later;
    } newer = {PORTD_LEASE_INIT, 1};
    portd_lease lease = PORTD_LEASE_INIT, blank = {0};
    const char *many[MOST + 1], *bad[] = {"name", NULL};
    portd_native fds[MOST + 1];
    char longest[257];

    (void)state;
    memset(longest, 'n', 256);
    longest[256] = '\0';
    for (size_t i = 0; i <= MOST; i++) {
        many[i] = "name";
        fds[i] = 0;
    }
#define REFUSED(call, field)                                                                                 \
    (assert_int_equal(call, PORTD_E_INVALID), assert_string_equal(portd_last_field(client), field))
    REFUSED(portd_put_start(client, NULL, NULL, fds, 1, NULL, NULL, hear, &heard, NULL), "names");
    REFUSED(portd_put_start(client, NULL, many, NULL, 1, NULL, NULL, hear, &heard, NULL), "fds");
    REFUSED(portd_put_start(client, NULL, many, fds, 0, NULL, NULL, hear, &heard, NULL), "n");
    REFUSED(portd_put_start(client, NULL, many, fds, MOST + 1, NULL, NULL, hear, &heard, NULL), "n");
    REFUSED(portd_get_start(client, NULL, many, MOST + 1, NULL, hear, &heard, NULL), "n");
    REFUSED(portd_drop_start(client, NULL, many, 0, NULL, hear, &heard, NULL), "n");
    REFUSED(portd_renew_start(client, NULL, bad, 2, NULL, hear, &heard, NULL), "names");
    for (int i = 0; i < 2; i++) {
        bad[1] = i ? longest : "";
        REFUSED(portd_get_start(client, NULL, bad, 2, NULL, hear, &heard, NULL), "names");
        REFUSED(portd_hold_to_evt_start(client, NULL, bad[1], PORTD_MODE_READ, hear, &heard, NULL), "name");
        REFUSED(portd_hold_to_port_start(client, NULL, bad[1], PORTD_READ, hear, &heard, NULL), "name");
    }
    REFUSED(portd_hold_to_semaphore_start(client, NULL, NULL, PORTD_MODE_READ, hear, &heard, NULL), "name");
    REFUSED(portd_hold_to_semaphore_start(client, NULL, "name", 6, hear, &heard, NULL), "mode");
    REFUSED(portd_hold_to_port_start(client, NULL, "name", PORTD_NO_CLOSE, hear, &heard, NULL), "flags");
    fds[1] = -1;
    REFUSED(portd_put_start(client, NULL, many, fds, 2, NULL, NULL, hear, &heard, NULL), "fds");
    fds[1] = 0;
    REFUSED(portd_put_take_start(client, NULL, many, fds, 2, NULL, NULL, hear, &heard, NULL), "fds");
    lease.process = -2;
    REFUSED(portd_put_start(client, NULL, many, fds, 1, NULL, &lease, hear, &heard, NULL), "process");
    REFUSED(portd_put_start(client, NULL, many, fds, 1, NULL, &blank, hear, &heard, NULL), "lease");
    lease.process = -1;
    lease.hang_up = 2;
    REFUSED(portd_put_start(client, NULL, many, fds, 1, NULL, &lease, hear, &heard, NULL), "hang_up");
    lease.hang_up = 0;
    lease.process = 0;
    REFUSED(portd_put_start(client, NULL, many, fds, MOST, NULL, &lease, hear, &heard, NULL), "n");
    newer.lease.size = offsetof(__typeof__(newer), later) + 1;
    assert_int_equal(portd_renew_start(client, NULL, many, 1, &newer.lease, hear, &heard, NULL),
                     PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_get(client, NULL, many, 1, NULL, 0, NULL, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_put(NULL, NULL, many, fds, 1, NULL, NULL, 0, NULL), PORTD_E_INVALID);
    process_all(client);
    assert_true(broker_hears_nothing(&broker));
    assert_int_equal(heard.calls, 0);
    newer.later = 0; /* what it does not ask for needs no newer library */
    assert_int_equal(portd_renew_start(client, NULL, many, 1, &newer.lease, hear, &heard, NULL), 1);
    portd_disconnect(client);
    broker_close(&broker);
}

/* As many and as long as they may be, before the welcome (then they wait in the library) or after it. The caller's arrays and numbers are free at
 * once. */
static void check_largest(bool queued) {
    static char texts[MOST][256];
    const char *all[MOST];
    portd_native fds[MOST];
    portd_id expects[MOST];
    struct broker_fake broker;
    struct heard heard = {0};
    portd_client *client;
    int code = 0;

    broker_listen(&broker);
    assert_int_equal(portd_connect_start(broker.place.address, NULL, broker_met, &code, &client), 1);
    broker_accept(&broker);
    uint64_t hello = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO)->id;
    if (!queued) {
        broker_welcome(&broker, hello, WINDOW);
        process_all(client);
    }
    size_t before = test_fds_count();
    for (size_t i = 0; i < MOST; i++) {
        memset(texts[i], 'a', 255);
        snprintf(texts[i], 4, "%03zu", i);
        texts[i][3] = 'a';
        all[i] = texts[i];
        fds[i] = dup(0);
        expects[i] = (UINT64_C(1) << 53) - 7;
    }
    assert_int_equal(portd_put_start(client, NULL, all, fds, MOST, expects, NULL, hear, &heard, NULL), 1);
    close_all(fds, MOST);
    memset(expects, 0, sizeof(expects));
    for (size_t i = 0; i < MOST; i++)
        texts[i][254] = 'z';
    if (queued) {
        assert_int_equal(test_fds_count(), before + MOST);
        broker_welcome(&broker, hello, WINDOW);
        process_all(client);
    }
    assert_int_equal(test_fds_count(), before);
    const Portd__V1__Request *request = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PUT);
    assert_int_equal(request->put->n_names, MOST);
    assert_int_equal(broker.frame.n_fds, MOST);
    for (size_t i = 0; i < MOST; i++) {
        texts[i][254] = 'a';
        assert_string_equal(request->put->names[i], texts[i]);
        assert_true(request->put->expects[i] == (UINT64_C(1) << 53) - 7);
        assert_true(file_of(broker.frame.fds[i]) == file_of(0));
    }
    reply_put(&broker, request->id, MOST);
    process_all(client);
    assert_int_equal(heard.code, 1);
    assert_int_equal(heard.n, MOST);
    assert_true(heard.ids[MOST - 1] == 9 + 8 * (MOST - 1));
    portd_disconnect(client);
    broker_close(&broker);
}

static void the_largest_put_is_sent_whole(void **state) {
    (void)state;
    check_largest(false);
}

static void the_largest_put_waits_in_the_library(void **state) {
    (void)state;
    check_largest(true);
}

/* An owner that nobody has, so long that the message is too long. */
static void what_is_too_long_is_refused(void **state) {
    static char owner[FRAME_LONG_MAX];
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const portd_native fds[] = {0};
    struct heard heard = {0};

    (void)state;
    memset(owner, '1', sizeof(owner) - 1);
    assert_int_equal(portd_put(client, owner, names, fds, 1, NULL, NULL, PORTD_FOREVER, NULL),
                     PORTD_E_INVALID);
    assert_int_equal(portd_get_start(client, owner, names, 1, NULL, hear, &heard, NULL), PORTD_E_INVALID);
    owner[FRAME_REQUEST_MAX] = '\0'; /* only calls with many names may be so long */
    assert_int_equal(portd_list_holds_start(client, owner, 0, hear, &heard, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_drop_start(client, owner, names, 1, NULL, hear, &heard, NULL), 1);
    assert_int_equal(portd_renew_start(client, owner, names, 1, NULL, hear, &heard, NULL), 1);
    process_all(client);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_DROP);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_RENEW);
    portd_disconnect(client);
    broker_close(&broker);
}

/* Whether it could be sent at once or not: the number is told, and nothing is left. */
static void one_that_is_not_open_is_told(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct three three = three_make();
    struct heard heard = {0};
    char number[64];

    (void)state;
    snprintf(number, sizeof(number), "descriptor %d is not open", (int)three.fds[1]);
    close((int)three.fds[1]);
    for (int i = 0; i <= WINDOW; i++) {
        size_t before = test_fds_count();
        assert_int_equal(portd_put_start(client, NULL, names, three.fds, 3, NULL, NULL, hear, &heard, NULL),
                         PORTD_E_INVALID);
        assert_string_equal(portd_last_error(client), number);
        assert_int_equal(portd_last_errno(client), EBADF);
        assert_int_equal(test_fds_count(), before);
        if (i < WINDOW)
            assert_int_equal(portd_ping_start(client, hear, &heard, NULL), 1);
    }
    process_all(client);
    for (int i = 0; i < WINDOW; i++)
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
    assert_true(broker_hears_nothing(&broker));
    close((int)three.fds[0]);
    close((int)three.fds[2]);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- what replies bring -------------------------------------------------------------------------------------------- */

static void numbers_are_given_away_once_they_are_held(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct three three = three_make();
    struct heard heard = {.number = (int)three.fds[2]};
    portd_lease lease = PORTD_LEASE_INIT;
    portd_id ids[3];

    (void)state;
    lease.process = dup(0);
    broker_reply_error(&broker, FIRST_ID, PORTD__V1__CODE__CODE_EXISTS, "descriptor 9 is held");
    assert_int_equal(portd_put_take(client, NULL, names, three.fds, 3, NULL, &lease, PORTD_FOREVER, ids),
                     PORTD_E_EXISTS);
    assert_string_equal(portd_last_error(client), "descriptor 9 is held");
    reply_put(&broker, FIRST_ID + 1, 2); /* nonsense */
    assert_int_equal(portd_put_take(client, NULL, names, three.fds, 3, NULL, &lease, PORTD_FOREVER, ids),
                     PORTD_E_GARBLED);
    assert_true(ids[0] == 0 && ids[2] == 0);
    for (int i = 0; i < 3; i++)
        assert_true(is_open(three.fds[i]));
    assert_int_equal(
        portd_put_take_start(client, NULL, names, three.fds, 3, NULL, &lease, hear, &heard, NULL), 1);
    process_all(client);
    for (int i = 0; i < 3; i++)
        assert_true(is_open(three.fds[i])); /* not before the broker has them */
    reply_put(&broker, FIRST_ID + 2, 3);
    process_all(client);
    assert_int_equal(heard.code, 1);
    assert_false(heard.open);
    for (int i = 0; i < 3; i++)
        assert_false(is_open(three.fds[i]));
    assert_true(is_open(lease.process));
    close((int)lease.process);
    /* The same request struct is used again: this put closes nothing. */
    three = three_make();
    reply_put(&broker, FIRST_ID + 3, 3);
    assert_int_equal(portd_put(client, NULL, names, three.fds, 3, NULL, NULL, PORTD_FOREVER, NULL), 1);
    three_close(&three);
    portd_disconnect(client);
    broker_close(&broker);
}

static void copies_come_in_the_order_of_the_names(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct three three = three_make();
    portd_native fds[3];
    portd_id ids[3];

    (void)state;
    for (uint64_t take = 0; take < 2; take++) {
        os_fd copies[3];
        for (int i = 0; i < 3; i++)
            copies[i] = dup((int)three.fds[i]);
        reply_held(&broker, FIRST_ID + take, PORTD__V1__REPLY__RESULT_GET, 3, copies, 3);
        assert_int_equal(
            (take ? portd_take : portd_get)(client, NULL, names, 3, NULL, PORTD_FOREVER, fds, ids), 1);
        for (size_t i = 0; i < 3; i++) {
            assert_true(file_of((int)fds[i]) == file_of((int)three.fds[i]));
            assert_int_equal(fcntl((int)fds[i], F_GETFD), FD_CLOEXEC);
            assert_true(ids[i] == 9 + 8 * i);
        }
        close_all(fds, 3);
    }
    three_close(&three);
    portd_disconnect(client);
    broker_close(&broker);
}

/* As many as a frame has. */
static void a_full_reply_is_taken_whole(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const char *all[MOST];
    struct heard heard = {0};

    (void)state;
    for (size_t i = 0; i < MOST; i++)
        all[i] = "name";
    assert_int_equal(portd_take_start(client, NULL, all, MOST, NULL, hear, &heard, NULL), 1);
    reply_get(&broker, FIRST_ID, MOST, MOST);
    process_all(client);
    assert_int_equal(heard.code, 1);
    assert_int_equal(heard.n, MOST);
    for (size_t i = 0; i < MOST; i++)
        assert_true(file_of((int)heard.fds[i]) == file_of(0));
    close_all(heard.fds, MOST);
    portd_disconnect(client);
    broker_close(&broker);
}

/* What comes with it is closed. */
static void another_number_than_asked_is_refused(void **state) {
    static const struct {
        size_t n, n_fds;
        int code;
    } strange[] = {{2, 1, PORTD_E_MISMATCH}, {2, 3, PORTD_E_MISMATCH}, {2, 0, PORTD_E_MISMATCH},
                   {1, 2, PORTD_E_GARBLED},  {3, 2, PORTD_E_GARBLED},  {3, 3, PORTD_E_GARBLED}};
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_native fds[2];
    portd_id ids[2];

    (void)state;
    size_t before = test_fds_count();
    for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++) {
        ids[0] = 1;
        reply_get(&broker, FIRST_ID + i, strange[i].n, strange[i].n_fds);
        assert_int_equal(portd_get(client, NULL, names, 2, NULL, PORTD_FOREVER, fds, ids), strange[i].code);
        assert_true(fds[0] == -1 && fds[1] == -1 && ids[0] == 0);
        assert_int_equal(test_fds_count(), before);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- giving up ----------------------------------------------------------------------------------------------------- */

static void a_late_get_is_closed(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_request *request;
    struct heard heard = {0};
    portd_native fds[2];

    (void)state;
    size_t before = test_fds_count();
    assert_int_equal(portd_get(client, NULL, names, 2, NULL, 0, fds, NULL), PORTD_E_TIMEOUT);
    assert_int_equal(portd_get_start(client, NULL, names, 2, NULL, hear, &heard, &request), 1);
    portd_cancel(request);
    process_all(client);
    assert_int_equal(heard.code, PORTD_E_CANCELLED);
    for (uint64_t i = 0; i < 2; i++)
        reply_get(&broker, FIRST_ID + i, 2, 2);
    process_all(client);
    assert_int_equal(test_fds_count(), before);
    assert_int_equal(heard.calls, 1);
    portd_disconnect(client);
    broker_close(&broker);
}

struct late {
    struct broker_fake *broker;
    Portd__V1__Request__MethodCase method;
};

/* Answers a put or take of one name long after its deadline. */
static void *answer_late(void *data) {
    const struct late *late = data;
    uint64_t id = broker_expect(late->broker, late->method)->id;
    int64_t until = portd_now() + 20 * LATE_US;

    while (portd_now() < until)
        continue;
    if (late->method == PORTD__V1__REQUEST__METHOD_PUT)
        reply_put(late->broker, id, 1);
    else
        reply_get(late->broker, id, 1, 1);
    return NULL;
}

/* The deadline of what hands over descriptors does not part them from their owner: the answer is waited for. */
static void what_was_sent_is_not_given_up(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct late late = {&broker, PORTD__V1__REQUEST__METHOD_PUT};
    portd_native fd = dup(0), got;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, answer_late, &late), 0);
    assert_int_equal(portd_put_take(client, NULL, names, &fd, 1, NULL, NULL, portd_now() + LATE_US, NULL), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(is_open(fd));
    late.method = PORTD__V1__REQUEST__METHOD_GET;
    assert_int_equal(pthread_create(&thread, NULL, answer_late, &late), 0);
    assert_int_equal(portd_take(client, NULL, names, 1, NULL, portd_now() + LATE_US, &got, NULL), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close((int)got);
    /* Nor does a wakeup, which is kept. */
    assert_int_equal(pthread_create(&thread, NULL, answer_late, &late), 0);
    portd_wakeup(client);
    assert_int_equal(portd_take(client, NULL, names, 1, NULL, PORTD_FOREVER, &got, NULL), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close((int)got);
    assert_int_equal(portd_poll(client, 0), PORTD_E_INTERRUPTED);
    portd_disconnect(client);
    broker_close(&broker);
}

static void a_cancel_does_not_part_them_either(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard put = {0}, take = {0};
    portd_request *requests[2];
    const portd_native fd = 0;

    (void)state;
    assert_int_equal(portd_put_start(client, NULL, names, &fd, 1, NULL, NULL, hear, &put, &requests[0]), 1);
    assert_int_equal(portd_take_start(client, NULL, names, 1, NULL, hear, &take, &requests[1]), 1);
    for (int i = 0; i < 2; i++)
        portd_cancel(requests[i]);
    process_all(client);
    assert_true(put.calls == 0 && take.calls == 0);
    reply_put(&broker, FIRST_ID, 1);
    reply_get(&broker, FIRST_ID + 1, 1, 1);
    process_all(client);
    assert_true(put.code == 1 && take.code == 1);
    assert_true(put.calls == 1 && take.calls == 1);
    close_all(take.fds, 1);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PUT);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_GET);
    assert_true(broker_hears_nothing(&broker));
    portd_disconnect(client);
    broker_close(&broker);
}

/* What was not sent is given up at once, and its copies are closed. */
static void what_was_not_sent_is_given_up(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard pinged = {0}, put = {0};
    portd_request *request;
    portd_native fd = dup(0), got;

    (void)state;
    for (int i = 0; i < WINDOW; i++)
        assert_int_equal(portd_ping_start(client, hear, &pinged, NULL), 1);
    size_t before = test_fds_count();
    assert_int_equal(portd_put_take(client, NULL, names, &fd, 1, NULL, NULL, 0, NULL), PORTD_E_TIMEOUT);
    assert_int_equal(portd_take(client, NULL, names, 1, NULL, 0, &got, NULL), PORTD_E_TIMEOUT);
    assert_int_equal(portd_put_start(client, NULL, names, &fd, 1, NULL, NULL, hear, &put, &request), 1);
    assert_int_equal(test_fds_count(), before + 1);
    portd_cancel(request);
    process_all(client);
    assert_int_equal(put.code, PORTD_E_CANCELLED);
    assert_int_equal(test_fds_count(), before);
    for (uint64_t i = 0; i < WINDOW; i++) {
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
        broker_reply_pong(&broker, FIRST_ID + i);
    }
    process_all(client);
    assert_true(broker_hears_nothing(&broker));
    close((int)fd);
    portd_disconnect(client);
    broker_close(&broker);
}

/* A broker that does not answer: two seconds later nobody knows. What it answers then is closed. */
static void what_nobody_answers_is_uncertain(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_native got;

    (void)state;
    size_t before = test_fds_count();
    assert_int_equal(portd_take(client, NULL, names, 1, NULL, 0, &got, NULL), PORTD_E_UNCERTAIN);
    assert_true(got == -1);
    reply_get(&broker, FIRST_ID, 1, 1);
    process_all(client);
    assert_int_equal(test_fds_count(), before);
    portd_disconnect(client);
    broker_close(&broker);
}

static void lost_with_the_connection(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, 6);
    const portd_native fd = 0;
    const portd_id id = 9;
    struct heard uncertain = {0}, lost = {0};

    (void)state;
    size_t before = test_fds_count();
    assert_int_equal(portd_put_start(client, NULL, names, &fd, 1, NULL, NULL, hear, &uncertain, NULL), 1);
    assert_int_equal(portd_put_start(client, NULL, names, &fd, 1, &id, NULL, hear, &uncertain, NULL), 1);
    assert_int_equal(portd_take_start(client, NULL, names, 1, NULL, hear, &uncertain, NULL), 1);
    assert_int_equal(portd_get_start(client, NULL, names, 1, NULL, hear, &lost, NULL), 1);
    assert_int_equal(portd_drop_start(client, NULL, names, 1, NULL, hear, &lost, NULL), 1);
    assert_int_equal(portd_renew_start(client, NULL, names, 1, NULL, hear, &lost, NULL), 1);
    assert_int_equal(portd_put_start(client, NULL, names, &fd, 1, NULL, NULL, hear, &lost, NULL), 1);
    assert_int_equal(portd_take_start(client, NULL, names, 1, NULL, hear, &lost, NULL), 1);
    process_all(client);
    broker_hang_up(&broker);
    assert_int_equal(portd_process(client), PORTD_E_DISCONNECTED);
    assert_true(uncertain.calls == 3 && uncertain.code == PORTD_E_UNCERTAIN);
    assert_true(lost.calls == 5 && lost.code == PORTD_E_DISCONNECTED);
    assert_int_equal(test_fds_count(), before - 1); /* and the broker's end */
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

struct budget {
    int left;   /* allocations until there is no more memory */
    int blocks; /* that are out */
    bool refused;
};

static void *budget_allocate(void *context, void *old, size_t size) {
    struct budget *budget = context;

    if (size == 0) {
        budget->blocks--;
        free(old);
        return NULL;
    }
    if (budget->left-- <= 0) {
        budget->refused = true;
        return NULL;
    }
    if (!old)
        budget->blocks++;
    return realloc(old, size);
}

/* One of everything that allocates, after the welcome or in the queue. A call that fails has changed nothing: the numbers are the caller's. */
static void walk(portd_client *client, bool queued) {
    static char longest[FRAME_REQUEST_MAX];
    const portd_native fds[] = {dup(0), dup(0)};
    struct heard heard[5] = {{0}};
    int r[5];

    memset(longest, '0', sizeof(longest) - 1); /* too long for a request of another kind */
    for (int i = 0; queued && i < WINDOW; i++)
        if (portd_ping_start(client, hear, &heard[4], NULL) < 0)
            queued = false;
    r[0] = portd_put_take_start(client, NULL, names, fds, 2, NULL, NULL, hear, &heard[0], NULL);
    r[1] = portd_put_start(client, longest, names, fds, 2, NULL, NULL, hear, &heard[1], NULL);
    r[2] = portd_take_start(client, NULL, names, 2, NULL, hear, &heard[2], NULL);
    r[3] = portd_list_holds_start(client, NULL, 0, hear, &heard[3], NULL);
    for (int i = 0; i < 4; i++)
        assert_true(r[i] == 1 || r[i] == PORTD_E_MEMORY);
    process_all(client);
    assert_true(is_open(fds[0]) && is_open(fds[1]));
    portd_disconnect(client);
    for (int i = 0; i < 4; i++)
        assert_int_equal(heard[i].calls, r[i] == 1);
    close_all(fds, 2);
}

static void every_allocation_may_fail(void **state) {
    struct budget budget;
    portd_options options = PORTD_OPTIONS_INIT;

    (void)state;
    options.allocate = budget_allocate;
    options.context = &budget;
    for (int queued = 0; queued < 2; queued++) {
        int n = 0;
        do {
            struct broker_fake broker;
            budget = (struct budget){.left = INT_MAX};
            portd_client *client = broker_meet(&broker, &options, WINDOW);
            budget.left = n++;
            walk(client, queued);
            assert_int_equal(budget.blocks, 0);
            broker_close(&broker);
        } while (budget.refused);
        assert_true(n > 3);
    }
}

/* What was taken is told although there is no memory left for anything. */
static void a_take_needs_no_memory_to_be_told(void **state) {
    struct broker_fake broker;
    struct budget budget = {.left = INT_MAX};
    portd_options options = PORTD_OPTIONS_INIT;
    const char *all[MOST];
    struct heard heard = {0};

    (void)state;
    for (size_t i = 0; i < MOST; i++)
        all[i] = "name";
    options.allocate = budget_allocate;
    options.context = &budget;
    portd_client *client = broker_meet(&broker, &options, WINDOW);
    assert_int_equal(portd_take_start(client, NULL, all, MOST, NULL, hear, &heard, NULL), 1);
    process_all(client);
    budget.left = 0;
    reply_get(&broker, FIRST_ID, MOST, MOST);
    process_all(client);
    assert_int_equal(heard.code, 1);
    close_all(heard.fds, MOST);
    portd_disconnect(client);
    assert_int_equal(budget.blocks, 0);
    broker_close(&broker);
}

TEST_MAIN(TEST_CASE(a_put_is_sent_as_it_is_told), TEST_CASE(puts_that_wait_need_no_reply),
          TEST_CASE(gets_drops_and_renewals_are_sent_as_they_are_told),
          TEST_CASE(what_is_refused_sends_nothing), TEST_CASE(the_largest_put_is_sent_whole),
          TEST_CASE(the_largest_put_waits_in_the_library), TEST_CASE(what_is_too_long_is_refused),
          TEST_CASE(one_that_is_not_open_is_told), TEST_CASE(numbers_are_given_away_once_they_are_held),
          TEST_CASE(copies_come_in_the_order_of_the_names), TEST_CASE(a_full_reply_is_taken_whole),
          TEST_CASE(another_number_than_asked_is_refused), TEST_CASE(a_late_get_is_closed),
          TEST_CASE(what_was_sent_is_not_given_up), TEST_CASE(a_cancel_does_not_part_them_either),
          TEST_CASE(what_was_not_sent_is_given_up), TEST_CASE(what_nobody_answers_is_uncertain),
          TEST_CASE(lost_with_the_connection), TEST_CASE(every_allocation_may_fail),
          TEST_CASE(a_take_needs_no_memory_to_be_told))
