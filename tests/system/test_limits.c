/* test_limits.c: the descriptor table, quotas and uids without identity. A request that would leave too little room is refused
 * with a limit that names itself and its holders; a request that releases something succeeds. That a broker without room does not
 * spin is in tests/cost. */
#include "batch.h"
#include "guest.h"

#include "proto/status.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
    LIMIT = PORTD__V1__CODE__CODE_LIMIT,
    DENIED = PORTD__V1__CODE__CODE_DENIED,
    TABLE = 1100, /* of the brokers in here */
    OTHER_UID = 1000,
    NOBODY = 65534,
    MESSAGE_MAX = 512
};

/* The text of a refusal, checked for what it must be to anybody. */
static int refusal(raw_reply *reply, char message[MESSAGE_MAX]) {
    message[0] = '\0';
    if (reply && reply->error) {
        (void)snprintf(message, MESSAGE_MAX, "%s", reply->error->message);
        assert_true(status_utf8(reply->error->message));
        assert_true(strlen(reply->error->message) > 0);
    }
    return raw_code(reply);
}

static raw_reply *ask_evt(struct raw *raw, int fd, int64_t number) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;

    descriptor.number = number;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    request.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    request.fd_to_evt = &descriptor;
    return raw_ask_fds(raw, &request, &fd, 1);
}

/* Descriptors until no more are taken: how many. The refusal names the limit and who holds most. */
static int64_t fill(struct raw *raw, int fd, int64_t number) {
    char message[MESSAGE_MAX], session[32];
    int64_t first = number;
    int code;

    /* What is on its way out takes its place as well, so it is full only if it is when nothing is. */
    for (int refused = 0; refused < 2; refused++) {
        for (; (code = refusal(ask_evt(raw, fd, number), message)) == 0; refused = 0)
            number++;
        guest_until_closed(raw);
    }
    assert_int_equal(code, LIMIT);
    (void)snprintf(session, sizeof(session), "%llu", (unsigned long long)raw->session);
    assert_non_null(strstr(message, "descriptor"));
    if (number - first > TABLE / 8) /* this session is the one that has most */
        assert_non_null(strstr(message, session));
    return number - first;
}

/* One session may not take all that its uid may, so it takes two to fill the table. */
static int64_t fill_table(struct raw *raw, struct raw *other, int fd) {
    int64_t n = fill(raw, fd, 0);

    return n + fill(other, fd, 0);
}

static int remove_number(struct raw *raw, int64_t number) {
    return raw_evt(raw, -1, number, PORTD__V1__MODE__MODE_REMOVE, NULL);
}

static int end_session(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;

    end.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    return raw_code(raw_ask(raw, &request));
}

/* ---- how little is enough ------------------------------------------------------------------------------------------------- */

/* A broker with so few descriptors: started by hand, as it may refuse to. */
struct little {
    pid_t pid;
    char folder[64], address[96];
    int said; /* its stderr */
    int ready;
    rlim_t limit;
};

static int run_little(void *data) {
    struct little *little = data;
    const char *path = getenv("PORTD_DAEMON");
    struct rlimit limit = {little->limit, little->limit};
    int null = open("/dev/null", O_RDONLY);
    if (dup2(null, 0) < 0 || dup2(little->said, 1) < 0 || dup2(little->said, 2) < 0 ||
        dup2(little->ready, 3) < 0)
        return 126;
    if (fixture_close_above(3) || setrlimit(RLIMIT_NOFILE, &limit))
        return 126;
    (void)execl(path, "portd", "--listen", little->address, "--notify-fd", "3", (char *)NULL);
    return 127;
}

/* Starts it with that limit. True: it says that it is ready. False: it has ended, with a failure, saying why. */
static bool little_starts(struct little *little, rlim_t limit) {
    int said[2], ready[2];
    char text[1024] = "";

    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    little->said = said[1];
    little->ready = ready[1];
    little->limit = limit;
    little->pid = fixture_fork(run_little, little);
    (void)close(said[1]);
    (void)close(ready[1]);
    char byte = 0;
    bool is_ready = fixture_poll(ready[0], POLLIN) && read(ready[0], &byte, 1) == 1;
    (void)close(ready[0]);
    if (!is_ready) {
        int status = fixture_reap(little->pid);
        ssize_t n = read(said[0], text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        if (status <= 0 || status >= 126)
            fail_msg("with %lu descriptors it ends with %d: %s", (unsigned long)limit, status, text);
        if (!strstr(text, "error"))
            fail_msg("with %lu descriptors it does not say why it ends: \"%s\"", (unsigned long)limit, text);
    }
    (void)close(said[0]);
    return is_ready;
}

/* One client gets everything that a client wants. */
static void little_works(const struct little *little, rlim_t limit) {
    struct raw raw;
    int ends[2];

    if (raw_open(&raw, little->address))
        fail_msg("with %lu descriptors it starts but serves nobody", (unsigned long)limit);
    fixture_own(raw.fd);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    uint64_t id = guest_semaphore(&raw, ends[0], 5);
    assert_int_equal(raw_start_wait(&raw, 9, id), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    guest_is_woken(&raw, 9, id, PORTD__V1__CAUSE__CAUSE_READY);
    (void)close(ends[0]);
    (void)close(ends[1]);
    guest_close(&raw);
}

static void little_ends(struct little *little) {
    assert_int_equal(kill(little->pid, SIGTERM), 0);
    assert_int_equal(fixture_reap(little->pid), 0);
}

/* With whatever limit: it refuses to start and says why, or it works. */
static void any_limit_is_refused_or_works(void **state) {
    struct little little = {.folder = "/tmp/portd-little-XXXXXX"};
    size_t refused = 0, works = 0;

    (void)state;
    if (geteuid() != 0 || !getenv("PORTD_DAEMON"))
        test_skip("needs PORTD_DAEMON and a user who may set limits");
    assert_non_null(mkdtemp(little.folder));
    (void)snprintf(little.address, sizeof(little.address), "unix:%s/portd.sock", little.folder);
    /* A program with sanitizers needs some itself before its first line runs. */
    for (rlim_t limit = guest_is_sanitized() ? 24 : 8; limit < 1500; limit += limit < 40 ? 1 : 41) {
        if (!little_starts(&little, limit)) {
            refused++;
            continue;
        }
        works++;
        little_works(&little, limit);
        little_ends(&little);
    }
    assert_true(refused > 0);
    assert_true(works > 0);
    (void)unlink(little.address + 5);
    assert_int_equal(rmdir(little.folder), 0);
}

/* ---- the table is full ---------------------------------------------------------------------------------------------------- */

static void full_table_refuses_and_gives_back(void **state) {
    static struct fixture broker;
    struct raw raw, other;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_start_limited(&broker, TABLE, NULL);
    guest_open_at(&other, broker.address);
    guest_open_at(&raw, broker.address);
    int64_t n = fill_table(&raw, &other, event);
    assert_in_range(n, 64, TABLE);
    fixture_until_fds(&broker, 2 + (size_t)n); /* what was refused is closed */
    guest_is_served(&raw);
    guest_is_served(&other);
    /* Each one given back is one that can be taken. */
    for (int64_t i = 0; i < 20; i++) {
        assert_int_equal(remove_number(&raw, i), 0);
        assert_int_equal(raw_code(ask_evt(&raw, event, 100000 + i)), 0);
        assert_int_equal(fill(&other, event, 200000), 0);
    }
    /* The same open file again keeps nothing and is answered. */
    assert_int_equal(raw_code(ask_evt(&raw, event, 30)), 0);
    assert_int_equal(end_session(&other, raw.session), 0);
    assert_int_equal(raw_until_end(&raw), 0);
    guest_close(&raw);
    guest_close(&other);
    fixture_until_fds(&broker, 0);
    guest_open_at(&other, broker.address);
    guest_open_at(&raw, broker.address);
    assert_int_equal(fill_table(&raw, &other, event), n);
}

/* A client that connects when there is no room is refused, or waits; when there is room again it is served. */
static void full_table_turns_connections_away(void **state) {
    static struct raw crowd[TABLE];
    static struct fixture broker;
    struct raw raw, other;
    size_t n = 0;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_start_limited(&broker, TABLE, NULL);
    guest_open_at(&raw, broker.address);
    guest_open_at(&other, broker.address);
    (void)fill_table(&raw, &other, event);
    for (int i = 0; i < 300; i++) {
        char message[MESSAGE_MAX];
        struct raw late;
        guest_connect_at(&late, broker.address);
        raw_reply *reply = raw_next(&late, NULL);
        assert_non_null(reply);
        assert_int_equal(reply->id, 0);
        assert_int_equal(refusal(reply, message), LIMIT);
        assert_int_equal(raw_until_end(&late), 0);
        guest_close(&late);
    }
    for (int64_t i = 0; i < 10; i++)
        assert_int_equal(remove_number(&raw, i), 0);
    while (n < TABLE && raw_open(&crowd[n], broker.address) == 0)
        fixture_own(crowd[n++].fd);
    raw_close(&crowd[n]);
    assert_int_equal(n, 10);
    for (size_t i = 0; i < n; i++) {
        guest_is_served(&crowd[i]);
        guest_close(&crowd[i]);
    }
}

/* Only connections: as many as there is room for are served, the others are told. */
static void connections_alone_fill_the_table(void **state) {
    static struct raw crowd[TABLE];
    static struct fixture broker;
    size_t n = 0;

    (void)state;
    guest_start_limited(&broker, TABLE, NULL);
    while (n < TABLE && raw_open(&crowd[n], broker.address) == 0)
        fixture_own(crowd[n++].fd);
    raw_close(&crowd[n]);
    assert_in_range(n, 64, TABLE - 253);
    for (size_t i = 0; i < n; i++)
        guest_is_served(&crowd[i]);
    for (size_t i = 0; i < n; i++)
        guest_close(&crowd[i]);
    fixture_until_fds(&broker, 0);
    guest_open_at(&crowd[0], broker.address);
}

/* Handles are descriptors as well. */
static void full_table_makes_no_handles(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;
    static struct fixture broker;
    struct raw raw, other;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC)), code;
    uint64_t ids[TABLE];
    size_t n = 0;

    (void)state;
    guest_start_limited(&broker, TABLE, NULL);
    guest_open_at(&raw, broker.address);
    guest_open_at(&other, broker.address);
    for (; n < TABLE; n++)
        if (raw_evt(&raw, event, (int64_t)n, PORTD__V1__MODE__MODE_READ, &ids[n]))
            break;
    (void)fill(&other, event, 0);
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    handle.id = ids[0];
    assert_int_equal(raw_code(raw_ask(&raw, &request)), LIMIT);
    for (size_t i = n - 50; i < n; i++)
        assert_int_equal(raw_remove(&raw, ids[i]), 0);
    for (size_t i = 0;; i++) {
        handle.id = ids[i];
        code = raw_code(raw_ask(&raw, &request));
        raw_close_fds(&raw);
        if (code)
            break;
        assert_true(i < 60);
    }
    assert_int_equal(code, LIMIT);
    guest_is_served(&raw);
}

struct attempt {
    struct raw *raw;
    int fd;
    uint64_t id;
};

static bool is_taken(void *data) {
    struct attempt *attempt = data;

    return raw_evt(attempt->raw, attempt->fd, 5, PORTD__V1__MODE__MODE_READ, &attempt->id) == 0;
}

/* Half frames hold what came with them: that is bounded, and never keeps others from being read. */
static void half_frames_cannot_hold_the_table(void **state) {
    enum { SILENT = 12 };
    static struct raw silent[SILENT];
    int copies[252], event = fixture_own(eventfd(0, EFD_CLOEXEC));
    uint8_t bytes[] = {200, 0, 0, 0, 252, 0, 0, 0, 0x08, 5};
    static struct fixture broker;
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < 252; i++)
        copies[i] = event;
    guest_start_limited(&broker, TABLE, NULL);
    guest_open_at(&raw, broker.address);
    for (size_t i = 0; i < SILENT; i++) {
        guest_connect_at(&silent[i], broker.address);
        if (i % 2) /* before hello, and after it */
            (void)raw_hello(&silent[i]);
        (void)raw_send(&silent[i], bytes, sizeof(bytes), copies, 252);
        guest_is_served(&raw);
    }
    /* What could not stay is being closed; then there is room. */
    struct attempt attempt = {.raw = &raw, .fd = event};
    assert_true(fixture_until(is_taken, &attempt));
    assert_int_equal(raw_remove(&raw, attempt.id), 0);
    for (size_t i = 0; i < SILENT; i++)
        guest_close(&silent[i]);
    fixture_until_fds(&broker, 1);
}

/* Half a frame whose descriptors cannot stay: they are closed, and the request is refused when the rest has come. */
static void half_a_frame_is_refused_as_a_whole(void **state) {
    static const size_t firsts[] = {RAW_HEADER, RAW_HEADER + 2, RAW_HEADER + 5};
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;
    uint8_t frame[RAW_HEADER + RAW_BODY_MAX];
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));
    static struct fixture broker;
    struct raw raw, other, half;

    (void)state;
    guest_start_limited(&broker, TABLE, NULL);
    guest_open_at(&raw, broker.address);
    guest_open_at(&other, broker.address);
    guest_open_at(&half, broker.address);
    (void)fill_table(&raw, &other, event);
    request.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    request.fd_to_evt = &descriptor;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    descriptor.number = 400000;
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        request.id = 100 + i;
        size_t size = raw_pack(frame, &request, 1);
        assert_int_equal(raw_send(&half, frame, firsts[i], &event, 1), 0);
        guest_is_served(&raw);
        guest_until_closed(&raw);
        assert_int_equal(raw_send(&half, frame + firsts[i], size - firsts[i], NULL, 0), 0);
        guest_is_told(&half, request.id, LIMIT);
        guest_is_served(&half);
    }
}

/* Owners by pidfd take a place each: those that there is no room for are refused. */
static void owners_cannot_hold_the_table(void **state) {
    static struct raw crowd[TABLE];
    Portd__V1__Hello hello = raw_hello_make();
    static struct fixture broker;
    size_t n = 0, refused = 0;

    (void)state;
    guest_start_limited(&broker, TABLE, NULL);
    /* All connect first, so that only the owners are to be kept afterwards. */
    while (n < TABLE / 4)
        guest_connect_at(&crowd[n++], broker.address);
    int self = fixture_own((int)syscall(SYS_pidfd_open, getpid(), 0));
    hello.owner_attached = 1;
    hello.new_ = 1;
    for (size_t i = 0; i < n; i++)
        refused += raw_hello_with(&crowd[i], &hello, &self, 1) == LIMIT;
    assert_true(refused > 0);
    assert_true(refused < n);
    for (size_t i = 0; i < n; i++)
        guest_close(&crowd[i]);
}

/* ---- quotas ----------------------------------------------------------------------------------------------------------------- */

/* A child with another uid; its results come back by a pipe. */
struct stranger {
    const char *address;
    uid_t uid;
    int fd;     /* to hand in */
    int answer; /* writing end */
    int go;     /* reading end */
};

struct findings {
    int hello, first_code;
    uint64_t session;
    uint64_t limits[6], kept;
    char message[MESSAGE_MAX];
    bool sees_others, ends_others;
};

static int fill_as_stranger(void *data) {
    const struct stranger *stranger = data;
    struct findings findings = {0};
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__StatusOf of = PORTD__V1__STATUS_OF__INIT;
    struct raw raw;
    raw_reply *reply;
    char go;

    if (!guest_become(stranger->uid) || raw_connect(&raw, stranger->address))
        return 1;
    findings.hello = raw_hello(&raw);
    findings.session = raw.session;
    request.method_case = PORTD__V1__REQUEST__METHOD_STATUS;
    request.status = &of;
    reply = raw_ask(&raw, &request);
    if (!reply || !reply->status || reply->status->n_quotas != 6)
        return 2;
    for (size_t i = 0; i < 6; i++)
        findings.limits[i] = reply->status->quotas[i]->limit;
    raw_free(reply);
    for (;; findings.kept++) {
        reply = ask_evt(&raw, stranger->fd, (int64_t)findings.kept);
        if (!reply || reply->error)
            break;
        raw_free(reply);
    }
    if (reply)
        (void)snprintf(findings.message, sizeof(findings.message), "%s", reply->error->message);
    findings.first_code = raw_code(reply);
    if (write(stranger->answer, &findings, sizeof(findings)) != sizeof(findings))
        return 3;
    return read(stranger->go, &go, 1) == 0 ? 0 : 4;
}

static void other_uids_have_a_quarter(void **state) {
    static struct fixture broker;
    struct findings findings;
    struct stranger stranger;
    struct raw raw;
    int answer[2], go[2], event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_pipe(go);
    assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
    fixture_own(answer[0]);
    fixture_own(answer[1]);
    guest_start_open(&broker, TABLE);
    guest_open_at(&raw, broker.address);
    assert_int_equal(fcntl(go[0], F_SETFL, 0), 0);
    stranger = (struct stranger){broker.address, OTHER_UID, event, answer[1], go[0]};
    pid_t pid = fixture_fork(fill_as_stranger, &stranger);
    if (!fixture_poll(answer[0], POLLIN) ||
        read(answer[0], &findings, sizeof(findings)) != (ssize_t)sizeof(findings))
        fail_msg("the child has no findings: %d", fixture_reap(pid));
    assert_int_equal(findings.hello, 0);
    raw_reply *reply = guest_status(&raw);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(findings.limits[i], reply->status->quotas[i]->limit / 4);
    raw_free(reply);
    assert_int_equal(findings.first_code, LIMIT);
    assert_non_null(strstr(findings.message, "descriptors"));
    assert_in_range(findings.kept, 8, findings.limits[2]);
    /* There is still room for the owner of the broker. */
    (void)guest_evt(&raw, event, 5);
    assert_true(fill(&raw, event, 10) > (int64_t)findings.limits[2]);
    /* root sees the stranger's session and may end it. */
    assert_int_equal(end_session(&raw, findings.session), 0);
    fixture_end(pid);
}

/* Whole requests that wait for their turn while the descriptors of one of them cannot be charged: all are answered. */
static void requests_that_wait_are_answered(void **state) {
    enum { PINGS = 1000, SESSIONS = 8 };
    static struct fixture broker;
    static struct batch batch;
    raw_request request = PORTD__V1__REQUEST__INIT, ping = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;
    Portd__V1__Ping message = PORTD__V1__PING__INIT;
    static struct raw raw[SESSIONS];
    int64_t number;
    char text[MESSAGE_MAX];
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_start_open(&broker, TABLE);
    for (int i = 0; i < SESSIONS; i++) {
        guest_connect_as(&raw[i], OTHER_UID, broker.address);
        assert_int_equal(raw_hello(&raw[i]), 0);
    }
    for (int i = 0; i < SESSIONS; i++) /* the last one gets nothing */
        for (number = 0; refusal(ask_evt(&raw[i], event, number), text) == 0;)
            number++;
    assert_int_equal(number, 0);
    struct raw *last = &raw[SESSIONS - 1];
    ping.method_case = PORTD__V1__REQUEST__METHOD_PING;
    ping.ping = &message;
    request.id = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    request.fd_to_evt = &descriptor;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    descriptor.number = 400000;
    fixture_hold(&broker); /* so that it reads all of them at once */
    batch_begin(&batch, last);
    for (int i = 0; i < PINGS; i++)
        batch_add(&batch, &ping);
    batch_send(&batch);
    assert_int_equal(raw_send_request(last, &request, &event, 1), 0);
    assert_int_equal(kill(broker.pid, SIGCONT), 0);
    batch_take_replies(last, PINGS);
    guest_is_told(last, request.id, LIMIT);
    guest_is_served(last);
}

/* As many connections as another uid may have; the next one is told so. */
static int crowd_in(void *data) {
    const struct stranger *stranger = data;
    static struct raw crowd[TABLE];
    struct raw late;
    size_t n = 0;

    if (!guest_become(stranger->uid))
        return 1;
    while (n < TABLE && raw_open(&crowd[n], stranger->address) == 0)
        n++;
    if (n < 8 || n > TABLE / 4 || raw_connect(&late, stranger->address))
        return 2;
    raw_reply *reply = raw_next(&late, NULL);
    if (!reply || reply->id != 0 || !reply->error || !strstr(reply->error->message, "connections"))
        return 3;
    if (!strstr(reply->error->message, "; most: session ")) /* each of its sessions has one */
        return 6;
    if (raw_code(reply) != LIMIT || raw_until_end(&late) || raw_ping(&crowd[0]))
        return 4;
    raw_close(&crowd[0]);
    /* One that has gone makes room once it is closed. */
    for (int i = 0; i < 100000; i++)
        if (raw_open(&late, stranger->address) == 0)
            return 0;
    return 5;
}

static void other_uids_have_a_quarter_of_the_connections(void **state) {
    static struct fixture broker;
    struct stranger stranger;
    struct raw raw;

    (void)state;
    guest_start_open(&broker, TABLE);
    guest_open_at(&raw, broker.address);
    stranger = (struct stranger){.address = broker.address, .uid = OTHER_UID};
    assert_int_equal(fixture_reap(fixture_fork(crowd_in, &stranger)), 0);
    guest_is_served(&raw);
    fixture_until_fds(&broker, 1);
}

/* Everything of the owner is out of a stranger's reach. */
struct intruder {
    const char *address;
    uint64_t session, id;
    char token[80];
};

static int intrude(void *data) {
    const struct intruder *intruder = data;
    Portd__V1__Hello hello = raw_hello_make();
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    char token[80];
    struct raw raw;

    if (!guest_become(OTHER_UID) || raw_connect(&raw, intruder->address))
        return 1;
    memcpy(token, intruder->token, sizeof(token));
    hello.token = token;
    if (raw_hello_with(&raw, &hello, NULL, 0) != PORTD__V1__CODE__CODE_NOT_FOUND)
        return 2;
    raw_close(&raw);
    if (raw_open(&raw, intruder->address))
        return 3;
    list.kind = PORTD__V1__KIND__KIND_SESSION;
    request.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    request.list = &list;
    raw_reply *reply = raw_ask(&raw, &request);
    if (!reply || reply->error || reply->list->n_items != 1 || reply->list->items[0]->id != raw.session)
        return 4;
    raw_free(reply);
    end.id = intruder->session;
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    if (raw_code(raw_ask(&raw, &request)) != PORTD__V1__CODE__CODE_NOT_FOUND)
        return 5;
    if (raw_remove(&raw, intruder->id) != PORTD__V1__CODE__CODE_NOT_FOUND)
        return 6;
    return raw_ping(&raw) == 0 ? 0 : 7;
}

static void other_uids_reach_nothing(void **state) {
    static struct fixture broker;
    struct intruder intruder;
    struct raw raw;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_start_open(&broker, 0);
    guest_open_at(&raw, broker.address);
    intruder = (struct intruder){.address = broker.address, .session = raw.session};
    intruder.id = guest_evt(&raw, event, 5);
    memcpy(intruder.token, raw.token, sizeof(intruder.token));
    assert_int_equal(fixture_reap(fixture_fork(intrude, &intruder)), 0);
    guest_is_served(&raw);
}

/* ---- who is nobody, who may not even connect -------------------------------------------------------------------------------- */

static int knock(void *data) {
    const struct stranger *stranger = data;
    struct raw raw;

    if (!guest_become(stranger->uid))
        return 1;
    if (raw_connect(&raw, stranger->address))
        return 2;
    raw_reply *reply = raw_next(&raw, NULL);
    if (!reply || reply->id != 0 || !reply->error || reply->error->code != PORTD__V1__CODE__CODE_DENIED)
        return 3;
    raw_free(reply);
    return raw_until_end(&raw) == 0 ? 0 : 4;
}

static void nobody_is_turned_away(void **state) {
    static struct fixture broker;
    struct stranger stranger;
    struct raw raw;

    (void)state;
    guest_start_open(&broker, 0);
    guest_open_at(&raw, broker.address);
    stranger = (struct stranger){.address = broker.address, .uid = NOBODY};
    for (int i = 0; i < 5; i++)
        assert_int_equal(fixture_reap(fixture_fork(knock, &stranger)), 0);
    guest_is_served(&raw);
    fixture_until_fds(&broker, 1);
}

/* Without --mode nobody else gets as far as connecting. */
static void strangers_cannot_connect(void **state) {
    struct stranger stranger;

    (void)state;
    if (geteuid() != 0)
        test_skip("only root may become somebody else");
    stranger = (struct stranger){.address = fixture_address(), .uid = OTHER_UID};
    assert_int_equal(fixture_reap(fixture_fork(knock, &stranger)), 2);
}

/* ---- objects, waits, texts ---------------------------------------------------------------------------------------------------- */

/* A long way for a child: it tells that it is getting on, so that only standing still is a failure. */
static void get_on(const struct stranger *stranger, size_t step) {
    if (step % 1000 == 0)
        (void)!write(stranger->answer, "p", 1);
}

static int end_of_a_long_way(int (*body)(void *data), struct stranger *stranger) {
    int told[2];
    char steps[64];

    guest_pipe(told);
    assert_int_equal(fcntl(told[0], F_SETFL, 0), 0);
    stranger->answer = told[1];
    pid_t pid = fixture_fork(body, stranger);
    fixture_close(told[1]);
    while (fixture_poll(told[0], POLLIN) && read(told[0], steps, sizeof(steps)) > 0)
        ;
    return fixture_reap(pid);
}

/* Until one is made, or the session has used up its objects, which are not quite all of its uid's: a descriptor that waits to be closed
 * counts, too, and a busy machine can have as many of them as are allowed. */
static int next_semaphore(const struct stranger *stranger, struct raw *raw, uint64_t *id) {
    for (;;) {
        uint64_t limit;
        int code = raw_semaphore(raw, stranger->fd, 5, PORTD__V1__MODE__MODE_READ, id);
        if (code != LIMIT || guest_quota(raw, "objects", &limit) >= limit - limit / 64)
            return code;
    }
}

/* Fired semaphores stay until they are released; that has a limit, and releasing is what lifts it. */
static int use_up_objects(void *data) {
    const struct stranger *stranger = data;
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Release release = PORTD__V1__RELEASE__INIT;
    struct raw raw;
    uint64_t id = 0, ids[256];
    size_t n = 0;
    int code;

    if (!guest_become(OTHER_UID) || raw_open(&raw, stranger->address))
        return 1;
    while ((code = next_semaphore(stranger, &raw, &id)) == 0) {
        ids[n++ % 256] = id;
        get_on(stranger, n);
    }
    if (code != LIMIT || n < 256)
        return 2;
    release.ids = ids;
    release.n_ids = 256;
    request.method_case = PORTD__V1__REQUEST__METHOD_RELEASE;
    request.release = &release;
    if (raw_code(raw_ask(&raw, &request)) != 0)
        return 3;
    for (int i = 0; i < 256; i++)
        if (next_semaphore(stranger, &raw, &id) != 0)
            return 4;
    return next_semaphore(stranger, &raw, &id) == LIMIT ? 0 : 5;
}

static void objects_have_a_limit(void **state) {
    static struct fixture broker;
    struct stranger stranger;
    int event = fixture_own(eventfd(1, EFD_CLOEXEC));

    (void)state;
    guest_start_open(&broker, 0);
    stranger = (struct stranger){.address = broker.address, .fd = event};
    assert_int_equal(end_of_a_long_way(use_up_objects, &stranger), 0);
    fixture_until_fds(&broker, 0);
}

static int use_up_waits(void *data) {
    const struct stranger *stranger = data;
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Cancel cancel = PORTD__V1__CANCEL__INIT;
    struct raw raw;
    uint64_t id = 0, n = 0, refused;

    if (!guest_become(OTHER_UID) || raw_open(&raw, stranger->address) ||
        raw_evt(&raw, stranger->fd, 5, PORTD__V1__MODE__MODE_READ, &id))
        return 1;
    while (!raw_has_reply(&raw)) {
        if (raw_start_wait(&raw, 100000 + n++, id))
            return 2;
        get_on(stranger, (size_t)n);
    }
    raw_reply *reply = raw_next(&raw, NULL);
    if (!reply || !reply->error || reply->error->code != PORTD__V1__CODE__CODE_LIMIT ||
        !strstr(reply->error->message, "waits"))
        return 3;
    refused = reply->id - 100000;
    raw_free(reply);
    /* A ping and a cancel get through, and then one more wait does. */
    if (raw_ping(&raw))
        return 4;
    cancel.request = 100000;
    request.method_case = PORTD__V1__REQUEST__METHOD_CANCEL;
    request.cancel = &cancel;
    reply = raw_ask(&raw, &request);
    if (!reply || !reply->cancel || !reply->cancel->found)
        return 5;
    raw_free(reply);
    if (raw_start_wait(&raw, 99, id) || raw_ping(&raw) || raw_start_wait(&raw, 98, id))
        return 6;
    reply = raw_next(&raw, NULL);
    return refused > 1000 && reply && reply->id == 98 && raw_code(reply) == LIMIT ? 0 : 7;
}

static void waits_have_a_limit(void **state) {
    static struct fixture broker;
    struct stranger stranger;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_start_open(&broker, 0);
    stranger = (struct stranger){.address = broker.address, .fd = event};
    assert_int_equal(end_of_a_long_way(use_up_waits, &stranger), 0);
    fixture_until_fds(&broker, 0);
}

/* Refusals carry names of sessions, which are the clients' own: they are cut, but stay text. */
static void refusals_are_clean_text(void **state) {
    static struct raw crowd[3];
    static struct fixture broker;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_start_limited(&broker, TABLE, NULL);
    for (size_t shift = 0; shift < 4; shift++) {
        char name[64 + 1] = "";
        memset(name, 'x', shift);
        while (strlen(name) + 4 <= 64)
            (void)strncat(name, "\xf0\x9f\x90\x90", sizeof(name) - strlen(name) - 1);
        for (size_t i = 0; i < 3; i++) {
            Portd__V1__Hello hello = raw_hello_make();
            hello.client = name;
            guest_connect_at(&crowd[i], broker.address);
            assert_int_equal(raw_hello_with(&crowd[i], &hello, NULL, 0), 0);
            for (int64_t number = 0; number < 30 - (int64_t)i; number++)
                (void)guest_evt(&crowd[i], event, number);
        }
        (void)fill(&crowd[0], event, 1000);
        for (size_t i = 0; i < 3; i++)
            guest_close(&crowd[i]);
        fixture_until_fds(&broker, 0);
    }
}

TEST_MAIN(FIXTURE_CASE_BARE(any_limit_is_refused_or_works),
          FIXTURE_CASE_BARE(full_table_refuses_and_gives_back),
          FIXTURE_CASE_BARE(full_table_turns_connections_away),
          FIXTURE_CASE_BARE(connections_alone_fill_the_table), FIXTURE_CASE_BARE(full_table_makes_no_handles),
          FIXTURE_CASE_BARE(half_frames_cannot_hold_the_table),
          FIXTURE_CASE_BARE(half_a_frame_is_refused_as_a_whole),
          FIXTURE_CASE_BARE(owners_cannot_hold_the_table), FIXTURE_CASE_BARE(other_uids_have_a_quarter),
          FIXTURE_CASE_BARE(other_uids_have_a_quarter_of_the_connections),
          FIXTURE_CASE_BARE(other_uids_reach_nothing), FIXTURE_CASE_BARE(nobody_is_turned_away),
          FIXTURE_CASE(strangers_cannot_connect), FIXTURE_CASE_BARE(objects_have_a_limit),
          FIXTURE_CASE_BARE(requests_that_wait_are_answered), FIXTURE_CASE_BARE(waits_have_a_limit),
          FIXTURE_CASE_BARE(refusals_are_clean_text))
