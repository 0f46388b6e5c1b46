/* probe_kqueue.c: engine_probe by a kqueue of its own, where poll(2) does not tell enough: macOS turns the end of either direction into
 * POLLHUP, and hides POLLOUT then; NetBSD, OpenBSD and macOS have no POLLRDHUP.
 *
 * All knotes are added in one call, whose receipts tell which were refused; a second call gets those that fire now. */
#define _GNU_SOURCE

#include "engine.h"
#include "knote.h"

#include <errno.h>
#include <sys/types.h>

#include <sys/event.h>
#include <time.h>

enum { PORTION = 64 }; /* at once: keeps the stack small */

/* What is known of a descriptor. One that is probed twice has one state, since the kernel has one knote for both. */
struct state {
    uint8_t type;
    uint8_t events;
    uint8_t ended; /* the directions at their end */
};

static size_t first_of(const struct engine_probe *probes, os_fd fd) {
    size_t i = 0;

    while (probes[i].fd != fd)
        i++;
    return i;
}

static struct kevent request(os_fd fd, bool reading) {
    return (struct kevent){.ident = (uintptr_t)fd,
                           .filter = reading ? EVFILT_READ : EVFILT_WRITE,
                           .flags = EV_ADD | EV_ONESHOT | EV_RECEIPT};
}

static void note_refusal(struct state *state, const struct kevent *receipt) {
    if (state->type == KNOTE_PIPE && knote_is_unsupported((int)receipt->data))
        return;                                   /* it is not open for that (kqueue.c) */
    if (knote_is_unsupported((int)receipt->data)) /* as poll(2): always ready */
        state->events |= receipt->filter == EVFILT_READ ? ENGINE_READ : ENGINE_WRITE;
    else
        state->events |= knote_is_dead_end((int)receipt->data) ? ENGINE_HANG_UP : ENGINE_ERROR;
}

static void note_event(struct state *state, const struct kevent *fired) {
    state->events |= (uint8_t)knote_events(state->type, fired);
    if (fired->flags & EV_EOF)
        state->ended |= fired->filter == EVFILT_READ ? ENGINE_READ : ENGINE_WRITE;
    if (state->ended == ENGINE_INTERESTS)
        state->events |= ENGINE_HANG_UP;
}

/* Fills the states and the requests for what only the kernel knows. Returns the number of requests. */
static unsigned short begin(const struct engine_probe *probes, size_t n, struct state *states,
                            struct kevent requests[2 * PORTION]) {
    unsigned short count = 0; /* kevent takes an int, on NetBSD a size_t */

    for (size_t i = 0; i < n; i++) {
        int type = knote_type(probes[i].fd);
        states[i] = (struct state){.type = (uint8_t)(type < 0 ? KNOTE_OTHER : type)};
        if (type < 0) {
            states[i].events = ENGINE_ERROR;
        } else if (type == KNOTE_FILE) {
            states[i].events = ENGINE_INTERESTS;
        } else if (first_of(probes, probes[i].fd) == i) {
            requests[count++] = request(probes[i].fd, true);
            requests[count++] = request(probes[i].fd, false);
        }
    }
    return count;
}

static int ask(const struct engine_probe *probes, struct state *states, struct kevent *kevents,
               unsigned short count) {
    static const struct timespec now = {0, 0};
    int kq = kqueue(), n, result;

    if (kq < 0)
        return -errno;
    n = kevent(kq, kevents, count, kevents, count, &now);
    for (int i = 0; i < n; i++)
        if (kevents[i].flags & EV_ERROR && kevents[i].data)
            note_refusal(&states[first_of(probes, (os_fd)kevents[i].ident)], &kevents[i]);
    if (n >= 0)
        n = kevent(kq, NULL, 0, kevents, 2 * PORTION, &now);
    result = n < 0 ? -errno : 0;
    for (int i = 0; i < n; i++)
        note_event(&states[first_of(probes, (os_fd)kevents[i].ident)], &kevents[i]);
    os_close(kq);
    return result;
}

static int probe_some(struct engine_probe *probes, size_t n) {
    struct kevent kevents[2 * PORTION];
    struct state states[PORTION];
    unsigned short count = begin(probes, n, states, kevents);
    int result = count ? ask(probes, states, kevents, count) : 0;

    if (result)
        return result;
    for (size_t i = 0; i < n; i++) {
        unsigned events = states[first_of(probes, probes[i].fd)].events, interest = probes[i].interest;
        if (!(interest & ENGINE_READ))
            events &= ~(unsigned)(ENGINE_READ | ENGINE_HALF_CLOSE);
        if (!(interest & ENGINE_WRITE))
            events &= ~(unsigned)ENGINE_WRITE;
        probes[i].events = (uint8_t)events;
    }
    return 0;
}

int engine_probe(struct engine_probe *probes, size_t n) {
    if (n > ENGINE_PROBES)
        return -EINVAL;
    for (size_t at = 0; at < n; at += PORTION) {
        int result = probe_some(probes + at, n - at < PORTION ? n - at : PORTION);
        if (result)
            return result;
    }
    return 0;
}
