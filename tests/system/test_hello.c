/* test_hello.c: hello, accepted and refused. A refused hello is answered, then the connection ends. */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
    INVALID = PORTD__V1__CODE__CODE_INVALID,
    NOT_FOUND = PORTD__V1__CODE__CODE_NOT_FOUND,
    VERSION = PORTD__V1__CODE__CODE_VERSION,
    MISMATCH = PORTD__V1__CODE__CODE_MISMATCH,
    LONGEST = 64 /* bytes of a client's name */
};

static Portd__V1__Hello usual(void) {
    Portd__V1__Hello hello = raw_hello_make();

    return hello;
}

/* Refused with that code on a new connection, which then ends. */
static void is_refused_fds(Portd__V1__Hello hello, int code, const int *fds, size_t n) {
    struct raw raw;

    guest_connect(&raw);
    assert_int_equal(raw_hello_with(&raw, &hello, fds, n), code);
    guest_is_ended(&raw);
    guest_close(&raw);
}

static void is_refused(Portd__V1__Hello hello, int code) { is_refused_fds(hello, code, NULL, 0); }

/* Refused, and that member is named. */
static void is_refused_for(Portd__V1__Hello hello, const char *field, const int *fds, size_t n) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    struct raw raw;
    raw_reply *reply;

    request.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    request.hello = &hello;
    guest_connect(&raw);
    reply = raw_ask_fds(&raw, &request, fds, n);
    assert_non_null(reply);
    assert_non_null(reply->error);
    assert_string_equal(reply->error->field, field);
    assert_int_equal(raw_code(reply), INVALID);
    guest_is_ended(&raw);
    guest_close(&raw);
}

static void first_request_must_be_hello(void **state) {
    /* ping; nothing; a method of a later broker; garbage; hello's field with garbage in it */
    static const struct {
        const char *bytes;
        size_t length;
    } bodies[] = {{"\x08\x01\x5a\x00", 4},
                  {"\x08\x01", 2},
                  {"\x08\x01\xc2\x3e\x00", 5},
                  {"\xff\xff\xff", 3},
                  {"\x08\x01\x52\x02\x08\xff", 6}};
    struct raw other;

    (void)state;
    guest_open(&other);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        struct raw raw;
        guest_connect(&raw);
        assert_int_equal(raw_send_body(&raw, bodies[i].bytes, bodies[i].length, 0, NULL, 0), 0);
        guest_is_ended(&raw);
        guest_close(&raw);
    }
    guest_is_served(&other);
}

static void second_hello_ends(void **state) {
    Portd__V1__Hello hello = usual();
    raw_request request = PORTD__V1__REQUEST__INIT;
    struct raw raw;

    (void)state;
    guest_open(&raw);
    request.id = 2;
    request.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    request.hello = &hello;
    assert_int_equal(raw_send_request(&raw, &request, NULL, 0), 0);
    guest_is_ended(&raw);
    fixture_until_fds(fixture_broker(), 0);
}

/* Requests may be pipelined behind a hello that succeeds; behind one that is refused they are lost. */
static void requests_behind_hello(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Hello hello = usual();
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    uint8_t bytes[2 * (RAW_HEADER + RAW_BODY_MAX)];
    struct raw raw;

    (void)state;
    for (uint32_t version = 1; version <= 2; version++) {
        hello.version_min = hello.version_max = version;
        guest_connect(&raw);
        request.id = 1;
        request.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
        request.hello = &hello;
        size_t size = raw_pack(bytes, &request, 0);
        request.id = 2;
        request.method_case = PORTD__V1__REQUEST__METHOD_PING;
        request.ping = &ping;
        size += raw_pack(bytes + size, &request, 0);
        assert_int_equal(raw_send(&raw, bytes, size, NULL, 0), 0);
        guest_is_told(&raw, 1, version == 1 ? 0 : VERSION);
        if (version == 1)
            guest_is_told(&raw, 2, 0);
        else
            guest_is_ended(&raw);
        guest_close(&raw);
    }
}

static void versions_must_meet(void **state) {
    static const uint32_t refused[][2] = {{0, 0}, {2, 2}, {2, 1}, {2, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}};
    static const uint32_t taken[][2] = {{1, 1}, {0, 1}, {1, 2}, {0, UINT32_MAX}};
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        Portd__V1__Hello hello = usual();
        hello.version_min = refused[i][0];
        hello.version_max = refused[i][1];
        is_refused(hello, VERSION);
    }
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
        Portd__V1__Hello hello = usual();
        hello.version_min = taken[i][0];
        hello.version_max = taken[i][1];
        guest_connect(&raw);
        assert_int_equal(raw_hello_with(&raw, &hello, NULL, 0), 0);
        guest_close(&raw);
    }
}

static void refused_version_names_the_brokers(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Hello hello = usual();
    struct raw raw;

    (void)state;
    hello.version_min = hello.version_max = 7;
    guest_connect(&raw);
    request.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    request.hello = &hello;
    raw_reply *reply = raw_ask(&raw, &request);
    assert_non_null(reply);
    assert_non_null(reply->error);
    assert_non_null(strchr(reply->error->message, '1'));
    raw_free(reply);
}

/* ---- names and tokens ---------------------------------------------------------------------------------------------------- */

static void names_are_short_and_clean(void **state) {
    static char longest[LONGEST + 1], longer[LONGEST + 2], two_bytes[] = "caf\xc3\xa9", broken[] = "caf\xc3",
                                                           overlong[] = "\xc0\xaf",
                                                           surrogate[] = "\xed\xa0\x80";
    char *taken[] = {longest, two_bytes}, *refused[] = {longer, broken, overlong, surrogate};
    struct raw raw;

    (void)state;
    memset(longest, 'n', LONGEST);
    memset(longer, 'n', LONGEST + 1);
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
        Portd__V1__Hello hello = usual();
        hello.client = taken[i];
        guest_connect(&raw);
        assert_int_equal(raw_hello_with(&raw, &hello, NULL, 0), 0);
        guest_close(&raw);
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        Portd__V1__Hello hello = usual();
        hello.client = refused[i];
        is_refused(hello, INVALID);
        hello = usual();
        hello.token = refused[i];
        is_refused(hello, i == 0 ? NOT_FOUND : INVALID);
    }
}

/* A NUL inside a string would end it early for a reader in C. */
static void names_have_no_nul(void **state) {
    static const char bodies[][16] = {
        "\x08\x05\x52\x0a\x08\x01\x10\x01\x1a\x04p\0od", /* client */
        "\x08\x05\x52\x0a\x08\x01\x10\x01\x22\x04p\0od", /* token */
        "\x08\x05\x52\x0a\x08\x01\x10\x01\x1a\x04pod\0", /* at its end */
    };
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        guest_connect(&raw);
        assert_int_equal(raw_send_body(&raw, bodies[i], 14, 0, NULL, 0), 0);
        guest_is_told(&raw, 5, INVALID);
        guest_is_ended(&raw);
        guest_close(&raw);
    }
}

/* Everything near a good token is none. */
static void only_the_whole_token_opens_a_session(void **state) {
    struct raw maker, raw;
    char token[sizeof(maker.token) + 2];
    size_t length;

    (void)state;
    guest_open(&maker);
    length = strlen(maker.token);
    for (size_t i = 0; i < length + 4; i++) {
        Portd__V1__Hello hello = usual();
        memcpy(token, maker.token, length + 1);
        if (i < length)
            token[i] = token[i] == '0' ? '1' : '0';
        else if (i == length)
            token[length - 1] = '\0';
        else if (i == length + 1)
            memcpy(token + length, "0", 2);
        else if (i == length + 2)
            *strchr(token, '.') = '\0';
        else
            *(strchr(token, '.') + 1) = '\0';
        hello.token = token;
        is_refused(hello, NOT_FOUND);
    }
    guest_join(&raw, &maker);
    guest_is_served(&raw);
}

static void token_of_an_ended_session_opens_nothing(void **state) {
    Portd__V1__Hello hello = usual();
    struct raw raw;
    char token[sizeof(raw.token)];

    (void)state;
    guest_open(&raw);
    memcpy(token, raw.token, sizeof(token));
    guest_close(&raw);
    fixture_until_fds(fixture_broker(), 0);
    hello.token = token;
    is_refused(hello, NOT_FOUND);
}

/* ---- owners ---------------------------------------------------------------------------------------------------------------- */

static int pidfd_of(pid_t pid) { return fixture_own((int)syscall(SYS_pidfd_open, pid, 0)); }

static void session_is_named_in_one_way(void **state) {
    static char token[] = "1.0123456789abcdef0123456789abcdef";
    int self = pidfd_of(getpid());
    Portd__V1__Hello hello = usual();

    (void)state;
    hello.token = token;
    hello.owner_pid = (uint32_t)getpid();
    is_refused(hello, INVALID);
    hello.owner_pid = 0;
    hello.owner_attached = 1;
    is_refused_fds(hello, INVALID, &self, 1);
    hello.owner_attached = 0;
    hello.new_ = 1;
    is_refused(hello, INVALID);
    hello.new_ = 0;
    hello.ttl_us = 1000000;
    is_refused(hello, INVALID);
    hello = usual();
    hello.owner_attached = 1;
    hello.owner_pid = (uint32_t)getpid();
    is_refused_fds(hello, INVALID, &self, 1);
    hello = usual();
    hello.new_ = 1;
    is_refused(hello, INVALID);
    hello = usual();
    hello.ttl_us = UINT64_MAX;
    is_refused(hello, INVALID);
    fixture_until_fds(fixture_broker(), 0);
}

static void owner_and_attachment_must_agree(void **state) {
    int self = pidfd_of(getpid()), two[] = {self, self};
    Portd__V1__Hello hello = usual();

    (void)state;
    is_refused_fds(hello, MISMATCH, &self, 1);
    is_refused_fds(hello, MISMATCH, two, 2);
    hello.owner_attached = 1;
    is_refused(hello, MISMATCH);
    is_refused_fds(hello, MISMATCH, two, 2);
    fixture_until_fds(fixture_broker(), 0);
}

static void only_a_pidfd_is_an_owner(void **state) {
    int ends[2], event = fixture_own(eventfd(0, EFD_CLOEXEC)),
                 file = fixture_own(open("/proc/self/stat", O_RDONLY)),
                 folder = fixture_own(open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC));
    Portd__V1__Hello hello = usual();

    (void)state;
    guest_pipe(ends);
    hello.owner_attached = 1;
    is_refused_fds(hello, INVALID, &ends[0], 1);
    is_refused_fds(hello, INVALID, &event, 1);
    is_refused_fds(hello, INVALID, &file, 1);
    is_refused_fds(hello, INVALID, &folder, 1);
    fixture_until_fds(fixture_broker(), 0);
}

/* It would end with the thread, and what it names is no process. */
static void a_thread_is_no_owner(void **state) {
    int thread = (int)syscall(SYS_pidfd_open, getpid(), O_EXCL /* PIDFD_THREAD */);
    Portd__V1__Hello hello = usual();

    (void)state;
    if (thread < 0 && errno == EINVAL) /* Linux 6.9 */
        skip();
    fixture_own(thread);
    hello.owner_attached = 1;
    is_refused_for(hello, "owner_attached", &thread, 1);
    hello = usual();
    hello.owners_attached = 1;
    is_refused_for(hello, "owners_attached", &thread, 1);
    hello = usual();
    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_ATTACHED;
    hello.numbers_attached = 1;
    is_refused_for(hello, "numbers_attached", &thread, 1);
    fixture_until_fds(fixture_broker(), 0);
}

static int live(void *data) {
    (void)data;
    (void)pause();
    return 0;
}

/* A process that has ended owns nothing, also while it has not been reaped: the hello is refused, unless another owner lives. */
static void a_dead_owner_owns_nothing(void **state) {
    pid_t pid = fixture_fork(live, NULL), other = fixture_fork(live, NULL);
    int pidfd = pidfd_of(pid), two[] = {pidfd, pidfd_of(other)};
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    Portd__V1__Hello hello = usual();
    struct raw raw;

    (void)state;
    assert_return_code(kill(pid, SIGKILL), errno);
    assert_int_equal(poll(&ended, 1, 20000), 1);
    hello.owner_attached = 1;
    is_refused_for(hello, "owner_attached", &pidfd, 1);
    hello = usual();
    hello.owners_attached = 1;
    is_refused_for(hello, "owners_attached", &pidfd, 1);
    hello = usual();
    hello.owner_pid = (uint32_t)pid;
    is_refused_for(hello, "owner_pid", NULL, 0);
    hello = usual();
    hello.n_owner_pids = 1;
    hello.owner_pids = (uint32_t[]){(uint32_t)pid};
    is_refused_for(hello, "owner_pids", NULL, 0);
    fixture_end(pid);
    hello = usual();
    hello.owner_attached = 1;
    is_refused_fds(hello, INVALID, &pidfd, 1);
    hello = usual();
    hello.owners_attached = 2;
    guest_connect(&raw);
    assert_int_equal(raw_hello_with(&raw, &hello, two, 2), 0);
    guest_is_served(&raw);
    fixture_end(other);
    assert_int_equal(raw_until_end(&raw), 0);
    guest_close(&raw);
    hello = usual();
    hello.owner_pid = (uint32_t)pid;
    is_refused(hello, INVALID);
    hello.owner_pid = UINT32_MAX;
    is_refused(hello, INVALID);
    hello.owner_pid = 1u << 31;
    is_refused(hello, INVALID);
    fixture_until_fds(fixture_broker(), 0);
}

/* The owner's death ends the session: its connections are ended, and everything is closed. */
static void session_ends_with_its_owner(void **state) {
    pid_t pid = fixture_fork(live, NULL);
    int pidfd = pidfd_of(pid), ends[2];
    Portd__V1__Hello hello = usual();
    struct raw raw, joined;

    (void)state;
    guest_pipe(ends);
    hello.owner_attached = 1;
    guest_connect(&raw);
    guest_connect(&joined);
    assert_int_equal(raw_hello_with(&raw, &hello, &pidfd, 1), 0);
    assert_int_equal(raw_hello_with(&joined, &hello, &pidfd, 1), 0);
    assert_int_equal(raw.session, joined.session);
    uint64_t id = guest_semaphore(&raw, ends[0], 4);
    assert_int_equal(raw_start_wait(&joined, 9, id), 0);
    guest_is_served(&raw);
    fixture_end(pid);
    guest_is_woken(&joined, 9, id, PORTD__V1__CAUSE__CAUSE_EXPIRED);
    assert_int_equal(raw_until_end(&joined), 0);
    assert_int_equal(raw_until_end(&raw), 0);
    fixture_until_fds(fixture_broker(), 0);
}

/* ---- ends ------------------------------------------------------------------------------------------------------------------- */

static void end_of_a_session_is_answered_and_ends_all_of_it(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    struct raw raw, joined, other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_open(&other);
    guest_join(&joined, &raw);
    uint64_t id = guest_evt(&raw, ends[0], 4);
    assert_int_equal(raw_start_wait(&joined, 9, id), 0);
    guest_is_served(&other);
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    assert_int_equal(raw_code(raw_ask(&raw, &request)), 0);
    guest_is_ended(&raw);
    guest_is_woken(&joined, 9, id, PORTD__V1__CAUSE__CAUSE_EXPIRED);
    guest_is_ended(&joined);
    guest_is_served(&other);
    /* Another one by its id; its own once more, which is not there. */
    end.id = joined.session;
    assert_int_equal(raw_code(raw_ask(&other, &request)), NOT_FOUND);
    guest_is_served(&other);
}

static void sessions_may_end_each_other(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    struct raw raw, other;

    (void)state;
    guest_open(&raw);
    guest_open(&other);
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    end.id = other.session;
    assert_int_equal(raw_code(raw_ask(&raw, &request)), 0);
    guest_is_ended(&other);
    guest_is_served(&raw);
}

/* A connection that sends nothing, or half a hello, is ended after a while; that is long, so both are waited for at once. */
static void silence_before_hello_ends(void **state) {
    struct raw silent, half, other;

    (void)state;
    guest_open(&other);
    guest_connect(&silent);
    guest_connect(&half);
    assert_int_equal(raw_send(&half, "\x08\x00\x00\x00\x00\x00\x00\x00\x08\x01", 10, NULL, 0), 0);
    guest_is_ended(&silent);
    guest_is_ended(&half);
    guest_is_served(&other);
}

/* Connections come and go as fast as they can; some say half a hello. */
static void connections_that_come_and_go_leave_nothing(void **state) {
    static const uint8_t half[] = {8, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x01};
    struct raw raw;

    (void)state;
    for (int i = 0; i < 400; i++) {
        guest_connect(&raw);
        if (i % 3 == 1)
            (void)raw_send(&raw, half, sizeof(half), NULL, 0);
        if (i % 3 == 2)
            assert_int_equal(raw_hello(&raw), 0);
        guest_close(&raw);
    }
    fixture_until_fds(fixture_broker(), 0);
}

TEST_MAIN(FIXTURE_CASE(first_request_must_be_hello), FIXTURE_CASE(second_hello_ends),
          FIXTURE_CASE(requests_behind_hello), FIXTURE_CASE(versions_must_meet),
          FIXTURE_CASE(refused_version_names_the_brokers), FIXTURE_CASE(names_are_short_and_clean),
          FIXTURE_CASE(names_have_no_nul), FIXTURE_CASE(only_the_whole_token_opens_a_session),
          FIXTURE_CASE(token_of_an_ended_session_opens_nothing), FIXTURE_CASE(session_is_named_in_one_way),
          FIXTURE_CASE(owner_and_attachment_must_agree), FIXTURE_CASE(only_a_pidfd_is_an_owner),
          FIXTURE_CASE(a_thread_is_no_owner), FIXTURE_CASE(a_dead_owner_owns_nothing),
          FIXTURE_CASE(session_ends_with_its_owner),
          FIXTURE_CASE(end_of_a_session_is_answered_and_ends_all_of_it),
          FIXTURE_CASE(sessions_may_end_each_other), FIXTURE_CASE(silence_before_hello_ends),
          FIXTURE_CASE(connections_that_come_and_go_leave_nothing))
