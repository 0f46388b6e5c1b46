/* service_unix.c: the protocols of sd_listen_fds(3) and sd_notify(3), implemented here: they are a few variables and one
 * datagram. */
#define _GNU_SOURCE

#include "service.h"

#include "activation.h"
#include "daemon/base/log.h"
#include "daemon/loop/loop.h"
#include "proto/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char digits[] = "0123456789abcdef";
enum { STORED_DIGITS = 16, LISTEN_FIRST = 3, LISTEN_MAX = 1 << 16, MESSAGE_MAX = 512 };

int service_main(int argc, char **argv, int (*run)(int argc, char **argv)) { return run(argc, argv); }

int service_begin(void) {
    sigset_t none;
    int fd;

    do { /* open takes the lowest free number */
        fd = open("/dev/null", O_RDWR);
        if (fd < 0) {
            int error = errno;
            (void)fputs("portd: error: cannot open /dev/null\n", stderr);
            return -error;
        }
    } while (fd < LISTEN_FIRST);
    os_close(fd);
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int mask_watched(int how) {
    sigset_t watched;

    (void)sigemptyset(&watched);
    (void)sigaddset(&watched, SIGTERM);
    (void)sigaddset(&watched, SIGINT);
    (void)sigaddset(&watched, SIGHUP);
    return sigprocmask(how, &watched, NULL) < 0 ? -errno : 0;
}

int service_hold(void) { return mask_watched(SIG_BLOCK); }

static bool is_ignored(int number) {
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int service_watch(struct loop *loop, void (*stop)(void *context, int number),
                  void (*reload)(void *context, int number), void *context) {
    int error = loop_signal(loop, SIGTERM, stop, context);

    if (!error && !is_ignored(SIGINT))
        error = loop_signal(loop, SIGINT, stop, context);
    if (!error && !is_ignored(SIGHUP))
        error = loop_signal(loop, SIGHUP, reload, context);
    if (!error)
        error = mask_watched(SIG_UNBLOCK);
    if (error)
        return error;
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? -errno : 0;
}

/* A reader of standard error would mistake a log line for the notification. */
static bool is_error_stream(int fd) {
    struct stat status, error;

    if (fd == STDERR_FILENO)
        return true;
    return fstat(fd, &status) == 0 && fstat(STDERR_FILENO, &error) == 0 && status.st_dev == error.st_dev &&
           status.st_ino == error.st_ino && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

bool service_may_notify(os_fd notify_fd, os_fd listener) {
    const char *why = NULL;

    if (notify_fd == OS_FD_NONE)
        return true;
    if (is_error_stream(notify_fd))
        return false;
    if (notify_fd < LISTEN_FIRST)
        why = "it is a standard stream";
    else if (notify_fd == listener)
        why = "it is the listener";
    else if (fcntl(notify_fd, F_GETFD) < 0)
        why = "it is not open";
    if (why)
        fprintf(stderr, "portd: --notify-fd: invalid value \"%d\": %s\n", notify_fd, why);
    return !why;
}

/* Parses a decimal number from 0 to max from a variable, which must be set. -1: unset or invalid. */
static long number_in(const char *variable, long max) {
    const char *text = getenv(variable);
    char *end;
    long number;

    if (!text || *text < '0' || *text > '9')
        return -1;
    errno = 0;
    number = strtol(text, &end, 10);
    return *end || errno || number > max ? -1 : number;
}

/* The index of name among the first n of names, which are separated by colons; 0 if it is not there. */
static long index_of(const char *names, const char *name, long n) {
    size_t length = strlen(name);

    for (long i = 0; names && i < n; i++) {
        size_t each = strcspn(names, ":");
        if (each == length && memcmp(names, name, length) == 0)
            return i;
        names = names[each] ? names + each + 1 : NULL;
    }
    return 0;
}

/* ---- inherited descriptors ---------------------------------------------------------------------------------------- */

/* Whether this name of a list is of what was stored. */
static bool is_stored(const char *name, size_t length, uint64_t *serial) {
    static const char prefix[] = SERVICE_STORED_PREFIX;
    size_t begins = sizeof prefix - 1;

    if (length != begins + STORED_DIGITS || memcmp(name, prefix, begins) != 0)
        return false;
    *serial = 0;
    for (size_t i = begins; i < length; i++) {
        const char *digit = memchr(digits, name[i], 16);
        if (!digit)
            return false;
        *serial = *serial << 4 | (uint64_t)(digit - digits);
    }
    return *serial != 0;
}

static int compare_stored(const void *a, const void *b) {
    const struct service_stored *left = a, *right = b;
    return left->serial < right->serial ? -1 : left->serial > right->serial;
}

/* Takes those that were stored out of the n inherited ones: their places in `others` are false. Without memory they are among the others. */
static size_t take_stored(const char *names, long n, bool *others, struct service_stored **stored) {
    size_t n_stored = 0;
    uint64_t serial;

    *stored = n > 0 ? calloc((size_t)n, sizeof(**stored)) : NULL;
    for (long i = 0; i < n; i++) {
        size_t length = names ? strcspn(names, ":") : 0;
        others[i] = !*stored || !names || !is_stored(names, length, &serial);
        if (!others[i])
            (*stored)[n_stored++] = (struct service_stored){serial, LISTEN_FIRST + (int)i};
        names = names && names[length] ? names + length + 1 : NULL;
    }
    if (n_stored)
        qsort(*stored, n_stored, sizeof(**stored), compare_stored);
    return n_stored;
}

static int listener_of_variables(os_fd *listener, struct service_stored **stored, size_t *n_stored) {
    static bool others[LISTEN_MAX];
    long n, ours;

    if (!getenv("LISTEN_FDS") && !getenv("LISTEN_PID"))
        return 0;
    n = number_in("LISTEN_FDS", LISTEN_MAX);
    long pid = number_in("LISTEN_PID", INT32_MAX);
    if (n < 0 || pid < 0)
        return -EINVAL;
    if (pid != getpid() || n == 0)
        return 0;
    *n_stored = take_stored(getenv("LISTEN_FDNAMES"), n, others, stored);
    for (size_t i = 0; i < *n_stored; i++)
        if (fcntl((*stored)[i].fd, F_SETFD, FD_CLOEXEC) < 0)
            return -errno;
    if (!listener)
        return 0;
    for (long i = 0; i < n; i++)
        if (fcntl(LISTEN_FIRST + (int)i, F_SETFD, FD_CLOEXEC) < 0)
            return -errno;
    ours = index_of(getenv("LISTEN_FDNAMES"), "portd", n);
    while (ours < n && !others[ours])
        ours++;
    for (long i = 0; i < n; i++)
        if (others[i] && i != ours)
            os_close(LISTEN_FIRST + (int)i);
    if (ours < n)
        *listener = LISTEN_FIRST + (int)ours;
    return (int)(n - (long)*n_stored);
}

int service_listener(os_fd *listener, struct service_stored **stored, size_t *n_stored) {
    static const char *const variables[] = {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID"};
    int n;

    if (listener)
        *listener = OS_FD_NONE;
    *stored = NULL;
    *n_stored = 0;
    n = listener_of_variables(listener, stored, n_stored);
    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
        (void)unsetenv(variables[i]);
    return n || !listener ? n : activation_listener(listener);
}

/* Converts NOTIFY_SOCKET: a path, or an abstract name after '@'. Returns the address length; 0: invalid. */
static socklen_t notify_address(const char *text, struct sockaddr_un *address) {
    size_t length = strlen(text);

    if ((*text != '/' && *text != '@') || length >= sizeof(address->sun_path))
        return 0;
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, text, length);
    if (*text == '@')
        address->sun_path[0] = '\0';
    /* The length delimits an abstract name; a path ends with a NUL. */
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (*text == '/'));
}

int service_connect(os_fd *fd) {
    const char *text = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t length;

    *fd = OS_FD_NONE;
    if (!text || !*text)
        return 0;
    length = notify_address(text, &address);
    if (!length)
        return -EINVAL;
    *fd = calls_socket(SOCK_DGRAM, true);
    if (*fd < 0)
        return -errno;
    if (connect(*fd, (struct sockaddr *)&address, length) == 0)
        return 0;
    int error = -errno;
    os_close(*fd);
    *fd = OS_FD_NONE;
    return error;
}

static void notify(const char *message) {
    os_fd fd;
    int error = service_connect(&fd);

    if (!error && fd == OS_FD_NONE)
        return;
    if (!error && send(fd, message, strlen(message), calls_send_flags) < 0)
        error = -errno;
    if (error)
        log_write(LOG_LEVEL_WARNING, "cannot notify NOTIFY_SOCKET=%s: %s", getenv("NOTIFY_SOCKET"),
                  strerror(-error));
    os_close(fd);
}

/* Writes the newline if the descriptor takes it at once: a pipe may be full, and O_NONBLOCK belongs to all who hold it. */
static const char *notify_newline(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    ssize_t n;

    if (poll(&p, 1, 0) == 0)
        return "it is full";
    do
        n = write(fd, "\n", 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? NULL : strerror(errno);
}

void service_ready(os_fd notify_fd, const char *status) {
    char message[MESSAGE_MAX];

    (void)snprintf(message, sizeof(message), "READY=1\nSTATUS=%s\n", status);
    notify(message);
    if (notify_fd == OS_FD_NONE)
        return;
    const char *why = notify_newline(notify_fd);
    if (why)
        log_write(LOG_LEVEL_WARNING, "cannot notify descriptor %d of readiness: %s", notify_fd, why);
    os_close(notify_fd);
}

/* Without the time the manager waits in vain (sd_notify(3)). */
void service_reloading(void) {
    char message[MESSAGE_MAX];

    (void)snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n", os_now_us());
    notify(message);
}

void service_reloaded(void) { notify("READY=1\n"); }

int64_t service_watchdog(void) {
    long us = number_in("WATCHDOG_USEC", LONG_MAX), pid = number_in("WATCHDOG_PID", INT32_MAX);
    bool ours = us > 0 && (pid == getpid() || !getenv("WATCHDOG_PID"));

    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    return ours ? us : 0;
}

void service_alive(void) { notify("WATCHDOG=1\n"); }

void service_stopping(void) {
    notify("STOPPING=1\n");
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

/* When a descriptor number does not fit, the kernel enlarges the process's table; if there are threads, it then waits for all
 * processors (RCU). So it is enlarged before there are threads. */
static void enlarge_table(size_t limit) {
    int highest = limit > 0 && limit <= INT_MAX ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, (int)limit - 1) : -1;

    if (highest >= 0)
        (void)close(highest);
}

/* The limit in force. macOS and FreeBSD take a soft limit above that of the system (kern.maxfilesperproc) without a word, and heed the lower one, which
 * getdtablesize(3) tells; macOS may also have set less than was asked for. */
static size_t limit_now(void) {
    struct rlimit limit;
    int size = getdtablesize();

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        log_write(LOG_LEVEL_ERROR, "cannot get the open file limit: %s", strerror(errno));
        return _POSIX_OPEN_MAX;
    }
    return size > 0 && (rlim_t)size < limit.rlim_cur ? (size_t)size : (size_t)limit.rlim_cur;
}

static void raise_limit(void) {
    struct rlimit limit;
    rlim_t soft;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return; /* limit_now logs it */
    soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > SERVICE_DESCRIPTORS_MAX
                         ? SERVICE_DESCRIPTORS_MAX
                         : limit.rlim_max;
    if (limit.rlim_cur == soft)
        return;
    /* A system may have a limit of its own below the hard one. */
    while (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        if (errno == EINVAL && limit.rlim_cur / 2 > soft) {
            limit.rlim_cur /= 2;
            continue;
        }
        log_write(LOG_LEVEL_WARNING, "cannot change the open file limit: %s", strerror(errno));
        return;
    }
}

size_t service_descriptor_limit(void) {
    raise_limit();
    size_t limit = limit_now();
    enlarge_table(limit);
    return limit;
}

size_t service_descriptors_open(size_t limit) {
    size_t open = 0;

    /* Descriptors inherited by mistake have low numbers; nothing has been opened at high numbers yet. */
    for (size_t fd = 0; fd < limit && fd < 4096; fd++)
        open += fcntl((int)fd, F_GETFD) >= 0;
    return open;
}
