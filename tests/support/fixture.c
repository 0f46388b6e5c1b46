/* fixture.c: starts, counts and cleans up. What a case owns is kept in tables of fixed size; forked children inherit them and do
 * not use them. */
#include "fixture.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { FIXTURES = 8, CLIENTS = 128, OWNED = 1024, CHILDREN = 64, NOTIFY_FD = 3, ARGUMENTS = 16 };

static struct {
    struct fixture broker;
    struct fixture *fixtures[FIXTURES];
    portd_client *clients[CLIENTS];
    int owned[OWNED];
    size_t n_owned;
    pid_t children[CHILDREN];
} own;

int64_t fixture_soon(void) { return portd_now() + FIXTURE_PATIENCE_MS * INT64_C(1000); }

/* ---- conditions --------------------------------------------------------------------------------------------------- */

bool fixture_until(bool (*condition)(void *data), void *data) {
    int64_t deadline = fixture_soon();
    int pause_ms = 0;

    while (!condition(data)) {
        if (portd_now() > deadline)
            return condition(data);
        (void)poll(NULL, 0, pause_ms); /* lets others run; the first look again is at once */
        pause_ms = 1;
    }
    return true;
}

short fixture_poll(int fd, short events) {
    struct pollfd one = {.fd = fd, .events = events};
    int n;

    do {
        n = poll(&one, 1, FIXTURE_PATIENCE_MS);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? one.revents : 0;
}

/* ---- processes ---------------------------------------------------------------------------------------------------- */

int fixture_close_above(int last) { return (int)syscall(SYS_close_range, last + 1, ~0u, 0); }

/* Exit status or 256 + signal, -1 if it does not end in time. */
static int reap(pid_t pid) {
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    int status = 0;

    if (pidfd >= 0) {
        bool ended = fixture_poll(pidfd, POLLIN) != 0;
        (void)close(pidfd);
        if (!ended)
            return -1;
    }
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

pid_t fixture_fork(int (*body)(void *data), void *data) {
    size_t at = 0;

    while (at < CHILDREN && own.children[at])
        at++;
    assert_true(at < CHILDREN);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(body(data));
    }
    assert_true(pid > 0);
    own.children[at] = pid;
    return pid;
}

static void forget_child(pid_t pid) {
    for (size_t i = 0; i < CHILDREN; i++)
        if (own.children[i] == pid)
            own.children[i] = 0;
}

int fixture_reap(pid_t pid) {
    int status = reap(pid);

    if (status < 0)
        fail_msg("process %d does not end", (int)pid);
    forget_child(pid);
    return status;
}

void fixture_end(pid_t pid) {
    (void)kill(pid, SIGKILL);
    (void)fixture_reap(pid);
}

char fixture_process_state(pid_t pid) {
    char path[64], line[512] = "";

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    (void)!fgets(line, sizeof(line), file);
    (void)fclose(file);
    const char *name_end = strrchr(line, ')'); /* the name may hold anything */
    return name_end && name_end[1] == ' ' ? name_end[2] : 0;
}

long fixture_sleeps(pid_t pid) {
    static const char word[] = "voluntary_ctxt_switches:";
    char path[64], line[256];
    long number = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, word, sizeof(word) - 1) == 0)
            number = strtol(line + sizeof(word) - 1, NULL, 10);
    assert_int_equal(fclose(file), 0);
    assert_true(number >= 0);
    return number;
}

static bool is_stopped(void *data) {
    const struct fixture *broker = data;
    return fixture_process_state(broker->pid) == 'T';
}

void fixture_hold(const struct fixture *fixture) {
    struct fixture copy = *fixture;

    assert_int_equal(kill(fixture->pid, SIGSTOP), 0);
    assert_true(fixture_until(is_stopped, &copy));
}

void fixture_continue(const struct fixture *fixture) { assert_int_equal(kill(fixture->pid, SIGCONT), 0); }

void fixture_hold_broker(void) { fixture_hold(fixture_broker()); }

void fixture_continue_broker(void) { fixture_continue(fixture_broker()); }

size_t fixture_fds(pid_t pid) {
    char path[64];
    struct dirent *entry;
    size_t n = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    if (!folder)
        return 0;
    while ((entry = readdir(folder)))
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

/* ---- brokers ------------------------------------------------------------------------------------------------------ */

/* The broker of the build: beside tests/FOLDER/program is daemon/portd. */
static const char *program(char path[PATH_MAX]) {
    const char *named = getenv("PORTD_DAEMON");

    if (named && *named)
        return named;
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    assert_true(n > 0);
    path[n] = '\0';
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(path, '/');
        assert_non_null(slash);
        *slash = '\0';
    }
    size_t used = strlen(path);
    (void)snprintf(path + used, PATH_MAX - used, "/daemon/portd");
    return path;
}

static void run(const char *path, const char *const *arguments, int notify) {
    char *const *argv = (char *const *)(uintptr_t)arguments;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        _exit(126);
    if (notify == NOTIFY_FD ? fcntl(notify, F_SETFD, 0) < 0 : dup2(notify, NOTIFY_FD) < 0)
        _exit(126);
    if (fixture_close_above(NOTIFY_FD) < 0)
        _exit(126);
    execv(path, argv);
    _exit(127);
}

static void remove_folder(struct fixture *fixture) {
    char path[FIXTURE_PATH + 32];

    (void)snprintf(path, sizeof(path), "%s/portd.sock", fixture->folder);
    (void)unlink(path);
    (void)rmdir(fixture->folder);
}

static void make_folder(struct fixture *fixture) {
    const char *temporary = getenv("TMPDIR");

    (void)snprintf(fixture->folder, sizeof(fixture->folder), "%s/portd-fixture-XXXXXX",
                   temporary && *temporary ? temporary : "/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(chmod(fixture->folder, 0755), 0);
    (void)snprintf(fixture->address, sizeof(fixture->address), "unix:%s/portd.sock", fixture->folder);
}

static void remember(struct fixture *fixture) {
    for (size_t i = 0; i < FIXTURES; i++) {
        if (own.fixtures[i])
            continue;
        own.fixtures[i] = fixture;
        return;
    }
    fail_msg("more than %d brokers", FIXTURES);
}

static void await_ready(struct fixture *fixture, int notify) {
    char byte = 0;
    bool told = fixture_poll(notify, POLLIN) && read(notify, &byte, 1) == 1;

    (void)close(notify);
    if (!told || byte != '\n')
        fail_msg("portd does not get ready: %d", fixture->pid ? reap(fixture->pid) : 0);
}

/* Whether workers have closed what the hello needed. */
static bool nothing_is_closing(void *data) {
    portd_client *client = data;
    portd_list *list = NULL;
    bool nothing = false;

    assert_int_equal(portd_get_stats(client, fixture_soon(), &list), 1);
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_metric *metric = portd_list_metric(list, i);
        nothing = nothing || (strcmp(metric->name, "closing") == 0 && metric->value == 0);
    }
    portd_list_free(list);
    return nothing;
}

void fixture_until_closed(portd_client *client) { assert_true(fixture_until(nothing_is_closing, client)); }

/* Counts while one client is connected that has nothing. */
static void count_idle(struct fixture *fixture) {
    portd_client *client = fixture_client_at(fixture->address, NULL);

    fixture_until_closed(client);
    fixture->fds = fixture_fds(fixture->pid) - 1;
    fixture_disconnect(client);
}

void fixture_start(struct fixture *fixture, const char *const *options) {
    char buffer[PATH_MAX];
    const char *path = program(buffer), *arguments[ARGUMENTS];
    size_t n = 0;
    int ends[2];

    *fixture = (struct fixture){0};
    make_folder(fixture);
    arguments[n++] = "portd";
    arguments[n++] = "--listen";
    arguments[n++] = fixture->address;
    arguments[n++] = "--notify-fd";
    arguments[n++] = "3";
    arguments[n++] = "--log-level";
    arguments[n++] = "error";
    for (size_t i = 0; options && options[i] && n < ARGUMENTS - 1; i++) {
        if (strcmp(options[i], "--listen") == 0 && options[i + 1])
            (void)snprintf(fixture->address, sizeof(fixture->address), "%s", options[i + 1]);
        arguments[n++] = options[i];
    }
    arguments[n] = NULL;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)fflush(NULL);
    fixture->pid = fork();
    if (fixture->pid == 0)
        run(path, arguments, ends[1]);
    (void)close(ends[1]);
    assert_true(fixture->pid > 0);
    remember(fixture);
    fixture->started = true;
    await_ready(fixture, ends[0]);
    count_idle(fixture);
}

static void forget(struct fixture *fixture) {
    for (size_t i = 0; i < FIXTURES; i++)
        if (own.fixtures[i] == fixture)
            own.fixtures[i] = NULL;
    fixture->started = false;
}

void fixture_stop(struct fixture *fixture) {
    char path[FIXTURE_PATH + 32];

    assert_true(fixture->started);
    (void)kill(fixture->pid, SIGTERM);
    int status = reap(fixture->pid);
    if (status < 0) {
        (void)kill(fixture->pid, SIGKILL);
        (void)reap(fixture->pid);
    }
    forget(fixture);
    (void)snprintf(path, sizeof(path), "%s/portd.sock", fixture->folder);
    bool gone = access(path, F_OK) < 0;
    remove_folder(fixture);
    if (status != 0)
        fail_msg("portd ended with %d (256 and above: a signal, -1: not at all)", status);
    assert_true(gone);
}

void fixture_kill(struct fixture *fixture) {
    assert_true(fixture->started);
    (void)kill(fixture->pid, SIGKILL);
    (void)reap(fixture->pid);
    forget(fixture);
    remove_folder(fixture);
}

size_t fixture_broker_fds(const struct fixture *fixture) { return fixture_fds(fixture->pid); }

struct fds_wanted {
    const struct fixture *fixture;
    size_t n;
};

static bool has_fds(void *data) {
    const struct fds_wanted *wanted = data;

    return fixture_broker_fds(wanted->fixture) == wanted->n;
}

void fixture_until_fds(const struct fixture *fixture, size_t more) {
    struct fds_wanted wanted = {fixture, fixture->fds + more};

    if (!fixture_until(has_fds, &wanted))
        fail_msg("the broker has %zu descriptors more than when it is idle, not %zu",
                 fixture_broker_fds(fixture) - fixture->fds, more);
}

struct fixture *fixture_broker(void) {
    return &own.broker;
}

const char *fixture_address(void) { return own.broker.address; }

/* ---- what belongs to a case --------------------------------------------------------------------------------------- */

portd_client *fixture_client_at(const char *address, const portd_options *options) {
    char message[256] = "";
    portd_options usual = PORTD_OPTIONS_INIT;
    portd_client *client = NULL;
    size_t at = 0;

    if (options)
        usual = *options;
    usual.message = message;
    usual.message_size = sizeof(message);
    while (at < CLIENTS && own.clients[at])
        at++;
    assert_true(at < CLIENTS);
    int code = portd_connect(address, &usual, fixture_soon(), &client);
    if (code != 1)
        fail_msg("cannot connect to %s: %s: %s", address, portd_code_name(code), message);
    own.clients[at] = client;
    return client;
}

portd_client *fixture_client(const portd_options *options) {
    return fixture_client_at(fixture_address(), options);
}

portd_client *fixture_joined(const portd_client *client) {
    portd_options options = PORTD_OPTIONS_INIT;

    options.token = portd_session_token(client);
    return fixture_client_at(portd_address(client), &options);
}

portd_client *fixture_forget(portd_client *client) {
    for (size_t i = 0; i < CLIENTS; i++)
        if (own.clients[i] == client)
            own.clients[i] = NULL;
    return client;
}

int fixture_own(int fd) {
    if (fd < 0)
        fail_msg("no descriptor: %s", strerror(errno));
    assert_true(own.n_owned < OWNED);
    own.owned[own.n_owned++] = fd;
    return fd;
}

int fixture_disown(int fd) {
    for (size_t i = 0; i < own.n_owned; i++) {
        if (own.owned[i] != fd)
            continue;
        own.owned[i] = own.owned[--own.n_owned];
        return fd;
    }
    fail_msg("descriptor %d does not belong to the case", fd);
    return fd;
}

void fixture_close(int fd) { assert_int_equal(close(fixture_disown(fd)), 0); }

/* ---- before and after --------------------------------------------------------------------------------------------- */

int fixture_before_bare(void **state) { return test_before(state); }

int fixture_before(void **state) {
    if (test_before(state) < 0)
        return -1;
    fixture_start(&own.broker, NULL);
    return 0;
}

static void take_down_clients(void) {
    for (size_t i = 0; i < CHILDREN; i++) {
        if (!own.children[i])
            continue;
        (void)kill(own.children[i], SIGKILL);
        (void)reap(own.children[i]);
        own.children[i] = 0;
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        portd_disconnect(own.clients[i]);
        own.clients[i] = NULL;
    }
    while (own.n_owned > 0)
        (void)close(own.owned[--own.n_owned]);
}

int fixture_after(void **state) {
    bool counted = own.broker.started;

    take_down_clients();
    if (counted)
        fixture_until_fds(&own.broker, 0);
    for (size_t i = FIXTURES; i > 0; i--)
        if (own.fixtures[i - 1])
            fixture_stop(own.fixtures[i - 1]);
    return test_after(state);
}
