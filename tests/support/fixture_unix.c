/* fixture_unix.c: processes by fork, and /proc. */
#include "fixture.h"
#include "fixture_native.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { CHILDREN = 64, NOTIFY_FD = 3 };

static pid_t children[CHILDREN];
static int notice[2]; /* of the broker that is being started */

void fixture_native_pause(int ms) { (void)poll(NULL, 0, ms); }

int fixture_native_close(int fd) { return close(fd); }

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

    while (at < CHILDREN && children[at])
        at++;
    assert_true(at < CHILDREN);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(body(data));
    }
    assert_true(pid > 0);
    children[at] = pid;
    return pid;
}

static void forget_child(pid_t pid) {
    for (size_t i = 0; i < CHILDREN; i++)
        if (children[i] == pid)
            children[i] = 0;
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

static pid_t parent_of(pid_t pid) {
    char path[64], line[512] = "", state;
    int parent = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    (void)!fgets(line, sizeof line, file);
    (void)fclose(file);
    const char *end = strrchr(line, ')');
    return end && sscanf(end + 1, " %c %d", &state, &parent) == 2 && state != 'Z' ? parent : 0;
}

pid_t fixture_child(pid_t parent, unsigned *n) {
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    pid_t found = 0;
    unsigned count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || parent_of(pid) != parent)
            continue;
        found = pid;
        count++;
    }
    (void)closedir(folder);
    if (n)
        *n = count;
    return found;
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

void fixture_native_end_children(void) {
    for (size_t i = 0; i < CHILDREN; i++) {
        if (!children[i])
            continue;
        (void)kill(children[i], SIGKILL);
        (void)reap(children[i]);
        children[i] = 0;
    }
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

bool fixture_native_leave(struct fixture *fixture) {
    char path[FIXTURE_PATH + 32];

    (void)snprintf(path, sizeof(path), "%s/portd.sock", fixture->folder);
    bool gone = access(path, F_OK) < 0;
    (void)unlink(path);
    (void)rmdir(fixture->folder);
    return gone;
}

void fixture_native_place(struct fixture *fixture) {
    const char *temporary = getenv("TMPDIR");

    (void)snprintf(fixture->folder, sizeof(fixture->folder), "%s/portd-fixture-XXXXXX",
                   temporary && *temporary ? temporary : "/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(chmod(fixture->folder, 0755), 0);
    (void)snprintf(fixture->address, sizeof(fixture->address), "unix:%s/portd.sock", fixture->folder);
}

const char *fixture_native_notice(void) {
    assert_int_equal(pipe2(notice, O_CLOEXEC), 0);
    return "3";
}

void fixture_native_run(struct fixture *fixture, const char *const *arguments) {
    char buffer[PATH_MAX];
    const char *path = program(buffer);

    fixture->pid = fork();
    if (fixture->pid == 0)
        run(path, arguments, notice[1]);
    (void)close(notice[1]);
    assert_true(fixture->pid > 0);
}

void fixture_native_await(struct fixture *fixture) {
    char byte = 0;
    bool told = fixture_poll(notice[0], POLLIN) && read(notice[0], &byte, 1) == 1;

    (void)close(notice[0]);
    if (!told || byte != '\n')
        fail_msg("portd does not get ready: %d", fixture->pid ? reap(fixture->pid) : 0);
}

void fixture_native_use(portd_client *client) { (void)client; }

int fixture_native_stop(struct fixture *fixture) {
    (void)kill(fixture->pid, SIGTERM);
    int status = reap(fixture->pid);
    if (status < 0)
        fixture_native_kill(fixture);
    return status;
}

void fixture_native_kill(struct fixture *fixture) {
    (void)kill(fixture->pid, SIGKILL);
    (void)reap(fixture->pid);
}
