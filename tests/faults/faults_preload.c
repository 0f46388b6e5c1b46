/* faults_preload.c: wraps the C library in the broker's process and lets one call fail.
 *
 * Each call fails with an error that the system returns although the call is correct: no memory, no free number, an interrupted
 * call, a lost connection, a failing device. Calls that cannot fail so are left alone: changing or removing a watch, closing,
 * setting a timer, reading the clock. So are allocations of libConfuse, which ends the process when it gets no memory: the broker asks before
 * whether there is enough (daemon/config/file.c), and that may fail. */
#define _GNU_SOURCE

#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* glibc's own names for what is replaced here: its dlsym allocates. Other C libraries have none. */
__attribute__((weak)) void *__libc_malloc(size_t size);
__attribute__((weak)) void *__libc_calloc(size_t n, size_t size);
__attribute__((weak)) void *__libc_realloc(void *old, size_t size);

static struct faults *faults;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv(FAULTS_ENVIRONMENT);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (fd >= 0)
        (void)close(fd);
    if (page != MAP_FAILED)
        faults = page;
}

static _Thread_local unsigned spared; /* in a call of libConfuse */

static bool is_of_confuse(void *caller) {
    Dl_info info;

    return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libconfuse");
}

/* Whether this call fails; errno is set then. */
static bool fails(const char *name, int error) {
    if (!faults || !atomic_load(&faults->armed))
        return false;
    if (atomic_fetch_add(&faults->count, 1) + 1 != atomic_load(&faults->fail))
        return false;
    (void)strncpy(faults->name, name, sizeof(faults->name) - 1);
    atomic_store(&faults->error, error);
    errno = error;
    return true;
}

/* The function of the C library whose place a function here takes. Their name can be another one than in the source: with offsets of 64 bits on
 * a 32-bit processor, fstat is fstat64. */
static void *next(uintptr_t own) {
    Dl_info info;
    void *function = dladdr((void *)own, &info) && info.dli_sname ? dlsym(RTLD_NEXT, info.dli_sname) : NULL;

    if (!function)
        abort();
    return function;
}

/* A function of the C library that fails with -1 and errno. */
#define REPLACE(type, name, error, parameters, arguments)                                                    \
    type name parameters;                                                                                    \
    type name parameters {                                                                                   \
        static type(*real) parameters;                                                                       \
        if (fails(#name, error))                                                                             \
            return (type)-1;                                                                                 \
        if (!real)                                                                                           \
            *(void **)&real = next((uintptr_t)name);                                                         \
        return real arguments;                                                                               \
    }

#define IS_ARMED() (faults && atomic_load(&faults->armed))

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

#define REPLACE_MEMORY(name, parameters, arguments)                                                          \
    void *name parameters {                                                                                  \
        static void *(*real)parameters;                                                                      \
        bool is_spared = IS_ARMED() && (spared || is_of_confuse(__builtin_return_address(0)));               \
        if (!is_spared && fails(#name, ENOMEM))                                                              \
            return NULL;                                                                                     \
        if (!real)                                                                                           \
            *(void **)&real = __libc_##name ? (void *)(uintptr_t)__libc_##name : next((uintptr_t)name);      \
        spared += is_spared; /* musl's calloc calls malloc */                                                \
        void *memory = real arguments;                                                                       \
        spared -= is_spared;                                                                                 \
        return memory;                                                                                       \
    }

REPLACE_MEMORY(malloc, (size_t size), (size))
REPLACE_MEMORY(calloc, (size_t n, size_t size), (n, size))
REPLACE_MEMORY(realloc, (void *old, size_t size), (old, size))

/* The C library's own allocates from within. */
char *strdup(const char *text) {
    static char *(*real)(const char *);
    bool is_spared = IS_ARMED() && is_of_confuse(__builtin_return_address(0));

    if (!real)
        *(void **)&real = next((uintptr_t)strdup);
    spared += is_spared;
    char *copy = real(text);
    spared -= is_spared;
    return copy;
}

/* ---- numbers that are free -------------------------------------------------------------------------------------------- */

REPLACE(int, accept4, ENFILE, (int fd, struct sockaddr *address, socklen_t *size, int flags),
        (fd, address, size, flags))
REPLACE(int, epoll_create1, EMFILE, (int flags), (flags))
REPLACE(int, eventfd, EMFILE, (unsigned value, int flags), (value, flags))
REPLACE(int, timerfd_create, EMFILE, (int clock, int flags), (clock, flags))
REPLACE(int, pipe, EMFILE, (int ends[2]), (ends))
REPLACE(int, pipe2, EMFILE, (int ends[2], int flags), (ends, flags))
REPLACE(int, socket, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))
REPLACE(int, socketpair, EMFILE, (int domain, int type, int protocol, int ends[2]),
        (domain, type, protocol, ends))

int fcntl(int fd, int command, ...) {
    static int (*real)(int, int, ...);
    va_list list;

    va_start(list, command);
    long argument = va_arg(list, long);
    va_end(list);
    if ((command == F_DUPFD_CLOEXEC || command == F_DUPFD) && fails("fcntl", EMFILE))
        return -1;
    if (!real)
        *(void **)&real = next((uintptr_t)fcntl);
    return real(fd, command, argument);
}

int open(const char *path, int flags, ...) {
    static int (*real)(const char *, int, ...);
    va_list list;

    va_start(list, flags);
    unsigned mode = va_arg(list, unsigned);
    va_end(list);
    if (fails("open", EMFILE))
        return -1;
    if (!real)
        *(void **)&real = next((uintptr_t)open);
    return real(path, flags, mode);
}

FILE *fopen(const char *path, const char *mode) {
    static FILE *(*real)(const char *, const char *);

    if (fails("fopen", EMFILE))
        return NULL;
    if (!real)
        *(void **)&real = next((uintptr_t)fopen);
    return real(path, mode);
}

/* ---- what is asked of a descriptor --------------------------------------------------------------------------------------- */

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event) {
    static int (*real)(int, int, int, struct epoll_event *);

    if (what == EPOLL_CTL_ADD && fails("epoll_ctl", ENOSPC))
        return -1;
    if (!real)
        *(void **)&real = next((uintptr_t)epoll_ctl);
    return real(epoll, what, fd, event);
}

REPLACE(int, poll, ENOMEM, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout))
REPLACE(int, fstat, EIO, (int fd, struct stat *status), (fd, status))
REPLACE(int, getsockname, ENOBUFS, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size))
REPLACE(int, getpeername, ENOBUFS, (int fd, struct sockaddr *name, socklen_t *size), (fd, name, size))
REPLACE(int, getsockopt, ENOBUFS, (int fd, int level, int option, void *value, socklen_t *size),
        (fd, level, option, value, size))
REPLACE(int, setsockopt, ENOMEM, (int fd, int level, int option, const void *value, socklen_t size),
        (fd, level, option, value, size))
REPLACE(ssize_t, readlink, ENOMEM, (const char *path, char *text, size_t size), (path, text, size))

/* ---- bytes ---------------------------------------------------------------------------------------------------------------- */

REPLACE(ssize_t, recv, ECONNRESET, (int fd, void *bytes, size_t size, int flags), (fd, bytes, size, flags))
REPLACE(ssize_t, send, ENOBUFS, (int fd, const void *bytes, size_t size, int flags), (fd, bytes, size, flags))
REPLACE(ssize_t, sendmsg, ENOBUFS, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
REPLACE(ssize_t, read, EINTR, (int fd, void *bytes, size_t size), (fd, bytes, size))
REPLACE(ssize_t, write, EINTR, (int fd, const void *bytes, size_t size), (fd, bytes, size))
REPLACE(ssize_t, preadv2, EIO, (int fd, const struct iovec *parts, int n, off_t at, int flags),
        (fd, parts, n, at, flags))
REPLACE(ssize_t, pwritev2, EIO, (int fd, const struct iovec *parts, int n, off_t at, int flags),
        (fd, parts, n, at, flags))
REPLACE(ssize_t, tee, ENOMEM, (int in, int out, size_t size, unsigned flags), (in, out, size, flags))
REPLACE(off_t, lseek, EIO, (int fd, off_t offset, int from), (fd, offset, from))

static bool call_fails(long number) {
    switch (number) {
    case SYS_sendto:
        return fails("sendto", ENOBUFS);
    case SYS_sendmsg:
        return fails("sendmsg", ENOBUFS);
    case SYS_recvmsg:
        return fails("recvmsg", ENOMEM);
    case SYS_recvfrom:
        return fails("recvfrom", ENOMEM);
    case SYS_poll:
        return fails("poll", ENOMEM);
    case SYS_pidfd_open:
        return fails("pidfd_open", EMFILE);
    case SYS_kcmp:
        return fails("kcmp", EPERM);
    default:
        return false;
    }
}

long syscall(long number, ...) {
    static long (*real)(long, ...);
    long arguments[6];
    va_list list;

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (call_fails(number))
        return -1;
    if (!real)
        *(void **)&real = next((uintptr_t)syscall);
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

/* ---- threads ---------------------------------------------------------------------------------------------------------------- */

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *context) {
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (fails("pthread_create", EAGAIN))
        return EAGAIN;
    if (!real)
        *(void **)&real = next((uintptr_t)pthread_create);
    return real(thread, attributes, body, context);
}
