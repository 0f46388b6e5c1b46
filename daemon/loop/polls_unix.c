/* polls_unix.c: polls.h with poll(2), which polls the engine's own descriptor, too. */
#include "daemon/readiness/engine.h"
#include "polls.h"
#include "utlist.h"

#include <errno.h>
#include <poll.h>

int polls_set(struct polls *polls, struct polled *polled, unsigned interest, bool edge) {
    bool armed = polled->interest != 0;

    if (interest && !armed && polls->n == POLLS_MOST)
        return -ENOSPC;
    polled->interest = interest;
    polled->edge = edge;
    polled->again = 0;
    polled->pause = POLLS_AGAIN_US;
    if (interest && !armed) {
        DL_APPEND(polls->list, polled);
        polls->n++;
    } else if (!interest && armed) {
        DL_DELETE(polls->list, polled);
        polls->n--;
    }
    return 0;
}

static short to_poll(unsigned interest) {
    return (short)((interest & ENGINE_READ ? POLLIN : 0) | (interest & ENGINE_WRITE ? POLLOUT : 0));
}

static unsigned from_poll(short found) {
    return (found & POLLIN ? ENGINE_READ : 0u) | (found & POLLOUT ? ENGINE_WRITE : 0u) |
           (found & POLLHUP ? ENGINE_HANG_UP : 0u) | (found & (POLLERR | POLLNVAL) ? ENGINE_ERROR : 0u);
}

/* Handles the result of a poll. Whether to report it. */
static bool found(struct polls *polls, struct polled *polled, unsigned events, int64_t now) {
    if (!events) {
        polled->again = 0;
        polled->pause = POLLS_AGAIN_US;
        return false;
    }
    if (!polled->edge) {
        (void)polls_set(polls, polled, 0, false);
        return true;
    }
    polled->again = now + polled->pause;
    polled->pause = polled->pause * 2 < POLLS_AGAIN_MOST_US ? polled->pause * 2 : POLLS_AGAIN_MOST_US;
    return true;
}

/* Sleeps in poll(2) on the engine and the due descriptors. Returns the number of events, without the engine's: engine_wait gets those. */
static int poll_all(struct polls *polls, const struct engine *engine, struct engine_event *events,
                    size_t room) {
    struct pollfd asked[POLLS_MOST + 1] = {{.fd = engine_pollable(engine), .events = POLLIN}};
    struct polled *polled, *next;
    int64_t now = os_now_us(), due = INT64_MAX;
    size_t n = 1;
    int count = 0;

    DL_FOREACH (polls->list, polled) {
        if (polled->again > now && polled->again < due)
            due = polled->again;
        asked[n++] =
            (struct pollfd){.fd = polled->again > now ? -1 : polled->fd, .events = to_poll(polled->interest)};
    }
    if (poll(asked, (nfds_t)n, due == INT64_MAX ? -1 : (int)((due - now) / 1000 + 1)) < 0)
        return 0;
    now = os_now_us();
    n = 1;
    DL_FOREACH_SAFE (polls->list, polled, next) {
        const struct pollfd *answer = &asked[n++];
        unsigned seen = from_poll(answer->revents);
        if (answer->fd < 0 || (seen && (size_t)count == room) || !found(polls, polled, seen, now))
            continue;
        events[count++] = (struct engine_event){.token = polled->token, .events = seen};
    }
    return count;
}

int polls_sleep(struct polls *polls, struct engine *engine, struct engine_event *events, size_t room) {
    int polled, n;

    if (!polls->list)
        return engine_sleep(engine, events, room, -1);
    polled = poll_all(polls, engine, events, room);
    n = (size_t)polled < room ? engine_wait(engine, events + polled, room - (size_t)polled) : 0;
    return n < 0 ? polled : polled + n;
}
