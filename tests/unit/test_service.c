/* test_service.c: what a service manager passes and is told. Each case runs in a child with its own environment and low
 * descriptors. */
#include "tests/support/test.h"

#include "daemon/service.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Runs `check` in a child with that many listeners on 3 and up, and asserts that it answers true. */
static void in_child(size_t listeners, bool (*check)(void)) {
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        for (int fd = 3; fd < 20; fd++)
            close(fd);
        for (size_t i = 0; i < listeners; i++)
            if (socket(AF_UNIX, SOCK_STREAM, 0) != 3 + (int)i)
                _exit(2);
        _exit(check() ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void listen_variables(const char *fds, const char *names) {
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", fds, 1);
    if (names)
        setenv("LISTEN_FDNAMES", names, 1);
    setenv("LISTEN_PIDFDID", "1", 1);
}

static struct service_stored *stored;
static size_t n_stored;

static int inherit(os_fd *listener) { return service_listener(listener, &stored, &n_stored); }

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static bool variables_are_gone(void) {
    return !getenv("LISTEN_PID") && !getenv("LISTEN_FDS") && !getenv("LISTEN_FDNAMES") &&
           !getenv("LISTEN_PIDFDID");
}

/* Of n listeners the one with that number is ours. */
static bool ours_is(int n, int number) {
    os_fd listener;
    bool good = inherit(&listener) == n && listener == number && fcntl(number, F_GETFD) == FD_CLOEXEC;

    for (int fd = 3; fd < 3 + n; fd++)
        good = good && is_open(fd) == (fd == number);
    return good && variables_are_gone() && inherit(&listener) == 0 && listener == OS_FD_NONE;
}

static bool one_listener(void) {
    listen_variables("1", NULL);
    return ours_is(1, 3);
}

static bool the_one_of_our_name(void) {
    listen_variables("3", "metrics:xportd:portd");
    return ours_is(3, 5);
}

static bool the_first_if_none_has_our_name(void) {
    listen_variables("2", "portd.socket:other");
    return ours_is(2, 3);
}

static bool fewer_names_than_descriptors(void) {
    listen_variables("3", "a");
    return ours_is(3, 3);
}

static bool is_stored(size_t place, uint64_t serial, int fd) {
    return stored[place].serial == serial && stored[place].fd == fd && fcntl(fd, F_GETFD) == FD_CLOEXEC;
}

static bool what_was_stored_is_no_listener(void) {
    os_fd listener;

    listen_variables(
        "5",
        "portd-000000000000000f:other:portd-0000000000000002:portd-00000000000000G1:portd-0000000000000000");
    bool good = inherit(&listener) == 3 && listener == 4 && n_stored == 2 && is_stored(0, 2, 5) &&
                is_stored(1, 15, 3) && !is_open(6) && !is_open(7) && variables_are_gone();
    free(stored);
    return good;
}

static bool nothing_but_what_was_stored(void) {
    os_fd listener;

    listen_variables("2", "portd-0000000000000002:portd-0000000000000001");
    bool good = inherit(&listener) == 0 && listener == OS_FD_NONE && n_stored == 2 && is_stored(0, 1, 4) &&
                is_stored(1, 2, 3);
    free(stored);
    return good;
}

static bool only_what_was_stored(void) {
    listen_variables("2", "portd:portd-0000000000000001");
    bool good =
        inherit(NULL) == 0 && n_stored == 1 && is_stored(0, 1, 4) && is_open(3) && fcntl(3, F_GETFD) == 0;
    free(stored);
    return good;
}

static bool none_without_variables(void) {
    os_fd listener = 0;

    return inherit(&listener) == 0 && listener == OS_FD_NONE && is_open(3);
}

static bool none_for_another_process(void) {
    os_fd listener;

    listen_variables("1", NULL);
    setenv("LISTEN_PID", "1", 1);
    return inherit(&listener) == 0 && listener == OS_FD_NONE && variables_are_gone() && is_open(3);
}

static bool senseless_variables(void) {
    static const char *const numbers[] = {"", "x", "-1", "1x", " 1", "99999999999999999999", "70000"};
    os_fd listener;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        listen_variables(numbers[i], NULL);
        if (inherit(&listener) != -EINVAL || listener != OS_FD_NONE || !variables_are_gone())
            return false;
        listen_variables("1", NULL);
        setenv("LISTEN_PID", *numbers[i] == '7' ? "9999999999" : numbers[i], 1);
        if (inherit(&listener) != -EINVAL)
            return false;
    }
    listen_variables("1", NULL);
    unsetenv("LISTEN_PID");
    return inherit(&listener) == -EINVAL && is_open(3);
}

static bool a_descriptor_that_is_not_open(void) {
    os_fd listener;

    listen_variables("2", NULL);
    return inherit(&listener) == -EBADF && listener == OS_FD_NONE;
}

static void listeners_come_by_socket_activation(void **state) {
    (void)state;
    in_child(1, one_listener);
    in_child(3, the_one_of_our_name);
    in_child(2, the_first_if_none_has_our_name);
    in_child(3, fewer_names_than_descriptors);
    in_child(5, what_was_stored_is_no_listener);
    in_child(2, nothing_but_what_was_stored);
    in_child(2, only_what_was_stored);
    in_child(1, none_without_variables);
    in_child(1, none_for_another_process);
}

static void variables_without_sense_are_an_error(void **state) {
    (void)state;
    in_child(1, senseless_variables);
    in_child(1, a_descriptor_that_is_not_open);
}

static char manager_text[128];

/* The service manager's socket, at a path or at an abstract name. */
static int manager_open(bool abstract) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)snprintf(manager_text, sizeof(manager_text), "%sportd-test-%d", abstract ? "@" : "/tmp/",
                   (int)getpid());
    strcpy(address.sun_path, manager_text);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(manager_text));
    if (abstract)
        address.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    setenv("NOTIFY_SOCKET", manager_text, 1);
    return fd;
}

static void manager_close(int fd) {
    if (manager_text[0] == '/')
        (void)unlink(manager_text);
    unsetenv("NOTIFY_SOCKET");
    close(fd);
}

static void assert_told(int manager, const char *expected) {
    char text[1024];
    ssize_t n = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);

    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, expected);
}

static void the_manager_is_told(void **state) {
    (void)state;
    for (int abstract = 0; abstract < 2; abstract++) {
        int manager = manager_open(abstract);
        service_ready(OS_FD_NONE, "listening at unix:/run/x");
        assert_told(manager, "READY=1\nSTATUS=listening at unix:/run/x\n");
        service_stopping();
        assert_told(manager, "STOPPING=1\n");
        manager_close(manager);
    }
}

/* The time is that of the clock that the manager reads. */
static void the_manager_is_told_of_a_reload(void **state) {
    char text[256], rest;
    long long then;

    (void)state;
    int manager = manager_open(false);
    int64_t before = os_now_us();
    service_reloading();
    ssize_t n = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    text[n] = '\0';
    assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld%c", &then, &rest), 2);
    assert_int_equal(rest, '\n');
    assert_in_range(then, before, os_now_us());
    service_reloaded();
    assert_told(manager, "READY=1\n");
    manager_close(manager);
}

static void a_descriptor_gets_a_newline_and_is_closed(void **state) {
    char text[4];
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    service_ready(ends[1], "ready");
    assert_int_equal(read(ends[0], text, sizeof(text)), 1);
    assert_int_equal(text[0], '\n');
    assert_int_equal(read(ends[0], text, sizeof(text)), 0);
    close(ends[0]);
}

/* Nobody reads it. The broker does not wait for that, and leaves what is in it, and its flags, as they are. */
static void a_full_descriptor_gets_nothing_and_is_closed(void **state) {
    char byte = 'x';
    int ends[2], size = 0;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    while (write(ends[1], &byte, 1) == 1)
        size++;
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
    int held = dup(ends[1]);
    service_ready(ends[1], "ready");
    assert_false(is_open(ends[1]));
    assert_false(fcntl(held, F_GETFL) & O_NONBLOCK);
    close(held);
    while (read(ends[0], &byte, 1) == 1) {
        assert_int_equal(byte, 'x');
        size--;
    }
    assert_int_equal(size, 0);
    close(ends[0]);
}

static void nobody_to_tell_is_no_failure(void **state) {
    static const char *const addresses[] = {"", "nowhere", "/tmp/portd-test-nobody", "@portd-test-nobody",
                                            "vsock:2:3"};
    char longest[300];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    unsetenv("NOTIFY_SOCKET");
    service_ready(OS_FD_NONE, "ready");
    for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        setenv("NOTIFY_SOCKET", addresses[i], 1);
        service_ready(OS_FD_NONE, "ready");
    }
    setenv("NOTIFY_SOCKET", longest, 1);
    service_stopping();
    unsetenv("NOTIFY_SOCKET");
}

static bool limit_is_raised(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max < 128)
        return false;
    rlim_t hard = limit.rlim_max < SERVICE_DESCRIPTORS_MAX ? limit.rlim_max : SERVICE_DESCRIPTORS_MAX;
    limit.rlim_cur = 64;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || service_descriptor_limit() != hard)
        return false;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == hard &&
           service_descriptor_limit() == hard;
}

static bool limit_stays_below_the_hard_one(void) {
    struct rlimit limit = {.rlim_cur = 64, .rlim_max = 100};

    return setrlimit(RLIMIT_NOFILE, &limit) == 0 && service_descriptor_limit() == 100;
}

static void the_limit_of_descriptors_is_the_hard_one(void **state) {
    (void)state;
    in_child(0, limit_is_raised);
    in_child(0, limit_stays_below_the_hard_one);
}

TEST_MAIN(TEST_CASE(listeners_come_by_socket_activation), TEST_CASE(variables_without_sense_are_an_error),
          TEST_CASE(the_manager_is_told), TEST_CASE(the_manager_is_told_of_a_reload),
          TEST_CASE(a_descriptor_gets_a_newline_and_is_closed),
          TEST_CASE(a_full_descriptor_gets_nothing_and_is_closed), TEST_CASE(nobody_to_tell_is_no_failure),
          TEST_CASE(the_limit_of_descriptors_is_the_hard_one))
