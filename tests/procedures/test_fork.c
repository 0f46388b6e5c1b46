/* test_fork.c: child processes. They do not use their parent's client, connect themselves, and inherit nothing of the library
 * over exec. */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <sys/socket.h>

struct inherited {
    portd_client *client;
    const char *token;
    int fd;
    portd_id id;
};

/* ---- the parent's client ------------------------------------------------------------------------------------------ */

static int use_the_parents(void *data) {
    const struct inherited *of = data;
    portd_ready ready;
    portd_id id;

    if (portd_ping(of->client, fixture_soon()) != PORTD_E_FORKED)
        return 1;
    if (portd_fd_to_evt(of->client, of->fd, READ, PORTD_FD, fixture_soon(), &id) != PORTD_E_FORKED)
        return 2;
    if (portd_wait(of->client, &of->id, 1, 0, 0, &ready) != PORTD_E_FORKED)
        return 3;
    if (portd_process(of->client) != PORTD_E_FORKED)
        return 4;
    portd_disconnect(of->client); /* frees, and says nothing to the broker */
    return 0;
}

static void the_parents_client_is_the_parents(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    struct inflight *wait = ask_park_one(c, e, 0);
    struct inherited of = {c, NULL, p[0], e};
    assert_int_equal(fixture_reap(fixture_fork(use_the_parents, &of)), 0);
    assert_true(ask_still_inflight(wait));
    put(p[1]);
    assert_answer(wait, e, READY);
}

/* ---- a client of its own ------------------------------------------------------------------------------------------ */

static int use_its_own(void *data) {
    const struct inherited *of = data;
    portd_client *client;
    portd_ready ready;
    portd_id id;

    if (portd_connect(fixture_address(), NULL, fixture_soon(), &client) != 1)
        return 1;
    if (portd_fd_to_evt(client, of->fd, CHECK_READ, PORTD_FD, fixture_soon(), &id) != 0)
        return 2; /* the parent's number is not the child's */
    if (portd_fd_to_evt(client, of->fd, READ, PORTD_FD, fixture_soon(), &id) != 1 || id == of->id ||
        portd_last_flags(client) != PORTD_RESULT_CREATED)
        return 3;
    if (portd_fd_to_evt(client, of->fd, REMOVE, PORTD_FD, fixture_soon(), NULL) != 0)
        return 4;
    if (portd_wait(client, &id, 1, 0, 0, &ready) != 1 || ready.cause != REMOVED)
        return 5;
    portd_disconnect(client);
    return 0;
}

static void the_same_number_in_a_session_of_its_own(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    struct inherited of = {c, NULL, p[0], e};
    assert_int_equal(fixture_reap(fixture_fork(use_its_own, &of)), 0);
    assert_cause(c, e, IDLE);
    assert_same(e, ask_evt(c, p[0], CHECK_READ));
}

/* A client in the session of the parent, which means the numbers of that process; 0: its own. */
static portd_client *join(const struct inherited *of, pid_t numbers) {
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client = NULL;

    options.token = of->token;
    options.numbers_pid = (uint32_t)numbers;
    (void)portd_connect(fixture_address(), &options, fixture_soon(), &client);
    return client;
}

/* What was inherited is the same open file, and the number is another one all the same. */
static int join_with_the_same_file(void *data) {
    const struct inherited *of = data;
    portd_client *client = join(of, 0);
    portd_id id;

    if (!client || portd_fd_to_evt(client, of->fd, CHECK_READ, PORTD_FD, fixture_soon(), &id) != 0)
        return 1;
    if (portd_fd_to_evt(client, of->fd, READ, PORTD_FD, fixture_soon(), &id) != 1 || id == of->id ||
        portd_last_flags(client) != PORTD_RESULT_CREATED)
        return 2;
    if (portd_fd_to_evt(client, of->fd, REMOVE, PORTD_FD, fixture_soon(), NULL) != 0)
        return 3;
    portd_disconnect(client);
    return 0;
}

/* Another file under that number ends nothing of the parent's. */
static int join_with_another_file(void *data) {
    const struct inherited *of = data;
    portd_client *client = join(of, 0);
    portd_id id;
    int p[2];

    if (!client || pipe(p) < 0 || dup2(p[0], of->fd) < 0)
        return 1;
    if (portd_fd_to_evt(client, of->fd, READ, PORTD_FD, fixture_soon(), &id) != 1 || id == of->id)
        return 2;
    unsigned flags = portd_last_flags(client);
    portd_disconnect(client);
    return flags == PORTD_RESULT_CREATED ? 0 : 3;
}

static void numbers_are_each_process_s_own(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    struct inherited of = {c, portd_session_token(c), p[0], e};
    struct inflight *wait = ask_park_one(c, e, 0);
    assert_int_equal(fixture_reap(fixture_fork(join_with_the_same_file, &of)), 0);
    assert_int_equal(fixture_reap(fixture_fork(join_with_another_file, &of)), 0);
    assert_true(ask_still_inflight(wait));
    assert_same(e, ask_evt(c, p[0], CHECK_READ));
    put(p[1]);
    assert_answer(wait, e, READY);
}

/* Who says so means the parent's: the same open file is the same object. */
static int mean_the_parents_with_the_same_file(void *data) {
    const struct inherited *of = data;
    portd_client *client = join(of, getppid());
    portd_id id;

    if (!client || portd_fd_to_evt(client, of->fd, READ, PORTD_FD, fixture_soon(), &id) != 1)
        return 1;
    int wrong = id != of->id ? 2 : portd_last_flags(client) != 0 ? 3 : 0;
    portd_disconnect(client);
    return wrong;
}

/* Another file under that number: replaced. */
static int mean_the_parents_with_another_file(void *data) {
    const struct inherited *of = data;
    portd_client *client = join(of, getppid());
    portd_id id;
    int p[2];

    if (!client || pipe(p) < 0 || dup2(p[0], of->fd) < 0)
        return 1;
    if (portd_fd_to_evt(client, of->fd, READ, PORTD_FD, fixture_soon(), &id) != 1 || id == of->id)
        return 2;
    unsigned flags = portd_last_flags(client);
    portd_disconnect(client);
    return flags == (PORTD_RESULT_CREATED | PORTD_RESULT_REPLACED) ? 0 : 3;
}

static void the_parents_numbers_are_meant_by_who_says_so(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id e = ask_evt(c, p[0], READ);
    struct inherited of = {c, portd_session_token(c), p[0], e};
    struct inflight *wait = ask_park_one(c, e, 0);
    assert_int_equal(fixture_reap(fixture_fork(mean_the_parents_with_the_same_file, &of)), 0);
    assert_true(ask_still_inflight(wait));
    assert_int_equal(fixture_reap(fixture_fork(mean_the_parents_with_another_file, &of)), 0);
    assert_answer(wait, e, REPLACED);
}

/* ---- exec --------------------------------------------------------------------------------------------------------- */

/* Ends with 0 when the program that is executed has none of the descriptors from first to the highest. */
static int look_after_exec(void *data) {
    const unsigned char *ours = data;
    char script[4096] = "", *at = script;

    for (int fd = 3; fd < TEST_FDS && at < script + sizeof(script) - 64; fd++)
        if (ours[fd])
            at += snprintf(at, 64, "test ! -e /proc/self/fd/%d || exit %d; ", fd, fd);
    (void)execl("/bin/sh", "sh", "-c", script, (char *)NULL);
    return 255;
}

static void nothing_of_the_library_survives_exec(void **state) {
    unsigned char before[TEST_FDS], now[TEST_FDS];
    size_t n = 0;
    int p[2];

    (void)state;
    make_pipe(p);
    test_fds_look(before);
    portd_client *a = fixture_client(NULL), *b = fixture_joined(a);
    portd_ready ready;
    portd_id e = ask_evt(a, p[0], READ);
    (void)ask_handle(a, e);
    (void)ask_handle(b, ask_semaphore(b, p[0], READ));
    portd_wakeup(a); /* whatever it needs for this is there, too */
    assert_int_equal(portd_wait(a, &e, 1, 0, fixture_soon(), &ready), PORTD_E_INTERRUPTED);
    test_fds_look(now);
    for (int fd = 0; fd < TEST_FDS; fd++) {
        now[fd] = (unsigned char)(now[fd] && !before[fd]);
        n += now[fd];
        assert_true(!now[fd] || fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    assert_true(n >= 4); /* two connections and two handles at least */
    assert_int_equal(fixture_reap(fixture_fork(look_after_exec, now)), 0);
}

static void a_client_costs_few_descriptors(void **state) {
    (void)state;
    size_t before = test_fds_count();
    portd_client *c = fixture_client(NULL);
    size_t each = test_fds_count() - before;
    assert_true(each >= 1 && each <= 2); /* the connection, and what portd_wakeup needs */
    int p[2];
    make_pair(SOCK_STREAM, p);
    for (int i = 0; i < 100; i++) {
        portd_id s = ask_semaphore(c, p[0], i % 2 ? WRITE : READ), e = ask_evt(c, p[0], READ);
        assert_int_equal(portd_remove(c, s, fixture_soon()), 1);
        assert_int_equal(portd_release(c, (portd_id[]){s, e}, 2, fixture_soon()), 1);
    }
    assert_int_equal(test_fds_count(), before + each + 2);
    fixture_disconnect(c);
    assert_int_equal(test_fds_count(), before + 2);
}

TEST_MAIN(FIXTURE_CASE(the_parents_client_is_the_parents),
          FIXTURE_CASE(the_same_number_in_a_session_of_its_own), FIXTURE_CASE(numbers_are_each_process_s_own),
          FIXTURE_CASE(the_parents_numbers_are_meant_by_who_says_so),
          FIXTURE_CASE(nothing_of_the_library_survives_exec), FIXTURE_CASE(a_client_costs_few_descriptors))
