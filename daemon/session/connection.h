/* connection.h: one wire: its peer, its channel, its requests in flight.
 *
 * Nothing in here blocks, and nothing a client does or leaves undone costs another uid more than a turn (daemon/base/turn.h): the loop only
 * notes that a connection is ready and puts its task into its uid's lane; a step reads once and handles frames until the turn is over.
 * Reading stops while the window is full, while replies are left unread, while the uid has spent its
 * rate, while many of its descriptors are being closed, and while the process has too few free slots (fd_table.h).
 *
 * connection_end only marks and unlinks; the memory goes when its requests have been given up, in turns of its uid, and when a worker has closed the socket (it may carry
 * somebody's lingering descriptors). So a caller may go on using the struct until its callback returns, looking at `dead`. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "daemon/access/charge.h"
#include "daemon/access/gate.h"
#include "daemon/base/table.h"
#include "daemon/base/turn.h"
#include "daemon/loop/loop.h"
#include "daemon/object/numbering.h"
#include "passing.h"
#include "proto/channel.h"
#include "proto/peer.h"

enum {
    CONNECTION_WINDOW = 128,       /* requests in flight, in flight ones not counted */
    CONNECTION_DISCARDS = 64,      /* under way, beyond which nothing more is read */
    CONNECTION_UNREAD = 64 * 1024, /* bytes of replies beyond which nothing more is read */
    CONNECTION_HELLO_US = 10000000,
    CONNECTION_FREE = 8192, /* bytes that come with a connection: a request, or a short reply */
};

struct Portd__V1__Reply;
struct identity;
struct inflight;
struct refusal;
struct session;
struct sessions;
struct user;

struct connection {
    struct sessions *all;
    struct connection *prev, *next;               /* all->connections */
    struct connection *joined_prev, *joined_next; /* session->connections */
    struct connection *dirty_next, *dead_next;
    struct session *session; /* NULL before hello, and after it has ended */
    uint64_t session_id;     /* 0 before hello */
    uint64_t place;          /* of the process whose numbers it means (numbering.h) */
    uint8_t method;          /* number of the one whose request is being answered, for those who look */
    struct user *user;
    struct peer peer;
    struct identity *identity; /* of the peer, for what workers do for it */
    uint32_t serial;           /* tells it from all others */
    uint32_t number;           /* among those of its uid */
    struct channel channel;
    struct passing passing;
    struct loop_watch watch;
    unsigned events;           /* that the loop has told of, for the next step */
    struct task task;          /* what is ready, and frames that are here already */
    struct gate gate;          /* its uid, or all, have no room for what it may bring */
    struct loop_timer timer;   /* hello must come; later: go on reading */
    struct inflight *inflight; /* in flight */
    struct inflight *held;     /* answered, waiting for room */
    struct table by_request;
    unsigned windowed;
    unsigned discards;    /* received descriptors that workers are closing */
    struct charge charge; /* what the channel keeps */
    size_t held_fds;
    bool indebted;        /* what it keeps cannot be charged: nothing more is read or answered until it can */
    int64_t paused_until; /* the rate is spent */
    bool reach;           /* it finds what the uid's other sessions have */
    struct ring starved;  /* in flight ones that wait for room */
    bool answered_one;    /* was answered as the one of several */
    bool dirty, dead;
    const char *lost; /* a reply could not be made: why it ends with this turn */
    bool closed;      /* the socket is; only discards are left */
};

/* Takes the socket (a taken slot, charged) and a reference to the user. NULL without memory: both stay the caller's. */
struct connection *connection_new(struct sessions *sessions, struct transport transport,
                                  const struct peer *peer, struct user *user);

/* The key of what it calls by that number. */
static inline uint64_t connection_key(const struct connection *connection, int64_t number) {
    return number_key(connection->place, number);
}

/* Closes a received descriptor (a taken slot) that is not kept: here if that is known to wait for nobody, else by a worker. A
 * connection with many under way is not read until they are closed. */
void connection_discard(struct connection *connection, os_fd fd, bool here);

/* So much is left unread that nothing more is made. */
bool connection_congested(const struct connection *connection);

/* How long a result may be, so that it can be charged if it is left unread; a refusal if it is longer. */
size_t connection_room(const struct connection *connection);
int connection_check_room(const struct connection *connection, size_t length, struct refusal *refusal);

/* Sends at the end of the turn; then reading goes on if it may. */
void connection_touch(struct connection *connection);

/* Sends a reply at the end of the turn; an attached descriptor (passing_check) goes at once. Failure ends the connection; but if the kernel
 * passes no more descriptors on, the answer is a refusal, and false. */
void connection_reply(struct connection *connection, const struct Portd__V1__Reply *reply);
bool connection_reply_fd(struct connection *connection, const struct Portd__V1__Reply *reply, os_fd fd);
void connection_refuse(struct connection *connection, uint64_t request, const struct refusal *refusal);

/* Ends it for that reason (NULL: the client closed it). Its requests are given up in steps, in its uid's turn. */
void connection_end(struct connection *connection, const char *reason);

/* Of one that has ended and was kept for what is on its way. */
void connection_close(struct connection *connection);

/* Its session has ended: what is answered is sent, then it ends. */
void connection_leave_ended(struct connection *connection);

/* For the end of a turn. */
void connection_flush_all(struct sessions *sessions);
void connection_reap_all(struct sessions *sessions);

#endif
