/* test_fd_to_port.c: unsafe-file-descriptor->port: which ports it makes, and refusals, which change nothing. */
#include "ports.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int wrap(portd_client *c, int fd, const char *name, unsigned flags, struct wrapped *ports) {
    *ports = (struct wrapped){77, 77};
    return portd_fd_to_port(c, fd, name, flags, fixture_soon(), &ports->in, &ports->out);
}

static void check_refused_as(portd_client *c, int fd, const char *name, unsigned flags, int expected) {
    uint32_t objects = ask_item(c, portd_session_id(c)).objects;
    struct wrapped ports;

    assert_int_equal(wrap(c, fd, name, flags, &ports), expected);
    assert_true(ports.in == 0 && ports.out == 0);
    assert_string_not_equal(portd_last_error(c), "");
    assert_int_equal(ask_item(c, portd_session_id(c)).objects, objects);
}

static void check_refused(portd_client *c, int fd, unsigned flags) {
    check_refused_as(c, fd, "", flags, PORTD_E_INVALID);
}

static void check_direction(portd_client *c, portd_id port, int direction, int number) {
    portd_item item = ask_item(c, port);

    assert_int_equal(portd_id_kind(port), PORTD_KIND_PORT);
    assert_int_equal(item.kind, PORTD_KIND_PORT);
    assert_int_equal(item.direction, direction);
    assert_int_equal(item.number, number);
    assert_true(item.registered && item.descriptor != 0);
    assert_false(item.socket);
}

static void p01_which_ports(void **state) {
    portd_client *c = fixture_client(NULL);
    struct wrapped ports;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    assert_int_equal(wrap(c, p[0], "r", PORTD_READ, &ports), 1);
    check_direction(c, ports.in, PORTD_DIRECTION_READ, p[0]);
    assert_none(ports.out);
    assert_int_equal(wrap(c, p[0], "w", PORTD_WRITE, &ports), 1);
    check_direction(c, ports.out, PORTD_DIRECTION_WRITE, p[0]);
    assert_none(ports.in);
    assert_int_equal(wrap(c, p[0], "b", PORTD_WRITE | PORTD_READ, &ports), 2);
    check_direction(c, ports.in, PORTD_DIRECTION_READ, p[0]);
    check_direction(c, ports.out, PORTD_DIRECTION_WRITE, p[0]);
    assert_int_equal(portd_fd_to_port(c, p[0], NULL, PORTD_READ, fixture_soon(), NULL, NULL), 1);
}

static void p02_p03_flags_that_are_refused(void **state) {
    portd_client *c = fixture_client(NULL);
    const unsigned all = PORTD_READ | PORTD_WRITE | PORTD_TEXT | PORTD_REGULAR_FILE;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    check_refused(c, p[0], 0);
    check_refused(c, p[0], PORTD_TEXT);
    check_refused(c, p[0], PORTD_REGULAR_FILE);
    check_refused(c, p[0], PORTD_TEXT | PORTD_REGULAR_FILE);
    for (unsigned bit = 1; bit; bit <<= 1)
        if (!(bit & all))
            check_refused(c, p[0], PORTD_READ | bit);
    assert_int_equal(
        portd_fd_to_port_take(c, p[0], "", PORTD_READ | PORTD_NO_CLOSE, fixture_soon(), NULL, NULL),
        PORTD_E_INVALID);
    put(p[1]); /* still open */
    take(p[0], 1);
    fixture_until_fds(fixture_broker(), 1);
}

static void p05_names(void **state) {
    portd_client *c = fixture_client(NULL);
    char longest[257];
    const char *names[] = {"", "stdin", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82", "a\nb", longest, "stdin"};
    struct wrapped ports;
    portd_list *list;
    int p[2];

    (void)state;
    memset(longest, 'n', 255);
    longest[255] = '\0';
    make_pipe(p);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(wrap(c, p[0], names[i], PORTD_READ, &ports), 1);
        assert_int_equal(portd_show(c, &ports.in, 1, fixture_soon(), &list), 1);
        assert_string_equal(portd_list_item(list, 0)->name, names[i]);
        portd_list_free(list);
    }
    assert_int_equal(portd_list_objects(c, PORTD_KIND_PORT, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), sizeof(names) / sizeof(names[0]));
    portd_list_free(list);
    check_refused_as(c, p[0], "\xff", PORTD_READ, PORTD_E_INVALID);
    check_refused_as(c, p[0], "\xc3", PORTD_READ, PORTD_E_INVALID);
    longest[255] = 'n';
    longest[256] = '\0';
    check_refused_as(c, p[0], longest, PORTD_READ, PORTD_E_INVALID);
}

/* Each wrap has ports of its own, and closing one leaves the other. */
static void p06_two_wraps_of_one_number(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id a = port_in(c, p[0]), b = port_in(c, p[0]);
    assert_new(a, b);
    assert_same(ask_item(c, a).descriptor, ask_item(c, b).descriptor);
    fixture_until_fds(fixture_broker(), 2);
    port_close(c, a);
    fd_say(p[1], "still");
    port_hear(c, b, "still");
    port_close(c, b);
    fixture_until_fds(fixture_broker(), 1);
}

static void p07_p09_numbers_that_are_none(void **state) {
    portd_client *c = fixture_client(NULL);
    struct wrapped ports;
    int fd = dup(0);

    (void)state;
    (void)close(fd);
    assert_int_equal(wrap(c, fd, "", PORTD_READ, &ports), PORTD_E_INVALID);
    assert_int_equal(portd_last_errno(c), EBADF);
    check_refused(c, 900, PORTD_READ | PORTD_WRITE);
    check_refused(c, -1, PORTD_READ);
    check_refused(c, INT32_MIN, PORTD_READ);
    portd_native most = (portd_native)(INT64_C(1) << 31); /* INT32_MIN on 32-bit processors */
    assert_int_equal(portd_fd_to_port(c, most, "", PORTD_READ, fixture_soon(), NULL, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
}

/* Read, write and both, of descriptors opened for reading, writing and both. */
static void p08_the_direction_is_checked(void **state) {
    static const struct {
        int mode;
        bool taken[4]; /* by flags */
    } rows[] = {
        {O_RDONLY, {false, true, false, false}},
        {O_WRONLY, {false, false, true, false}},
        {O_RDWR, {false, true, true, true}},
        {O_ACCMODE, {false, false, false, false}}, /* for ioctl alone */
    };
    portd_client *c = fixture_client(NULL);
    char path[] = "/tmp/portd-mode-XXXXXX";

    (void)state;
    fixture_own(mkstemp(path));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = fixture_own(open(path, rows[i].mode | O_CLOEXEC));
        for (unsigned flags = PORTD_READ; flags <= (PORTD_READ | PORTD_WRITE); flags++) {
            if (!rows[i].taken[flags]) {
                check_refused(c, fd, flags);
                continue;
            }
            struct wrapped ports = port_wrap(c, fd, flags | PORTD_REGULAR_FILE);
            assert_true((ports.in != 0) == ((flags & PORTD_READ) != 0));
            assert_true((ports.out != 0) == ((flags & PORTD_WRITE) != 0));
        }
    }
    (void)unlink(path);
    for (size_t i = 0; i < 2; i++) {
        int ends[2];
        (i ? make_fifo : make_blocking_pipe)(ends);
        check_refused(c, ends[0], PORTD_WRITE);
        check_refused(c, ends[0], PORTD_READ | PORTD_WRITE);
        check_refused(c, ends[1], PORTD_READ);
        check_refused(c, ends[1], PORTD_READ | PORTD_WRITE);
        (void)port_in(c, ends[0]);
        (void)port_out(c, ends[1]);
    }
}

static void what_no_call_takes(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    sigset_t signals;

    (void)state;
    check_refused(c, fixture_own(open("/dev/null", O_PATH | O_CLOEXEC)), PORTD_READ);
    check_refused(c, fixture_own(open("/dev/null", O_PATH | O_CLOEXEC)), PORTD_WRITE);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGUSR2);
    check_refused(c, fixture_own(signalfd(-1, &signals, SFD_CLOEXEC)), PORTD_READ);
    check_refused(c, (int)portd_get_fd(c), PORTD_READ | PORTD_WRITE);
    check_refused(c, (int)portd_get_fd(other), PORTD_READ);
    check_refused(c, fixture_own(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), PORTD_READ); /* B16 */
    assert_int_equal(portd_ping(other, fixture_soon()), 1);
    fixture_until_fds(fixture_broker(), 2);
}

/* B13: a claim that is checked. */
static void regular_file_is_for_files_alone(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    check_refused(c, p[0], PORTD_READ | PORTD_REGULAR_FILE);
    check_refused(c, p[1], PORTD_WRITE | PORTD_REGULAR_FILE);
    make_pair(SOCK_STREAM, p);
    check_refused(c, p[0], PORTD_READ | PORTD_REGULAR_FILE);
    check_refused(c, fixture_own(open("/dev/null", O_RDWR | O_CLOEXEC)), PORTD_READ | PORTD_REGULAR_FILE);
    check_refused(c, fixture_own(open("/", O_RDONLY | O_CLOEXEC)), PORTD_READ | PORTD_REGULAR_FILE);
    struct wrapped ports = port_wrap(c, make_file("text"), PORTD_READ | PORTD_REGULAR_FILE);
    port_hear(c, ports.in, "text");
}

/* B12 */
static void text_changes_nothing_here(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    struct wrapped ports = port_wrap(c, p[0], PORTD_READ | PORTD_WRITE | PORTD_TEXT);
    fd_say(p[1], "a\r\nb\n");
    port_hear(c, ports.in, "a\r\nb\n");
    port_say(c, ports.out, "a\nb\r\n");
    fd_hear(p[1], "a\nb\r\n");
}

/* A refusal leaves what the number has. */
static void a_refusal_changes_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ), in = port_in(c, p[0]);
    check_refused(c, p[0], PORTD_WRITE);
    make_at(fixture_own(open("/", O_RDONLY | O_CLOEXEC)), p[0]); /* another file, which is refused, too */
    check_refused(c, p[0], PORTD_READ);
    assert_cause(c, s, IDLE);
    assert_cause(c, e, IDLE);
    assert_same(ask_semaphore(c, p[0], CHECK_READ), s);
    fd_say(p[1], "x");
    port_hear(c, in, "x");
}

/* Semaphores and events of the number end, older wraps keep their own descriptor. */
static void a_number_that_came_back_with_another_file(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id old = port_in(c, p[0]), s = ask_semaphore(c, p[0], READ), e = ask_evt(c, p[0], READ);
    make_at(q[0], p[0]);
    portd_id new = port_in(c, p[0]);
    assert_int_equal(portd_last_flags(c) & PORTD_RESULT_REPLACED, PORTD_RESULT_REPLACED);
    assert_cause(c, s, REPLACED);
    assert_cause(c, e, REPLACED);
    assert_new(ask_item(c, new).descriptor, ask_item(c, old).descriptor);
    fd_say(p[1], "old");
    fd_say(q[1], "new");
    port_hear(c, new, "new");
    port_hear(c, old, "old");
    (void)port_in(c, p[0]);
    assert_int_equal(portd_last_flags(c) & PORTD_RESULT_REPLACED, 0);
    /* The number is another file's by now: closing the old wrap leaves the semaphores of the new one. */
    portd_id kept = ask_semaphore(c, p[0], READ);
    port_close(c, old);
    assert_cause(c, kept, IDLE);
    assert_same(ask_semaphore(c, p[0], CHECK_READ), kept);
}

/* What portd_port_dup_fd gave is wrapped like any other descriptor. */
static void a_copy_from_the_broker(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_native copy;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id a = port_in(c, p[0]);
    assert_int_equal(portd_port_dup_fd(c, a, fixture_soon(), &copy), 1);
    (void)fixture_own((int)copy);
    portd_id b = port_in(c, (int)copy);
    assert_int_equal(ask_item(c, b).number, copy);
    portd_id s = ask_semaphore(c, (int)copy, READ);
    port_close(c, a);
    assert_cause(c, s, IDLE);
    fd_say(p[1], "one");
    port_hear(c, b, "one");
    port_close(c, b);
    assert_int_not_equal(ask_cause(c, s), IDLE);
    fixture_until_fds(fixture_broker(), 1);
}

static void flags_and_offsets_stay(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], fd = make_file("0123456789");

    (void)state;
    make_blocking_pipe(p);
    assert_int_equal(lseek(fd, 4, SEEK_SET), 4);
    int before[3] = {fcntl(p[0], F_GETFL), fcntl(p[1], F_GETFL), fcntl(fd, F_GETFL)};
    portd_id in = port_in(c, p[0]), out = port_out(c, p[1]);
    struct wrapped file = port_wrap(c, fd, PORTD_READ | PORTD_WRITE);
    port_say(c, out, "some");
    port_hear(c, in, "some");
    port_hear_nothing(c, in);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 4);
    port_close(c, in);
    port_close(c, out);
    port_close(c, file.in);
    port_close(c, file.out);
    assert_int_equal(fcntl(p[0], F_GETFL), before[0]);
    assert_int_equal(fcntl(p[1], F_GETFL), before[1]);
    assert_int_equal(fcntl(fd, F_GETFL), before[2]);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 4);
}

/* ---- giving the number away --------------------------------------------------------------------------------------- */

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static void take_closes_the_number(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id in = 0, out = 77;
    int p[2];

    (void)state;
    make_pipe(p);
    int fd = fixture_disown(p[0]);
    assert_int_equal(portd_fd_to_port_take(c, fd, "mine", PORTD_READ, fixture_soon(), &in, &out), 1);
    assert_false(is_open(fd));
    assert_none(out);
    fd_say(p[1], "here");
    port_hear(c, in, "here");
    port_close(c, in);
    assert_true(fd_broken(p[1])); /* nobody reads any more */
}

static void a_take_that_fails_leaves_the_number(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    assert_int_equal(portd_fd_to_port_take(c, p[0], "", PORTD_WRITE, fixture_soon(), NULL, NULL),
                     PORTD_E_INVALID);
    assert_true(is_open(p[0]));
    assert_int_equal(portd_fd_to_port_take(c, p[0], "", 0, fixture_soon(), NULL, NULL), PORTD_E_INVALID);
    assert_true(is_open(p[0]));
    fixture_kill(fixture_broker());
    assert_int_equal(portd_fd_to_port_take(c, p[0], "", PORTD_READ, fixture_soon(), NULL, NULL),
                     PORTD_E_DISCONNECTED);
    assert_true(is_open(p[0]));
}

struct taken {
    int fd, code, answers;
    bool was_open;
    portd_id in, out;
};

static void on_taken(portd_client *client, const portd_result *result, void *data) {
    struct taken *taken = data;

    (void)client;
    taken->answers++;
    taken->code = result->code;
    taken->was_open = is_open(taken->fd);
    taken->in = result->input;
    taken->out = result->output;
}

static void await(portd_client *c, const struct taken *taken) {
    while (!taken->answers)
        assert_int_equal(portd_poll(c, fixture_soon()), 1);
    assert_int_equal(taken->answers, 1);
}

static void take_without_blocking(void **state) {
    static struct taken taken;
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    taken = (struct taken){.fd = fixture_disown(p[0])};
    assert_int_equal(
        portd_fd_to_port_take_start(c, taken.fd, "", PORTD_READ | PORTD_WRITE, on_taken, &taken, NULL), 1);
    assert_true(is_open(taken.fd));
    await(c, &taken);
    assert_int_equal(taken.code, 2);
    assert_false(taken.was_open);
    assert_true(taken.in && taken.out);
}

static bool only_the_connection(void *data) {
    return ask_item(data, portd_session_id(data)).objects == 0 &&
           fixture_broker_fds(fixture_broker()) == fixture_broker()->fds + 1;
}

/* A caller that gives up has no ports, and keeps the number; what the broker made is given back. */
static void a_take_that_is_cancelled(void **state) {
    static struct taken taken;
    portd_client *c = fixture_client(NULL);
    portd_request *request;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    taken = (struct taken){.fd = p[0]};
    fixture_hold_broker(); /* what has come before counts */
    assert_int_equal(portd_fd_to_port_take_start(c, p[0], "", PORTD_READ, on_taken, &taken, &request), 1);
    portd_cancel(request);
    await(c, &taken);
    fixture_continue_broker();
    assert_int_equal(taken.code, PORTD_E_CANCELLED);
    assert_true(is_open(p[0]));
    assert_true(fixture_until(only_the_connection, c));
    assert_true(is_open(p[0]));
}

static void a_wrap_that_nobody_waits_for(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id in = 77, out = 77;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    fixture_hold_broker();
    int code = portd_fd_to_port_take(c, p[0], "", PORTD_READ | PORTD_WRITE, portd_now() + 1000, &in, &out);
    fixture_continue_broker();
    assert_int_equal(code, PORTD_E_TIMEOUT);
    assert_true(in == 0 && out == 0);
    assert_true(fixture_until(only_the_connection, c));
    assert_true(is_open(p[0]));
}

TEST_MAIN(FIXTURE_CASE(p01_which_ports), FIXTURE_CASE(p02_p03_flags_that_are_refused),
          FIXTURE_CASE(p05_names), FIXTURE_CASE(p06_two_wraps_of_one_number),
          FIXTURE_CASE(p07_p09_numbers_that_are_none), FIXTURE_CASE(p08_the_direction_is_checked),
          FIXTURE_CASE(what_no_call_takes), FIXTURE_CASE(regular_file_is_for_files_alone),
          FIXTURE_CASE(text_changes_nothing_here), FIXTURE_CASE(a_refusal_changes_nothing),
          FIXTURE_CASE(a_number_that_came_back_with_another_file), FIXTURE_CASE(a_copy_from_the_broker),
          FIXTURE_CASE(flags_and_offsets_stay), FIXTURE_CASE(take_closes_the_number),
          FIXTURE_CASE(a_take_that_fails_leaves_the_number), FIXTURE_CASE(take_without_blocking),
          FIXTURE_CASE(a_take_that_is_cancelled), FIXTURE_CASE(a_wrap_that_nobody_waits_for))
