/* hangup.c: a walk over all connections, and one poll(2) for those of resting lanes.
 *
 * What is asked is the socket or pipe itself: what the loop watches is an event on Windows, which tells nothing of the other end. */
#include "hangup.h"

#include "connection.h"
#include "daemon/access/user.h"
#include "daemon/object/env.h"
#include "daemon/readiness/engine.h"
#include "proto/container.h"
#include "session.h"

enum {
    WALK = 4096,      /* connections, in one step */
    STEP_US = 20000,  /* to the next step of a walk */
    WALK_US = 1000000 /* to the next walk */
};

static struct turns *turns_of(const struct sessions *sessions) { return &sessions->env->users->turns; }

static struct engine_probe question(const struct connection *connection) {
    return (struct engine_probe){transport_peer(connection->channel.transport), ENGINE_READ, 0};
}

/* Sets the next probes. How many of them. */
static size_t gather(struct sessions *sessions, struct engine_probe *probes, struct connection **asked) {
    struct connection *connection = sessions->hangups.next;
    size_t n = 0;
    if (!connection)
        connection = sessions->connections;
    for (int i = 0; i < WALK && n < ENGINE_PROBES && connection; i++, connection = connection->next) {
        if (!lane_rests(&connection->user->lane))
            continue;
        asked[n] = connection;
        probes[n++] = question(connection);
    }
    sessions->hangups.next = connection;
    return n;
}

static void set(struct sessions *sessions, int64_t after_us) {
    (void)loop_timer_set(sessions->loop, &sessions->hangups.timer, os_now_us() + after_us);
    sessions->hangups.set = true;
}

static void on_timer(struct loop_timer *timer) {
    struct sessions *sessions = CONTAINER_OF(timer, struct sessions, hangups.timer);
    struct engine_probe probes[ENGINE_PROBES];
    struct connection *asked[ENGINE_PROBES];
    size_t n = gather(sessions, probes, asked);
    sessions->hangups.set = false;
    if (n && engine_probe(probes, n))
        n = 0;
    for (size_t i = 0; i < n; i++)
        if (probes[i].events & ENGINE_HANG_UP)
            sessions->hangups.end(asked[i], NULL);
    if (sessions->hangups.next)
        set(sessions, STEP_US);
    else if (turns_of(sessions)->rests_until <= os_now_us())
        turns_of(sessions)->rests_until = 0;
}

int hangups_init(struct sessions *sessions, void (*end)(struct connection *connection, const char *reason)) {
    sessions->hangups = (struct hangups){.timer = {.fn = on_timer}, .end = end};
    return loop_timer_prepare(sessions->loop, &sessions->hangups.timer);
}

void hangups_deinit(struct sessions *sessions) { loop_timer_free(&sessions->hangups.timer); }

void hangups_after(struct sessions *sessions) {
    if (!sessions->hangups.set && turns_of(sessions)->rests_until)
        set(sessions, WALK_US);
}

void hangups_forget(struct hangups *hangups, const struct connection *connection) {
    if (hangups->next == connection)
        hangups->next = connection->next;
}

bool hangup_has_left(const struct connection *connection) {
    struct engine_probe probe = question(connection);
    return !engine_probe(&probe, 1) && probe.events & (ENGINE_HANG_UP | ENGINE_HALF_CLOSE);
}
