/* kill_preload.c: wraps the C library in portd and ends a broker at one of its steps. */
#define _GNU_SOURCE
#include "kill.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CHANNEL = 3, LISTENER = 4 }; /* daemon/store/keeper.h */

static struct kill_page *page; /* NULL: this is no broker */
static atomic_uint_fast64_t steps;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv(KILL_ENVIRONMENT);
    int fd = path && getenv("PORTD_KEEPER") ? open(path, O_RDWR | O_CLOEXEC) : -1;
    struct kill_page *mapped;
    if (fd < 0)
        return;
    mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (mapped == MAP_FAILED)
        return;
    uint64_t target = atomic_exchange(&mapped->at_start, 0);
    if (target)
        kill_arm(mapped, target, atomic_load(&mapped->after));
    page = mapped;
}

static void die(const char *name, int fd) {
    static const char *const of[] = {[CHANNEL] = "keeper ", [LISTENER] = "listener "};
    atomic_store(&page->armed, false);
    (void)snprintf(page->step, sizeof page->step, "%s%s", fd == CHANNEL || fd == LISTENER ? of[fd] : "",
                   name);
    atomic_store(&page->killed, (int)getpid());
    for (;;)
        (void)kill(getpid(), SIGKILL);
}

/* Whether the broker is to be ended after this call. */
static bool step(const char *name, int fd) {
    if (!page)
        return false;
    atomic_fetch_add(&steps, 1);
    if (!atomic_load(&page->armed) || atomic_fetch_add(&page->count, 1) + 1 != atomic_load(&page->target))
        return false;
    if (!atomic_load(&page->after))
        die(name, fd);
    return true;
}

static void *next(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function)
        abort();
    return function;
}

#define COUNT(type, name, parameters, arguments, fd)                                                         \
    type name parameters;                                                                                    \
    type name parameters {                                                                                   \
        static type(*real) parameters;                                                                       \
        bool is_last = step(#name, fd);                                                                      \
        if (!real)                                                                                           \
            *(void **)&real = next(#name);                                                                   \
        type result = real arguments;                                                                        \
        if (is_last && atomic_load(&page->armed))                                                            \
            die(#name, fd);                                                                                  \
        return result;                                                                                       \
    }

COUNT(int, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags),
      (fd, address, size, flags), fd)
COUNT(int, epoll_ctl, (int epoll, int what, int fd, struct epoll_event *event), (epoll, what, fd, event), fd)
COUNT(int, close, (int fd), (fd), fd)
COUNT(ssize_t, recv, (int fd, void *bytes, size_t size, int flags), (fd, bytes, size, flags), fd)
COUNT(ssize_t, send, (int fd, const void *bytes, size_t size, int flags), (fd, bytes, size, flags), fd)
COUNT(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), fd)
COUNT(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size), fd)
COUNT(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size), fd)
COUNT(ssize_t, preadv2, (int fd, const struct iovec *parts, int n, off_t at, int flags),
      (fd, parts, n, at, flags), fd)
COUNT(ssize_t, pwritev2, (int fd, const struct iovec *parts, int n, off_t at, int flags),
      (fd, parts, n, at, flags), fd)

/* NULL: it is no step. */
static const char *name_of(long number) {
    switch (number) {
    case SYS_sendto:
        return "sendto";
    case SYS_sendmsg:
        return "sendmsg";
    case SYS_recvmsg:
        return "recvmsg";
    case SYS_recvfrom:
        return "recvfrom";
    case SYS_poll:
        return "poll";
    case SYS_epoll_pwait:
        return "epoll_pwait";
    case SYS_preadv2:
        return "preadv2";
    case SYS_pwritev2:
        return "pwritev2";
    default:
        return NULL;
    }
}

static void note_sleep(void) {
    if (!page || atomic_load(&page->served) == (int)getpid())
        return;
    atomic_store(&page->steps_of_start, atomic_load(&steps));
    atomic_store(&page->served, (int)getpid());
}

long syscall(long number, ...) {
    static long (*real)(long, ...);
    const char *name = name_of(number);
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_epoll_pwait)
        note_sleep();
    bool is_last = name && step(name, (int)arguments[0]);
    if (!real)
        *(void **)&real = next("syscall");
    long result =
        real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    if (is_last && atomic_load(&page->armed)) /* a sleep may last longer */
        die(name, (int)arguments[0]);
    return result;
}
