/* test_ownership.c: who owns a descriptor. The library closes a taken descriptor once the broker has accepted it; if the call
 * fails, it stays the caller's. The caller closes copies; a caller that cancelled gets none. Every case counts the descriptors of
 * this process, and in the end the broker has nothing but its connections. */
#include "ports.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The two calls that take a number, which is one end of a pair of sockets. */
typedef int taking(portd_client *client, portd_native number, unsigned flags, int64_t deadline,
                   struct wrapped *ports);
typedef int taking_start(portd_client *client, portd_native number, unsigned flags, portd_callback *callback,
                         void *data, portd_request **request);

static int take_fd(portd_client *c, portd_native fd, unsigned flags, int64_t deadline,
                   struct wrapped *ports) {
    return portd_fd_to_port_take(c, fd, "given", PORTD_READ | PORTD_WRITE | flags, deadline, &ports->in,
                                 &ports->out);
}

static int take_socket(portd_client *c, portd_native fd, unsigned flags, int64_t deadline,
                       struct wrapped *ports) {
    return portd_socket_to_port_take(c, fd, "given", flags, deadline, &ports->in, &ports->out);
}

static int take_fd_start(portd_client *c, portd_native fd, unsigned flags, portd_callback *callback,
                         void *data, portd_request **request) {
    return portd_fd_to_port_take_start(c, fd, "given", PORTD_READ | PORTD_WRITE | flags, callback, data,
                                       request);
}

static int take_socket_start(portd_client *c, portd_native fd, unsigned flags, portd_callback *callback,
                             void *data, portd_request **request) {
    return portd_socket_to_port_take_start(c, fd, "given", flags, callback, data, request);
}

static const struct {
    taking *take;
    taking_start *start;
} calls[] = {{take_fd, take_fd_start}, {take_socket, take_socket_start}};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/* What a number is about, to be compared later. */
struct given {
    int fd, peer;
    size_t count; /* of all descriptors */
    struct stat file;
};

static struct given given_make(void) {
    struct given given;
    int p[2];

    make_pair(SOCK_STREAM, p);
    given.fd = p[0];
    given.peer = p[1];
    given.count = test_fds_count();
    assert_int_equal(fstat(given.fd, &given.file), 0);
    return given;
}

static bool is_same_file(const struct given *given) {
    struct stat now;

    return fstat(given->fd, &now) == 0 && now.st_ino == given->file.st_ino &&
           now.st_dev == given->file.st_dev;
}

/* It is open as it was, works, and nothing else was opened or closed. */
static void check_kept(const struct given *given) {
    assert_true(is_same_file(given));
    assert_int_equal(fcntl(given->fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(given->fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(test_fds_count(), given->count);
    fd_say(given->peer, "kept");
    fd_hear(given->fd, "kept");
}

static void check_taken(struct given *given) {
    assert_int_equal(fcntl(given->fd, F_GETFD), -1);
    assert_int_equal(test_fds_count(), given->count - 1);
    (void)fixture_disown(given->fd);
}

static bool broker_is_empty(void *data) {
    return ask_item(data, portd_session_id(data)).objects == 0 && /* asking takes what comes late */
           fixture_broker_fds(fixture_broker()) == fixture_broker()->fds + 1;
}

/* Nothing was made, or it was given back; the number has stayed what it was meanwhile. */
static void check_given_back(portd_client *c, const struct given *given) {
    assert_true(fixture_until(broker_is_empty, c));
    check_kept(given);
}

/* ---- answers without blocking ------------------------------------------------------------------------------------ */

struct answer {
    int fd, code, answers;
    bool open; /* the number, while the callback ran */
    struct wrapped ports;
    portd_native handle;
};

static void on_answer(portd_client *client, const portd_result *result, void *data) {
    struct answer *answer = data;

    (void)client;
    answer->answers++;
    answer->code = result->code;
    answer->open = fcntl(answer->fd, F_GETFD) >= 0;
    answer->ports = (struct wrapped){result->input, result->output};
    answer->handle = result->handle;
}

static void await(portd_client *c, const struct answer *answer) {
    while (answer->answers == 0)
        assert_true(portd_poll(c, fixture_soon()) != 0);
    assert_int_equal(answer->answers, 1);
}

/* ---- taken -------------------------------------------------------------------------------------------------------- */

static void what_is_accepted_is_taken(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct given given = given_make();
        struct wrapped ports;
        assert_int_equal(calls[i].take(c, given.fd, 0, fixture_soon(), &ports), 2);
        check_taken(&given);
        fd_say(given.peer, "in");
        port_hear(c, ports.in, "in");
        port_close(c, ports.in);
        assert_false(at_end(given.peer)); /* the broker has the only one */
        port_close(c, ports.out);
        until_end(given.peer);
    }
}

static void without_blocking_it_is_closed_before_the_callback(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct given given = given_make();
        struct answer answer = {.fd = given.fd};
        assert_int_equal(calls[i].start(c, given.fd, 0, on_answer, &answer, NULL), 1);
        check_kept(&given);
        await(c, &answer);
        assert_int_equal(answer.code, 2);
        assert_false(answer.open);
        check_taken(&given);
    }
}

static void other_numbers_of_the_file_stay(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct given given = given_make();
        struct wrapped ports;
        int other = make_dup(given.fd);
        given.count++;
        portd_id mine = port_in(c, given.fd); /* this wrap takes nothing */
        check_kept(&given);
        assert_int_equal(calls[i].take(c, given.fd, 0, fixture_soon(), &ports), 2);
        check_taken(&given);
        fd_say(other, "other");
        fd_hear(given.peer, "other");
        port_close(c, mine);
        fd_say(given.peer, "more");
        port_hear(c, ports.in, "more");
    }
}

/* The copy that waits in the library is the library's: the caller's number is open until the broker has accepted. */
static void before_the_welcome(void **state) {
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct given given = given_make();
        struct answer answer = {.fd = given.fd}, met = {.fd = given.fd};
        portd_client *c;
        assert_int_equal(portd_connect_start(fixture_address(), NULL, on_answer, &met, &c), 1);
        assert_int_equal(calls[i].start(c, given.fd, 0, on_answer, &answer, NULL), 1);
        assert_true(is_same_file(&given));
        await(c, &answer);
        assert_int_equal(met.code, 1);
        assert_int_equal(answer.code, 2);
        assert_false(answer.open);
        portd_disconnect(c);
        check_taken(&given);
        until_end(given.peer);
    }
}

/* ---- kept --------------------------------------------------------------------------------------------------------- */

static void what_is_refused_is_kept(void **state) {
    portd_client *c = fixture_client(NULL);
    struct wrapped ports;
    int p[2], path = fixture_own(open("/", O_PATH | O_CLOEXEC));

    (void)state;
    make_pipe(p);
    for (int i = 0; i < CALLS; i++) {
        struct given given = given_make();
        /* by the library: flags; by the broker: what it is */
        assert_int_equal(calls[i].take(c, given.fd, PORTD_NO_CLOSE, fixture_soon(), &ports), PORTD_E_INVALID);
        assert_string_equal(portd_last_field(c), "flags");
        assert_int_equal(calls[i].start(c, given.fd, PORTD_NO_CLOSE, on_answer, NULL, NULL), PORTD_E_INVALID);
        check_given_back(c, &given);
        assert_int_equal(calls[i].take(c, path, 0, fixture_soon(), &ports), PORTD_E_INVALID);
        assert_int_equal(calls[i].take(c, p[0], 0, fixture_soon(), &ports),
                         PORTD_E_INVALID); /* no socket, not for writing */
        struct answer answer = {.fd = p[0]};
        assert_int_equal(calls[i].start(c, p[0], 0, on_answer, &answer, NULL), 1);
        await(c, &answer);
        assert_int_equal(answer.code, PORTD_E_INVALID);
        assert_true(answer.open);
        check_given_back(c, &given);
        assert_true(fcntl(path, F_GETFD) >= 0);
    }
    put(p[1]);
    take(p[0], 1);
}

/* A number that is closed is not closed again: it may be somebody else's by then. */
static void what_is_not_open_is_left_alone(void **state) {
    portd_client *c = fixture_client(NULL);
    struct wrapped ports;
    int fd = dup(0);

    (void)state;
    (void)close(fd);
    size_t count = test_fds_count();
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(calls[i].take(c, fd, 0, fixture_soon(), &ports), PORTD_E_INVALID);
        assert_int_equal(portd_last_errno(c), EBADF);
        assert_int_equal(calls[i].start(c, fd, 0, on_answer, NULL, NULL), PORTD_E_INVALID);
    }
    assert_int_equal(test_fds_count(), count);
}

static void at_the_deadline(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct given given = given_make();
        struct wrapped ports;
        fixture_hold_broker();
        int code = calls[i].take(c, given.fd, 0, portd_now() + 1000, &ports);
        fixture_continue_broker();
        assert_int_equal(code, PORTD_E_TIMEOUT);
        assert_true(ports.in == 0 && ports.out == 0);
        check_given_back(c, &given);
    }
}

static void woken(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct given given = given_make();
        struct wrapped ports;
        fixture_hold_broker();
        portd_wakeup(c);
        int code = calls[i].take(c, given.fd, 0, PORTD_FOREVER, &ports);
        fixture_continue_broker();
        assert_int_equal(code, PORTD_E_INTERRUPTED);
        assert_true(ports.in == 0 && ports.out == 0);
        check_given_back(c, &given);
    }
}

static void cancelled(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct given given = given_make();
        struct answer answer = {.fd = given.fd};
        portd_request *request;
        fixture_hold_broker();
        assert_int_equal(calls[i].start(c, given.fd, 0, on_answer, &answer, &request), 1);
        portd_cancel(request);
        await(c, &answer);
        fixture_continue_broker();
        assert_int_equal(answer.code, PORTD_E_CANCELLED);
        assert_true(answer.open);
        check_given_back(c, &given);
    }
}

static void block(portd_client *c, const portd_result *result, void *data) {
    struct answer *answer = data;
    struct wrapped ports;

    (void)result;
    answer->answers++;
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(calls[i].take(c, answer->fd, 0, PORTD_FOREVER, &ports), PORTD_E_BUSY);
}

static int in_a_child(void *data) {
    portd_client *c = ((void **)data)[0];
    const struct given *given = ((void **)data)[1];
    struct wrapped ports;

    for (int i = 0; i < CALLS; i++)
        if (calls[i].take(c, given->fd, 0, PORTD_FOREVER, &ports) != PORTD_E_FORKED || !is_same_file(given))
            return 1 + i;
    return 0;
}

static void where_it_may_not_be_asked(void **state) {
    portd_client *c = fixture_client(NULL);
    struct given given = given_make();
    struct answer answer = {.fd = given.fd};
    void *both[2] = {c, &given};

    (void)state;
    assert_int_equal(portd_ping_start(c, block, &answer, NULL), 1);
    await(c, &answer);
    check_given_back(c, &given);
    assert_int_equal(fixture_reap(fixture_fork(in_a_child, both)), 0);
    check_given_back(c, &given);
}

/* The broker may have accepted, and died: then it has closed its copy, and the number is still the caller's. */
static void when_the_broker_dies(void **state) {
    struct given given[CALLS];
    struct answer answers[CALLS];
    struct wrapped ports;

    (void)state;
    portd_client *c = fixture_client(NULL);
    for (int i = 0; i < CALLS; i++)
        given[i] = given_make();
    for (int i = 0; i < CALLS; i++)
        given[i].count = test_fds_count();
    fixture_hold_broker();
    for (int i = 0; i < CALLS; i++) {
        answers[i] = (struct answer){.fd = given[i].fd};
        assert_int_equal(calls[i].start(c, given[i].fd, 0, on_answer, &answers[i], NULL), 1);
    }
    assert_int_equal(portd_process(c), 0); /* sent */
    fixture_kill(fixture_broker());
    assert_int_equal(calls[0].take(c, given[0].fd, 0, fixture_soon(), &ports), PORTD_E_DISCONNECTED);
    assert_int_equal(calls[1].take(c, given[1].fd, 0, fixture_soon(), &ports), PORTD_E_DISCONNECTED);
    while (portd_process(c) >= 0)
        continue;
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(answers[i].answers, 1);
        assert_int_equal(answers[i].code, PORTD_E_DISCONNECTED);
        assert_true(answers[i].open);
        check_kept(&given[i]);
    }
}

static void when_the_client_disconnects(void **state) {
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        struct given given = given_make();
        struct answer answer = {.fd = given.fd};
        portd_client *c = fixture_client(NULL);
        assert_int_equal(calls[i].start(c, given.fd, 0, on_answer, &answer, NULL), 1);
        fixture_disconnect(c);
        assert_int_equal(answer.code, PORTD_E_DISCONNECTED);
        assert_true(answer.open);
        check_kept(&given);
        fixture_until_fds(fixture_broker(), 0);
    }
}

/* ---- copies ------------------------------------------------------------------------------------------------------- */

typedef int copying(portd_client *client, portd_id id, int64_t deadline, portd_native *copy);
typedef int copying_start(portd_client *client, portd_id id, portd_callback *callback, void *data,
                          portd_request **request);

static const struct {
    copying *dup;
    copying_start *start;
} copies[] = {{portd_port_dup_fd, portd_port_dup_fd_start}, {portd_handle_dup, portd_handle_dup_start}};

enum { COPIES = sizeof(copies) / sizeof(copies[0]) };

static void a_copy_is_the_callers_to_close(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id port = port_out(c, p[0]);
    size_t count = test_fds_count();
    for (int i = 0; i < COPIES; i++) {
        struct answer answer = {.fd = p[0]};
        portd_native copy = 77;
        assert_int_equal(copies[i].dup(c, port, fixture_soon(), &copy), 1);
        assert_int_equal(copies[i].start(c, port, on_answer, &answer, NULL), 1);
        await(c, &answer);
        assert_int_equal(answer.code, 1);
        assert_true(answer.handle >= 0 && answer.handle != copy);
        assert_int_equal(test_fds_count(), count + 2);
        assert_int_equal(fcntl((int)copy, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl((int)answer.handle, F_GETFD), FD_CLOEXEC);
        assert_true(fd_same((int)copy, (int)answer.handle));
        assert_int_equal(close((int)copy), 0);
        assert_int_equal(close((int)answer.handle), 0);
    }
}

/* The reply with the descriptor comes, and nobody is there for it. */
static void a_call_that_gave_up_gets_none(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id port = port_out(c, p[0]);
    size_t count = test_fds_count();
    for (int i = 0; i < COPIES; i++) {
        struct answer answer = {.fd = p[0]};
        portd_native copy = 77;
        portd_request *request;
        fixture_hold_broker();
        assert_int_equal(copies[i].dup(c, port, portd_now() + 1000, &copy), PORTD_E_TIMEOUT);
        assert_int_equal(copy, -1);
        portd_wakeup(c);
        assert_int_equal(copies[i].dup(c, port, PORTD_FOREVER, &copy), PORTD_E_INTERRUPTED);
        assert_int_equal(copy, -1);
        assert_int_equal(copies[i].start(c, port, on_answer, &answer, &request), 1);
        portd_cancel(request);
        await(c, &answer);
        assert_int_equal(answer.code, PORTD_E_CANCELLED);
        assert_int_equal(answer.handle, -1);
        fixture_continue_broker();
        assert_int_equal(portd_ping(c, fixture_soon()), 1); /* the replies came before it */
        assert_int_equal(test_fds_count(), count);
    }
}

static void copies_that_are_on_their_way_at_the_end(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    portd_id port = port_out(c, p[0]);
    size_t before = test_fds_count();
    struct answer answers[COPIES];
    for (int i = 0; i < COPIES; i++) {
        answers[i] = (struct answer){.fd = p[0]};
        assert_int_equal(copies[i].start(joined, port, on_answer, &answers[i], NULL), 1);
    }
    assert_int_not_equal(portd_process(joined), PORTD_E_DISCONNECTED);
    assert_int_not_equal(fixture_poll((int)portd_get_fd(joined), POLLIN), 0); /* there, and not read */
    fixture_disconnect(joined);
    for (int i = 0; i < COPIES; i++) {
        assert_int_equal(answers[i].answers, 1);
        if (answers[i].code == 1)
            assert_int_equal(close((int)answers[i].handle), 0);
        else
            assert_int_equal(answers[i].code, PORTD_E_DISCONNECTED);
    }
    assert_true(test_fds_count() < before); /* the client's own */
    port_close(c, port);
    fixture_close(p[0]);
    until_end(p[1]); /* no copy is left anywhere */
}

TEST_MAIN(FIXTURE_CASE(what_is_accepted_is_taken),
          FIXTURE_CASE(without_blocking_it_is_closed_before_the_callback),
          FIXTURE_CASE(other_numbers_of_the_file_stay), FIXTURE_CASE(before_the_welcome),
          FIXTURE_CASE(what_is_refused_is_kept), FIXTURE_CASE(what_is_not_open_is_left_alone),
          FIXTURE_CASE(at_the_deadline), FIXTURE_CASE(woken), FIXTURE_CASE(cancelled),
          FIXTURE_CASE(where_it_may_not_be_asked), FIXTURE_CASE(when_the_broker_dies),
          FIXTURE_CASE(when_the_client_disconnects), FIXTURE_CASE(a_copy_is_the_callers_to_close),
          FIXTURE_CASE(a_call_that_gave_up_gets_none), FIXTURE_CASE(copies_that_are_on_their_way_at_the_end))
