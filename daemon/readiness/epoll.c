/* epoll.c: engine.h on Linux.
 *
 * A watch has one epoll entry from the first arming to the disarming. EPOLLONESHOT disables the entry after each event and keeps it, so arming
 * again is one EPOLL_CTL_MOD, which also checks whether the descriptor is ready now. The entry's key is the number and the open file. */
#define _GNU_SOURCE

#include "engine.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 128 };

struct engine {
    int epoll;
};

/* epoll_wait as a direct system call (direct_unix.h). The thread sanitizer delivers signals only in calls that it intercepts. */
static int sleep_in(const struct engine *engine, struct epoll_event *events, int n, int timeout_ms) {
#ifdef __SANITIZE_THREAD__
    return epoll_wait(engine->epoll, events, n, timeout_ms);
#else
    enum { MASK_BYTES = 8 };
    return (int)syscall(SYS_epoll_pwait, engine->epoll, events, n, timeout_ms, NULL, MASK_BYTES);
#endif
}

struct engine *engine_new(void) {
    struct engine *engine = malloc(sizeof(*engine));

    if (!engine)
        return NULL;
    engine->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll < 0) {
        int error = errno;
        free(engine);
        errno = error;
        return NULL;
    }
    return engine;
}

void engine_free(struct engine *engine) {
    if (!engine)
        return;
    os_close(engine->epoll);
    free(engine);
}

const char *engine_name(void) { return "epoll"; }

os_fd engine_pollable(const struct engine *engine) { return engine->epoll; }

/* The kernel reports hang-ups and errors without being asked. Half-close belongs to reading: with the write interest it would end a wait for room. */
static uint32_t to_kernel(unsigned interest, bool edge) {
    uint32_t events = edge ? EPOLLET : EPOLLONESHOT;

    if (interest & ENGINE_READ)
        events |= EPOLLIN | EPOLLRDHUP;
    if (interest & ENGINE_WRITE)
        events |= EPOLLOUT;
    return events;
}

static unsigned from_kernel(uint32_t events) {
    return (events & EPOLLIN ? ENGINE_READ : 0u) | (events & EPOLLOUT ? ENGINE_WRITE : 0u) |
           (events & EPOLLRDHUP ? ENGINE_HALF_CLOSE : 0u) | (events & EPOLLHUP ? ENGINE_HANG_UP : 0u) |
           (events & EPOLLERR ? ENGINE_ERROR : 0u);
}

/* EPERM: the file has no poll operation. ELOOP: a cycle, or epolls nested more than five deep. EINVAL: the engine's own descriptor, or an open
 * file with too many entries: if this epoll is in another epoll, the kernel allows a file 500 entries. That is a limit like
 * max_user_watches, whose error is ENOSPC. */
static int failure(const struct engine *engine, int fd, int error) {
    switch (error) {
    case EPERM:
        return ENGINE_E_UNSUPPORTED;
    case ELOOP:
        return ENGINE_E_CYCLE;
    case EINVAL:
        return fd == engine->epoll ? ENGINE_E_CYCLE : -ENOSPC;
    default:
        return -error;
    }
}

/* epoll_ctl checks for a poll operation first (EPERM). EPOLL_CTL_DEL of a missing entry then fails without calling that operation. */
bool engine_can_watch(struct engine *engine, os_fd fd) {
    return epoll_ctl(engine->epoll, EPOLL_CTL_DEL, fd, NULL) == 0 || errno != EPERM;
}

int engine_arm(struct engine *engine, struct engine_watch *watch, os_fd fd, unsigned interest, bool edge,
               uint64_t token) {
    struct epoll_event event = {.events = to_kernel(interest, edge), .data.u64 = token};
    int result = -1;

    errno = ENOENT;
    if (watch->known)
        result = epoll_ctl(engine->epoll, EPOLL_CTL_MOD, fd, &event);
    if (result < 0 && errno == ENOENT) /* no entry, or a number closed too early removed it */
        result = epoll_ctl(engine->epoll, EPOLL_CTL_ADD, fd, &event);
    if (result < 0)
        return failure(engine, fd, errno);
    *watch = (struct engine_watch){.interest = interest & ENGINE_INTERESTS,
                                   .edge = edge,
                                   .hang_up = interest == ENGINE_HANG_UP,
                                   .known = true};
    return 0;
}

void engine_disarm(struct engine *engine, struct engine_watch *watch, os_fd fd) {
    if (watch->known)
        (void)epoll_ctl(engine->epoll, EPOLL_CTL_DEL, fd, NULL);
    *watch = (struct engine_watch){0};
}

int engine_keep(struct engine *engine, os_fd fd, unsigned before, unsigned interest, uint64_t token) {
    struct epoll_event event = {.events = (interest & ENGINE_READ ? EPOLLIN : 0u) |
                                          (interest & ENGINE_WRITE ? EPOLLOUT : 0u),
                                .data.u64 = token};
    int operation = !interest ? EPOLL_CTL_DEL : before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (!before && !interest)
        return 0;
    return epoll_ctl(engine->epoll, operation, fd, &event) < 0 && interest ? failure(engine, fd, errno) : 0;
}

static int tell(const struct epoll_event *found, int count, struct engine_event *events) {
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++)
        events[i] = (struct engine_event){.token = found[i].data.u64, .events = from_kernel(found[i].events)};
    return count;
}

static int at_once(size_t n) { return n < EVENTS_AT_ONCE ? (int)n : EVENTS_AT_ONCE; }

int engine_wait(struct engine *engine, struct engine_event *events, size_t n) {
    struct epoll_event found[EVENTS_AT_ONCE];
    int count;

    do {
        count = sleep_in(engine, found, at_once(n), 0);
    } while (count < 0 && errno == EINTR);
    return tell(found, count, events);
}

int engine_sleep(struct engine *engine, struct engine_event *events, size_t n, int64_t timeout_us) {
    struct epoll_event found[EVENTS_AT_ONCE];
    int64_t ms = timeout_us < 0 ? -1 : timeout_us / 1000 + (timeout_us % 1000 > 0);

    return tell(found, sleep_in(engine, found, at_once(n), ms > INT_MAX ? INT_MAX : (int)ms), events);
}
