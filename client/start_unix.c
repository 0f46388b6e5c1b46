/* start_unix.c: starting the user's broker on Unix.
 *
 * If several processes need a broker at once, the one that gets the lock file beside the socket starts it; the others
 * wait until it answers or the lock is free. The broker is a grandchild in a process session of its own, so the caller has
 * no child left; the child between them lives until the broker is ready or has ended, and tells how it has ended. The broker inherits only the writing end of a pipe, to which it writes when it is ready. After the fork only
 * functions are called that are safe in the child of a process with threads. */
#define _GNU_SOURCE

#include "start.h"

#include "portd.h"
#include "process.h"

#include "proto/address.h"
#include "proto/calls.h"
#include "proto/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    NOTIFY_FD = 3,         /* the broker's end of the pipe */
    RETRY_US = 10 * 1000,  /* between two attempts while another process starts the broker */
    TRIES = 2,             /* to run a broker that ends at once */
    EXIT_CANNOT_RUN = 127, /* as in a shell */
    STATUS_TRIES = 100,    /* to learn how the broker has ended, with a pause between two */
    STATUS_US = 1000,
    SIGNALS = 65
};

const char *start_variable(const char *name) {
    const char *value = environment_get(name);

    return value && *value ? value : NULL;
}

void start_pause(int64_t us) { (void)poll(NULL, 0, (int)(us / 1000)); }

/* ---- reasons ------------------------------------------------------------------------------------------------------ */

static void reason_denied(const char *path, char *text, size_t size) {
    struct stat status;
    struct group group, *found = NULL;
    char buffer[4096];

    if (stat(path, &status) < 0) {
        snprintf(text, size, "permission denied: its directory is closed to this user");
        return;
    }
    if (getgrgid_r(status.st_gid, &group, buffer, sizeof(buffer), &found) == 0 && found)
        snprintf(text, size, "permission denied: its mode is %04o, its group %s", status.st_mode & 07777u,
                 found->gr_name);
    else
        snprintf(text, size, "permission denied: its mode is %04o, its group %lu", status.st_mode & 07777u,
                 (unsigned long)status.st_gid);
}

/* Of the directory of the socket and the one above it, names the one that others have, or may change. */
static void reason_others(const char *path, char *text, size_t size) {
    char folder[ADDRESS_MAX];
    struct stat status;

    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    if (lstat(folder, &status) < 0 ||
        (S_ISDIR(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & 077) == 0))
        *strrchr(folder, '/') = '\0';
    snprintf(text, size, "%s does not belong to this user alone", *folder ? folder : "/");
}

void start_reason(const char *address, int error, char *text, size_t size) {
    struct address parsed;

    switch (-error) {
    case ENOENT:
        snprintf(text, size, "no such socket");
        return;
    case ECONNREFUSED:
        snprintf(text, size, "nobody listens");
        return;
    case EAGAIN:
        snprintf(text, size, "its listen queue is full");
        return;
    case EACCES:
        if (!address_parse(address, &parsed) && parsed.kind == ADDRESS_UNIX && parsed.path[0] == '/') {
            reason_denied(parsed.path, text, size);
            return;
        }
        break;
    default:
        break;
    }
    snprintf(text, size, "%s", strerror(-error)); /* EPERM: of a sandbox */
}

void start_reason_user(const char *address, int error, char *text, size_t size) {
    struct address parsed;

    if (error == -EPERM && !address_parse(address, &parsed) && parsed.kind == ADDRESS_UNIX &&
        parsed.path[0] == '/')
        reason_others(parsed.path, text, size);
    else
        start_reason(address, error, text, size);
}

/* ---- the child ---------------------------------------------------------------------------------------------------- */

static void child_signals(void) {
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    sigemptyset(&none);
    for (int i = 1; i < SIGNALS; i++)
        (void)sigaction(i, &usual, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Removes the variables that a service manager set for the caller: readiness, watchdog, sockets. It changes only the
 * child's own array of pointers, so it needs no lock. */
static void child_environment(void) {
    static const char *const others[] = {
        "NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES="};
    char **kept = environment_all();

    for (char **each = kept; each && *each; each++) {
        bool other = false;
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
            other = other || strncmp(*each, others[i], strlen(others[i])) == 0;
        if (!other)
            *kept++ = *each;
    }
    if (kept)
        *kept = NULL;
}

/* Leaves open only /dev/null on the standard streams and the pipe on NOTIFY_FD. The pipe is moved up first, because it may
 * have one of these numbers. */
static int child_descriptors(int notify) {
    int null = open("/dev/null", O_RDWR);

    notify = fcntl(notify, F_DUPFD, NOTIFY_FD + 1);
    if (null < 0 || notify < 0)
        return -1;
    for (int fd = 0; fd < NOTIFY_FD; fd++)
        if (dup2(null, fd) < 0)
            return -1;
    if (dup2(notify, NOTIFY_FD) < 0)
        return -1;
    return process_close_from(NOTIFY_FD + 1);
}

/* Waits until nobody wants to know how the broker ends (a byte in `over`, or it has no other end any more), or a byte is in `asked`: then ends as the
 * broker has. */
static _Noreturn void child_watch(pid_t broker, int over, int asked) {
    struct rlimit no_core = {0, 0};
    int status = 0;

    over = fcntl(over, F_DUPFD, NOTIFY_FD);
    asked = fcntl(asked, F_DUPFD, NOTIFY_FD);
    if (over < 0 || asked < 0 || dup2(over, 0) < 0 || dup2(asked, 1) < 0 || process_close_from(2) < 0)
        _exit(EXIT_CANNOT_RUN);
    struct pollfd ends[2] = {{.fd = 0, .events = POLLIN}, {.fd = 1, .events = POLLIN}};
    while (poll(ends, 2, -1) < 0 && errno == EINTR)
        continue;
    if (ends[0].revents != 0)
        _exit(EXIT_CANNOT_RUN);
    /* It has closed its end of the pipe for readiness, so it ends just now, or goes on without: then this process does, too, and that tells. */
    for (int tries = 0; waitpid(broker, &status, WNOHANG) == 0; tries++) {
        if (tries == STATUS_TRIES) {
            while (poll(ends, 1, -1) < 0 && errno == EINTR)
                continue;
            _exit(EXIT_CANNOT_RUN);
        }
        start_pause(STATUS_US);
    }
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (WIFSIGNALED(status))
        (void)raise(WTERMSIG(status));
    _exit(WEXITSTATUS(status));
}

static _Noreturn void child_run(const char *daemon, char *const arguments[], int notify, int over,
                                int asked) {
    if (setsid() < 0)
        _exit(EXIT_CANNOT_RUN);
    child_signals();
    pid_t child = fork();
    if (child < 0)
        _exit(EXIT_CANNOT_RUN);
    if (child > 0)
        child_watch(child, over, asked);
    child_environment();
    (void)umask(077);
    if (chdir("/") < 0 || child_descriptors(notify) < 0)
        _exit(EXIT_CANNOT_RUN);
    execv(daemon, arguments);
    /* The error number, instead of the newline that means ready. */
    int error = errno;
    ssize_t written = write(NOTIFY_FD, &error, sizeof(error));
    (void)written;
    _exit(EXIT_CANNOT_RUN);
}

/* ---- the parent --------------------------------------------------------------------------------------------------- */

/* The child between this process and the broker. A byte in one of the pipes tells it what is wanted. That an end is closed does not: a process that
 * another thread has forked may have it, too. */
struct watcher {
    pid_t child;
    int over[2], asked[2];
};

/* All signals are blocked during the fork, so that none of the caller's handlers runs in the child. */
static int spawn(const char *address, const char *daemon, int notify, struct watcher *watcher) {
    char fd[16], idle[] = "60s", option_listen[] = "--listen", option_idle[] = "--idle-exit",
                 option_notify[] = "--notify-fd";
    char name[] = "portd", where[ADDRESS_MAX];
    char *arguments[] = {name, option_listen, where, option_idle, idle, option_notify, fd, NULL};
    sigset_t all, before;

    snprintf(where, sizeof(where), "%s", address);
    snprintf(fd, sizeof(fd), "%d", NOTIFY_FD);
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    watcher->child = fork();
    if (watcher->child == 0)
        child_run(daemon, arguments, notify, watcher->over[0], watcher->asked[0]);
    int r = watcher->child < 0 ? -errno : 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

/* 0, or a negative errno. */
static int watcher_open(struct watcher *watcher) {
    int r = calls_pipe(watcher->over, true) < 0 ? -errno : 0;

    if (r == 0 && calls_pipe(watcher->asked, true) < 0) {
        r = -errno;
        os_close(watcher->over[0]);
        os_close(watcher->over[1]);
    }
    return r;
}

/* Waits for the child for a while. 0: it has not ended; -1: another thread has reaped it (ECHILD), or there is none. */
static pid_t watcher_reap(const struct watcher *watcher, int *status) {
    pid_t got = watcher->child > 0 ? 0 : -1;

    for (int tries = 0; got == 0 && tries <= 2 * STATUS_TRIES; tries++) {
        got = waitpid(watcher->child, status, WNOHANG);
        if (got < 0 && errno == EINTR)
            got = 0;
        if (got == 0)
            start_pause(STATUS_US);
    }
    return got;
}

static void watcher_tell(const int pipe[2]) {
    ssize_t written = write(pipe[1], "", 1);

    (void)written;
}

/* The child is told to end, and is ended if it does not, so that none is left. */
static void watcher_end(const struct watcher *watcher) {
    int status;

    watcher_tell(watcher->over);
    if (watcher_reap(watcher, &status) == 0 && kill(watcher->child, SIGKILL) == 0)
        while (waitpid(watcher->child, &status, 0) < 0 && errno == EINTR)
            continue;
}

/* Ends the child, which ends as the broker has if that is asked for: *how says it. */
static void watcher_close(const struct watcher *watcher, bool ask, char *how, size_t how_size) {
    int status = EXIT_CANNOT_RUN << 8;
    pid_t got = 0;

    if (ask) {
        watcher_tell(watcher->asked);
        got = watcher_reap(watcher, &status);
    }
    if (got == 0)
        watcher_end(watcher);
    if (ask && got == 0)
        snprintf(how, how_size, "closed its notify descriptor before it was ready, and may be running");
    else if (ask && got > 0 && WIFSIGNALED(status))
        snprintf(how, how_size, "exited before it was ready by signal %d", WTERMSIG(status));
    else if (ask && got > 0 && WEXITSTATUS(status) != EXIT_CANNOT_RUN)
        snprintf(how, how_size, "exited before it was ready with status %d", WEXITSTATUS(status));
    else
        snprintf(how, how_size, "exited before it was ready");
    for (int end = 0; end < 2; end++) {
        os_close(watcher->over[end]);
        os_close(watcher->asked[end]);
    }
}

static int left_ms(int64_t deadline) {
    if (deadline == PORTD_FOREVER)
        return -1;
    int64_t left = deadline - os_now_us();
    return left <= 0 ? 0 : left > 3600000000 ? 3600000 : (int)((left + 999) / 1000);
}

/* 1: the broker is ready; 0: it has ended, or could not be run, and then *error is the errno of the exec; -ETIMEDOUT. */
static int notify_wait(int pipe_end, int64_t deadline, int *error) {
    unsigned char bytes[sizeof(int)];
    struct pollfd p = {.fd = pipe_end, .events = POLLIN};

    for (;;) {
        int found = poll(&p, 1, left_ms(deadline));
        if (found == 0)
            return -ETIMEDOUT;
        if (found < 0 && errno != EINTR)
            return -errno;
        if (found > 0)
            break;
    }
    ssize_t got = read(pipe_end, bytes, sizeof(bytes));
    if (got == (ssize_t)sizeof(*error))
        memcpy(error, bytes, sizeof(*error));
    return got > 0 && got != (ssize_t)sizeof(*error);
}

static int broker_run(const char *address, const char *daemon, int64_t deadline, char *why, size_t why_size) {
    struct watcher watcher;
    char how[128];
    int ends[2];
    int error = 0, r = watcher_open(&watcher);

    if (r == 0 && calls_pipe(ends, true) < 0) {
        r = -errno;
        watcher.child = 0;
        watcher_close(&watcher, false, how, sizeof(how));
    }
    if (r < 0) {
        snprintf(why, why_size, "cannot create a pipe to %s: %s", daemon, strerror(-r));
        return r;
    }
    r = spawn(address, daemon, ends[1], &watcher);
    os_close(ends[1]);
    if (r == 0)
        r = notify_wait(ends[0], deadline, &error);
    os_close(ends[0]);
    watcher_close(&watcher, r == 0 && error == 0, how, sizeof(how));
    if (r < 0)
        snprintf(why, why_size, "%s did not become ready: %s", daemon, strerror(-r));
    else if (error != 0)
        snprintf(why, why_size, "cannot run %s: %s", daemon, strerror(error));
    else if (r == 0)
        snprintf(why, why_size, "%s %s: run it by hand to see why", daemon, how);
    return r > 0 ? 0 : r < 0 ? r : error != 0 ? -error : -ECHILD;
}

/* Opens and locks the lock file beside the socket: its descriptor, -EAGAIN: another process has the lock, or another
 * negative errno. */
static int lock_take(const char *path, char *why, size_t why_size) {
    char file[ADDRESS_MAX + 16];
    int length = (int)(strrchr(path, '/') - path);

    snprintf(file, sizeof(file), "%.*s/portd.lock", length, path);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int r = errno == EWOULDBLOCK ? -EAGAIN : -errno;
    os_close(fd < 0 ? OS_FD_NONE : fd);
    snprintf(why, why_size, "%s: %s", file, strerror(-r));
    return r;
}

int start_broker(const char *address, const char *daemon, int64_t deadline, struct transport *connection,
                 char *why, size_t why_size) {
    struct address parsed;
    char reason[256];
    int lock;

    if (daemon[0] != '/' || address_parse(address, &parsed) || parsed.path[0] != '/') {
        snprintf(why, why_size, "%s is not an absolute path", daemon);
        return -EINVAL;
    }
    while ((lock = lock_take(parsed.path, why, why_size)) == -EAGAIN) {
        if (transport_connect_by(address, deadline, connection) == 0)
            return 0;
        if (os_now_us() >= deadline)
            return -ETIMEDOUT;
        start_pause(RETRY_US);
    }
    if (lock < 0)
        return lock;
    int r = transport_connect_by(address, deadline, connection);
    if (r == -EAGAIN) {
        r = -ETIMEDOUT;
        start_reason(address, -EAGAIN, why, why_size);
    }
    /* If it has ended, another broker may be listening there, or may have been and has left since. */
    for (int tries = 0; r < 0 && tries < TRIES && (tries == 0 ? r != -ETIMEDOUT : r == -ECHILD); tries++) {
        r = broker_run(address, daemon, deadline, why, why_size);
        int reached = transport_connect_by(address, deadline, connection);
        if (reached == 0)
            r = 0;
        else if (r == 0) {
            start_reason(address, reached, reason, sizeof(reason));
            snprintf(why, why_size, "%s has said that it is ready, and then: %s", daemon, reason);
            r = reached == -EAGAIN ? -ETIMEDOUT : -ECONNREFUSED;
        }
    }
    os_close(lock);
    return r;
}
