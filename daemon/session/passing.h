/* passing.h: descriptors and bytes in replies that the client has not received yet.
 *
 * Bytes: what lies unread in the client's queue is memory of the kernel, which the broker has asked for: the kernel charges it to the broker's
 * control group, until the client reads it or closes its end. `bytes` grows with each send by an estimate that is not less than what the kernel takes. It
 * is corrected by the kernel's own figure when it would be charged (connection_charge.c), and from time to time while it is charged. Of a message with
 * descriptors that figure lacks the list of them.
 *
 * A client can splice what it receives into a pipe, and keep a page there by a single byte of it, when the kernel's figure is 0. So replies
 * to other uids than root and the broker's own are sent in pieces that the kernel does not keep in pages (PASSING_PIECE): when the client splices one, the kernel copies
 * it into pages of the client's.
 *
 * The kernel counts descriptors in flight per sending user. Without privileges it accepts no more than that user's limit of
 * open files, and with 2,000 of them a send can wait. So what a client leaves unread is charged to its uid, and a uid may have half of what the others leave
 * of 1,900, or of that limit if it is less: a uid with few in flight always finds room. Only the socket's queue shows what has been received: it is checked when a
 * uid is near its limit, and from time to time.
 *
 * A connection that has ended while its client has not received everything keeps its socket, and its charge, until that is received or the client
 * has closed its end. The socket is shut down in a turn of its uid, so after the pause of a uid that is paused. */
#ifndef PASSING_H
#define PASSING_H

#include "daemon/access/kept.h"
#include "daemon/base/ring.h"
#include "daemon/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct refusal;
struct sessions;

/* Most bytes of one send that the kernel keeps in one piece, not in pages: SKB_MAX_HEAD of 4 KiB pages is 3,776 on 64 bits, or a little less. */
enum { PASSING_PIECE = 3584 };

/* Per connection. */
struct passing {
    struct ring node; /* in user->passings.list; the one checked longest ago is first */
    struct kept kept; /* charge for descriptors in flight, at most; no slots */
    uint64_t request; /* its reply is in the channel */
    size_t bytes;     /* kernel memory of unread replies, at most */
    bool over;        /* the connection has ended: it is closed when nothing is in flight */
};

/* Of all connections. Those with something charged in flight are listed at their uid (user->passings), and the uids here: they take turns, so
 * that no uid's many connections delay the check of another's few. */
struct passings {
    struct ring users; /* user->passings.node; the one checked longest ago is first */
    size_t n_connections;
    void (*checked)(struct connection *connection); /* called for one whose client may have read since */
    void (*over)(
        struct connection
            *connection); /* called for one that has ended, when nothing of it is in flight any more */
    struct loop_timer timer;
    size_t n;      /* descriptors */
    int least;     /* kernel memory of the smallest message (socket.h) */
    unsigned vain; /* checks in a row that found nothing received */
    bool hurries;  /* the timer is set for a check that is to be very soon */
};

/* 0 or -ENOMEM. */
int passings_init(struct sessions *sessions, void (*checked)(struct connection *connection),
                  void (*over)(struct connection *connection));
void passings_deinit(struct sessions *sessions); /* closes connections that have ended */

/* Whether n more descriptors may be in flight. 0, or -1 and the refusal. */
int passing_check(struct connection *connection, size_t n, struct refusal *refusal);

/* To be called after the channel has sent: charges the descriptors that the kernel has accepted since the last call. */
void passing_count(struct connection *connection);

/* Adds what the channel has sent since the last call to `bytes`. */
void passing_weigh(struct connection *connection);

/* Asks the kernel what is unread, for `bytes` and the charge of descriptors. */
void passing_check_unread(struct connection *connection);

/* Memory of unread replies, at most: `bytes`, and the lists of descriptors. */
size_t passing_memory(const struct connection *connection);

/* Its bytes are charged, or could not be: it is checked from time to time, soon for the first time. */
void passing_watch(struct connection *connection);

/* Something is withheld from its client, which may read in a moment: it is checked once within 5 ms, before the uid's other connections, and
 * then as they are. With several that come in that time one may be checked too early, and then waits 100 ms. */
void passing_hurry(struct connection *connection);

/* Whether a send has failed for its descriptors alone. */
bool passing_is_refused(int error);

/* The refusal for that. Always -1. */
int passing_refuse(int error, struct refusal *refusal);

/* The connection has ended. True: it must stay open, and connection_close is called later. */
bool passing_stays(struct connection *connection);

#endif
