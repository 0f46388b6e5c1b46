/* inflight.h: in-flight requests: those still being served, and those whose reply waits until the client has read earlier
 * replies. */
#ifndef INFLIGHT_H
#define INFLIGHT_H

#include "daemon/base/ring.h"

#include <stdbool.h>
#include <stdint.h>

struct again;
struct connection;
struct inflight;

/* What becomes of a request whose session has ended. */
enum inflight_end {
    INFLIGHT_LEAVES,   /* it is orphaned, without a reply */
    INFLIGHT_OUTLASTS, /* a worker has it, and inflight_ready follows when that returns */
    INFLIGHT_ANSWERED  /* what was done for it has been answered by inflight_ready; it may be freed */
};

/* One in-flight request. Embedded in the method's record of it, which it must be able to find and free. */
struct inflight {
    uint64_t request;              /* key of connection->by_request */
    struct connection *connection; /* NULL: it has ended */
    struct inflight *prev, *next;  /* connection->held if ready, else ->late if late, else ->inflight */
    uint8_t method;                /* its number in the schema */
    bool windowed;                 /* counts against the window */
    bool ready;                    /* in `held`: only the reply is missing */
    bool late;                     /* its session has ended, and a worker has it: the reply comes soon */
    void (*emit)(
        struct inflight *inflight); /* replies and frees; already removed. Called when the reply has room */
    void (*cancel)(
        struct inflight
            *inflight); /* replies "cancelled", now or when a worker returns. NULL: not cancellable */
    void (*go_on)(struct inflight *inflight); /* if `starved`: there is room now */
    struct ring starved;                      /* in connection->starved, while it waits for room */
    /* Another broker takes over: adds the request for that one. False: it cannot be asked again now, and is waited for. to NULL: nothing is added, and what only an answer can
     * take over is answered. NULL: always waited for. */
    bool (*again)(struct inflight *inflight, struct again *to);
    void (*orphan)(
        struct inflight *inflight); /* the connection has ended: frees, now or later; already removed */
    /* Its session has ended. NULL: always INFLIGHT_LEAVES. */
    enum inflight_end (*end)(struct inflight *inflight);
};

/* Whether there is room for a long reply. If not, the request is queued as `starved`, and its go_on is called when there is. */
bool inflight_has_room(struct connection *connection, struct inflight *inflight);

/* The in-flight request with that id; NULL: none. */
struct inflight *inflight_find(const struct connection *connection, uint64_t request);

/* Adds the request to the connection. 0 or -ENOMEM (not after table_reserve). Every reply other than by inflight_ready is
 * preceded by inflight_remove. */
int inflight_add(struct connection *connection, struct inflight *inflight, uint64_t request);
void inflight_remove(struct inflight *inflight);

/* The result is there: calls emit now, or when the client has read the earlier replies. */
void inflight_ready(struct inflight *inflight);

/* The same for an emit that sends (connection_reply_fd), in callbacks outside of turns: emit is called in a turn of the uid. */
void inflight_ready_in_turn(struct inflight *inflight);

/* The client has read: emits `held` replies and resumes `starved` requests, as many as the turn allows. False: more remain. */
bool inflight_go_on(struct connection *connection);

/* Whether inflight_go_on would do anything. */
bool inflight_may_go_on(const struct connection *connection);

/* Its session has ended: orphans its requests but those that are held or that a worker has, as many as the turn allows. True: no others
 * remain. */
bool inflight_leave(struct connection *connection);

/* The connection has ended: orphans its requests, as many as the turn allows. True: none remain. */
bool inflight_give_up(struct connection *connection);

#endif
