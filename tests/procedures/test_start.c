/* test_start.c: the user's broker, started by the library: the real program, and how it ends. */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* A folder in which the user's broker is, and nothing else. */
struct home {
    char folder[32];
    char socket[64];
};

static char why[1024];

static void home_make(struct home *home) {
    if (!getenv("PORTD_DAEMON"))
        test_skip("PORTD_DAEMON does not name the broker");
    if (access("/run/portd/portd.sock", F_OK) == 0)
        test_skip("a system's broker runs here");
    strcpy(home->folder, "/tmp/portd-start-XXXXXX");
    assert_non_null(mkdtemp(home->folder));
    snprintf(home->socket, sizeof(home->socket), "%s/portd/portd.sock", home->folder);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", home->folder, 1), 0);
    assert_int_equal(unsetenv("PORTD_ADDRESS"), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* what is orphaned comes to us */
}

static void home_remove(const struct home *home) {
    const char *const names[] = {"portd/portd.sock", "portd/portd.lock", "portd", ""};
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", home->folder, names[i]);
        (void)remove(path);
    }
    assert_int_not_equal(access(home->folder, F_OK), 0);
}

static int meet_by(bool start, int64_t deadline, portd_client **client) {
    portd_options options = PORTD_OPTIONS_INIT;

    why[0] = '\0';
    options.start = start;
    options.message = why;
    options.message_size = sizeof(why);
    return portd_connect(NULL, &options, deadline, client);
}

static int meet(bool start, portd_client **client) { return meet_by(start, fixture_soon(), client); }

static portd_client *meet_somebody(void) {
    portd_client *client;

    if (meet(true, &client) != 1)
        fail_msg("%s", why);
    return client;
}

static pid_t broker_pid(portd_client *client) {
    portd_list *list;

    assert_int_equal(portd_get_status(client, fixture_soon(), &list), 1);
    pid_t pid = (pid_t)portd_list_status(list)->pid;
    portd_list_free(list);
    return pid;
}

/* The end of an orphan: its exit status, or 256 + the signal. */
static int end_of(pid_t pid) {
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void stop(pid_t pid, int number) {
    assert_int_equal(kill(pid, number), 0);
    assert_int_equal(end_of(pid), number == SIGTERM ? 0 : 256 + number);
}

/* ---- one of our own ---------------------------------------------------------------------------------------------- */

static void one_is_started_and_found_again(void **state) {
    struct home home;
    portd_client *client, *second;
    char expected[80], path[64], link[32];
    struct stat null, stream;
    portd_id evt;
    int p[2];

    (void)state;
    home_make(&home);
    assert_int_equal(meet(false, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(why, home.socket));
    assert_int_not_equal(access(home.socket, F_OK), 0);
    make_pipe(p);
    int leaked = fixture_own(dup(p[1])); /* not close-on-exec */
    client = meet_somebody();
    pid_t pid = broker_pid(client);
    snprintf(expected, sizeof(expected), "unix:%s", home.socket);
    assert_string_equal(portd_address(client), expected);
    assert_int_equal(stat("/dev/null", &null), 0);
    for (int fd = 0; fd < 3; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
        assert_int_equal(stat(path, &stream), 0);
        assert_true(S_ISCHR(stream.st_mode) && stream.st_rdev == null.st_rdev);
    }
    assert_true(getsid(pid) != getsid(0) && getsid(pid) != pid && getpgid(pid) != getpgrp());
    snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
    assert_true(readlink(link, path, sizeof(path)) == 1 && path[0] == '/');
    second = meet_somebody();
    assert_int_equal(broker_pid(second), pid);
    portd_disconnect(second);
    /* It has nothing of ours: the pipe ends with us. */
    fixture_close(leaked);
    fixture_close(p[1]);
    assert_true(at_end(p[0]));
    assert_int_equal(portd_fd_to_evt(client, p[0], READ, PORTD_FD, fixture_soon(), &evt), 1);
    assert_cause(client, evt, HANG_UP);
    portd_disconnect(client);
    stop(pid, SIGTERM);
    assert_int_not_equal(access(home.socket, F_OK), 0);
    home_remove(&home);
}

static void a_socket_that_nobody_listens_at_is_replaced(void **state) {
    struct home home;
    portd_client *client;

    (void)state;
    home_make(&home);
    client = meet_somebody();
    pid_t first = broker_pid(client);
    stop(first, SIGKILL);
    portd_disconnect(client);
    assert_int_equal(access(home.socket, F_OK), 0);
    assert_int_equal(meet(false, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(why, "nobody listens"));
    client = meet_somebody();
    pid_t second = broker_pid(client);
    assert_int_not_equal(first, second);
    portd_disconnect(client);
    stop(second, SIGTERM);
    home_remove(&home);
}

/* A program that is started as the broker: a shell script. */
struct daemon {
    char script[64];
    char *real;
};

static void daemon_replace(struct daemon *daemon, const struct home *home, const char *text) {
    snprintf(daemon->script, sizeof(daemon->script), "%s/daemon", home->folder);
    int fd = open(daemon->script, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "#!/bin/sh\n%s\n", text), strlen(text) + strlen("#!/bin/sh\n\n"));
    assert_int_equal(close(fd), 0);
    daemon->real = strdup(getenv("PORTD_DAEMON"));
    assert_int_equal(setenv("PORTD_DAEMON", daemon->script, 1), 0);
}

static void daemon_restore(struct daemon *daemon) {
    assert_int_equal(setenv("PORTD_DAEMON", daemon->real, 1), 0);
    free(daemon->real);
    assert_int_equal(unlink(daemon->script), 0);
}

/* It may have found another one that listens, which leaves before anybody has connected to it. */
static void one_that_ends_before_it_is_ready_is_run_again(void **state) {
    char ran[64], text[1024];
    struct daemon daemon;
    struct home home;
    portd_client *client;

    (void)state;
    home_make(&home);
    snprintf(ran, sizeof(ran), "%s/ran", home.folder);
    snprintf(text, sizeof(text), "[ -e %s ] && exec '%s' \"$@\"\n>%s", ran, getenv("PORTD_DAEMON"), ran);
    daemon_replace(&daemon, &home, text);
    int code = meet(true, &client);
    daemon_restore(&daemon);
    assert_int_equal(unlink(ran), 0);
    if (code != 1)
        fail_msg("%s", why);
    pid_t pid = broker_pid(client);
    portd_disconnect(client);
    stop(pid, SIGTERM);
    while (waitpid(-1, NULL, WNOHANG) > 0) /* the first one was orphaned, too */
        continue;
    home_remove(&home);
}

/* A start that another thread has begun: the program waits until it is told to go on. */
struct started {
    struct home home;
    struct daemon daemon;
    char begun[64], go[64];
    int begins, goes;
    int64_t deadline;
    pthread_t thread;
    int code;
};

static void *meet_beside(void *data) {
    struct started *started = data;
    portd_client *client;

    started->code = meet_by(true, started->deadline, &client);
    if (started->code == 1)
        portd_disconnect(client);
    return NULL;
}

static int fifo_make(const struct home *home, const char *name, char path[64]) {
    snprintf(path, 64, "%s/%s", home->folder, name);
    assert_int_equal(mkfifo(path, 0600), 0);
    return fixture_own(open(path, O_RDWR | O_CLOEXEC));
}

/* Returns when the program runs, of which `then` is the rest. */
static void start_begin(struct started *started, int64_t deadline, const char *then) {
    char text[1024], byte;

    home_make(&started->home);
    started->begins = fifo_make(&started->home, "begun", started->begun);
    started->goes = fifo_make(&started->home, "go", started->go);
    started->deadline = deadline;
    snprintf(text, sizeof(text), "echo >%s\nread -r _ <%s\n%s", started->begun, started->go, then);
    daemon_replace(&started->daemon, &started->home, text);
    assert_int_equal(pthread_create(&started->thread, NULL, meet_beside, started), 0);
    assert_int_equal(read(started->begins, &byte, 1), 1);
}

/* Returns what the connect returned. */
static int start_end(struct started *started) {
    assert_int_equal(write(started->goes, "\n", 1), 1);
    assert_int_equal(pthread_join(started->thread, NULL), 0);
    daemon_restore(&started->daemon);
    fixture_close(started->begins);
    fixture_close(started->goes);
    assert_int_equal(unlink(started->begun), 0);
    assert_int_equal(unlink(started->go), 0);
    return started->code;
}

static int hold_all(void *data) {
    (void)data;
    for (;;)
        (void)pause();
    return 0;
}

/* Another thread forks while the broker is being started: its child has all descriptors of that moment. */
static void no_child_is_left_where_another_thread_has_forked(void **state) {
    struct started started;
    portd_client *client;
    char text[512];

    (void)state;
    snprintf(text, sizeof(text), "exec '%s' \"$@\"", getenv("PORTD_DAEMON"));
    start_begin(&started, fixture_soon(), text);
    pid_t holder = fixture_fork(hold_all, NULL);
    if (start_end(&started) != 1)
        fail_msg("%s", why);
    client = meet_somebody();
    pid_t broker = broker_pid(client);
    portd_disconnect(client);
    stop(broker, SIGTERM); /* an orphan, so ours */
    fixture_end(holder);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    home_remove(&started.home);
}

/* It has said that it is ready, but its listen queue stays full until the deadline. */
static void one_that_is_ready_with_a_full_queue_is_late(void **state) {
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    struct started started;
    int waiting;

    (void)state;
    start_begin(&started, portd_now() + 2000000, "echo >&3");
    strcpy(place.sun_path, started.home.socket);
    int listener = fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(listener, (struct sockaddr *)&place, sizeof(place)), 0);
    assert_int_equal(listen(listener, 0), 0);
    do
        waiting = fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    while (connect(waiting, (struct sockaddr *)&place, sizeof(place)) == 0);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(start_end(&started), PORTD_E_TIMEOUT);
    while (waitpid(-1, NULL, WNOHANG) > 0) /* the program was orphaned */
        continue;
    home_remove(&started.home);
}

static void what_is_no_socket_is_left_alone(void **state) {
    struct home home;
    portd_client *client;
    char folder[64];

    (void)state;
    home_make(&home);
    snprintf(folder, sizeof(folder), "%s/portd", home.folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    int fd = open(home.socket, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "mine", 4), 4);
    assert_int_equal(close(fd), 0);
    assert_int_equal(meet(true, &client), PORTD_E_UNREACHABLE);
    struct stat status;
    assert_int_equal(stat(home.socket, &status), 0);
    assert_true(S_ISREG(status.st_mode) && status.st_size == 4);
    while (waitpid(-1, NULL, 0) > 0) /* the broker that could not listen */
        continue;
    home_remove(&home);
}

static void a_folder_that_is_open_to_others_is_not_trusted(void **state) {
    struct home home;
    portd_client *client;
    char folder[64];

    (void)state;
    home_make(&home);
    snprintf(folder, sizeof(folder), "%s/portd", home.folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(meet(true, &client), PORTD_E_UNREACHABLE);
    assert_non_null(strstr(why, "does not belong to this user alone"));
    assert_int_not_equal(access(home.socket, F_OK), 0);
    home_remove(&home);
}

/* ---- many at once ------------------------------------------------------------------------------------------------ */

static int report_pid(void *data) {
    portd_client *client;
    int32_t pid = 0;

    if (meet(true, &client) == 1) {
        pid = (int32_t)broker_pid(client);
        portd_disconnect(client);
    }
    return write(*(int *)data, &pid, sizeof(pid)) == sizeof(pid) ? 0 : 1;
}

static void processes_at_once_get_the_same_one(void **state) {
    enum { STARTERS = 8 };
    struct home home;
    pid_t starters[STARTERS];
    int32_t pids[STARTERS];
    int p[2];

    (void)state;
    home_make(&home);
    make_pipe(p);
    for (int i = 0; i < STARTERS; i++)
        starters[i] = fixture_fork(report_pid, &p[1]);
    for (int i = 0; i < STARTERS; i++)
        assert_int_equal(fixture_reap(starters[i]), 0);
    assert_int_equal(read(p[0], pids, sizeof(pids)), sizeof(pids));
    for (int i = 0; i < STARTERS; i++)
        assert_true(pids[i] > 0 && pids[i] == pids[0]);
    stop(pids[0], SIGTERM);
    home_remove(&home);
}

/* ---- when it is not needed any more ------------------------------------------------------------------------------- */

static int run_idle(void *data) {
    const struct home *home = data;
    char address[80], *arguments[] = {getenv("PORTD_DAEMON"),
                                      (char *)(uintptr_t) "--listen",
                                      address,
                                      (char *)(uintptr_t) "--idle-exit",
                                      (char *)(uintptr_t) "1ms",
                                      NULL};

    snprintf(address, sizeof(address), "unix:%s", home->socket);
    (void)execv(arguments[0], arguments);
    return 100;
}

static bool answers(void *data) { return meet(false, data) == 1; }

/* Somebody connected keeps it, and so does a session with something in it. A millisecond is what a minute is to the library. */
static void it_leaves_when_nobody_needs_it(void **state) {
    struct home home;
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client = NULL;
    char folder[64];
    int p[2];

    (void)state;
    home_make(&home);
    snprintf(folder, sizeof(folder), "%s/portd", home.folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    pid_t pid = fixture_fork(run_idle, &home);
    if (!fixture_until(answers, &client)) {
        assert_int_equal(fixture_reap(pid), 0); /* it was faster: that is right, too */
        home_remove(&home);
        return;
    }
    make_pipe(p);
    options.ttl_us = 3600 * INT64_C(1000000);
    portd_client *lasting;
    assert_int_equal(portd_connect(NULL, &options, fixture_soon(), &lasting), 1);
    portd_id evt = ask_evt(lasting, p[0], READ), lasting_id = portd_session_id(lasting);
    portd_disconnect(lasting);
    portd_ready ready;
    assert_int_equal(
        portd_wait(client, (portd_id[]){ask_evt(client, p[0], READ)}, 1, 0, portd_now() + 50000, &ready), 0);
    portd_disconnect(client); /* the other session is left, with its event */
    (void)evt;
    assert_int_equal(meet(false, &client), 1);
    assert_int_equal(portd_end_session(client, lasting_id, fixture_soon()), 1);
    portd_disconnect(client);
    assert_int_equal(fixture_reap(pid), 0);
    assert_int_not_equal(access(home.socket, F_OK), 0);
    home_remove(&home);
}

TEST_MAIN(FIXTURE_CASE_BARE(one_is_started_and_found_again),
          FIXTURE_CASE_BARE(a_socket_that_nobody_listens_at_is_replaced),
          FIXTURE_CASE_BARE(one_that_ends_before_it_is_ready_is_run_again),
          FIXTURE_CASE_BARE(no_child_is_left_where_another_thread_has_forked),
          FIXTURE_CASE_BARE(one_that_is_ready_with_a_full_queue_is_late),
          FIXTURE_CASE_BARE(what_is_no_socket_is_left_alone),
          FIXTURE_CASE_BARE(a_folder_that_is_open_to_others_is_not_trusted),
          FIXTURE_CASE_BARE(processes_at_once_get_the_same_one),
          FIXTURE_CASE_BARE(it_leaves_when_nobody_needs_it))
