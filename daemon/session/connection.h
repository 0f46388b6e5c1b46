/* connection.h: one connection: its peer, its channel, its in-flight requests.
 *
 * Nothing here blocks, and nothing that a client does or omits costs another uid more than a turn (daemon/base/turn.h): when the
 * loop reports a connection ready, its task is queued in its uid's lane; a step reads once and handles frames until the turn is
 * over. Reading stops while the window is full, while replies are unread, while the uid has used up its rate, while many of its
 * descriptors are being closed, and while the process has too few free slots (fd_table.h).
 *
 * connection_end only marks and unlinks. The memory is freed after its requests have been orphaned, in turns of its uid, and a
 * worker has closed the socket (which may hold descriptors whose close blocks). So a caller may use the struct until its callback
 * returns, checking `dead`. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "daemon/access/charge.h"
#include "daemon/access/gate.h"
#include "daemon/access/kept.h"
#include "daemon/access/rights.h"
#include "daemon/base/table.h"
#include "daemon/base/turn.h"
#include "daemon/loop/loop.h"
#include "daemon/object/numbering.h"
#include "passing.h"
#include "proto/channel.h"
#include "proto/peer.h"

enum {
    CONNECTION_WINDOW = 128,       /* in-flight requests that count (inflight.h: windowed) */
    CONNECTION_DISCARDS = 64,      /* pending discards beyond which nothing more is read */
    CONNECTION_UNREAD = 64 * 1024, /* bytes of replies beyond which nothing more is read */
    CONNECTION_HELLO_US = 10000000,
    CONNECTION_LEAVE_US = 5000000, /* how long its last replies are sent after the end of its session */
    CONNECTION_FREE = 8192,        /* bytes that are not charged: enough for a request or a short reply, */
    CONNECTION_UNREAD_FREE =
        24576,            /* and these of replies that were sent, so that it is seldom asked what is unread */
    CONNECTION_MANY = 64, /* if the uid has more connections than that, */
    CONNECTION_FREE_MANY = 2048, /* so many in all: enough for a short request, or one or two short replies */
    CONNECTION_DEBT_US =
        5000000, /* how often a connection that is not watched for that reason is asked whether its client is gone */
};

/* Why received descriptors were closed before their frame was handled (channel_frame.refused). */
enum { CONNECTION_REFUSED_LIMIT = 1, CONNECTION_REFUSED_OWN };

struct Portd__V1__Reply;
struct identity;
struct inflight;
struct inquiry;
struct refusal;
struct session;
struct sessions;
struct user;
struct visitor;

/* An accepted socket, its slot and its charge. */
struct accepted {
    struct transport transport; /* of a connection, a copy of its channel's */
    struct kept socket;
    struct charge charge; /* one connection */
};

/* Moves everything to `to`, which must be zeroed. */
static inline void accepted_move(struct accepted *to, struct accepted *from) {
    to->transport = from->transport;
    kept_move(&to->socket, &from->socket);
    charge_move(&to->charge, &from->charge);
}

struct connection {
    struct sessions *all;
    struct connection *prev, *next;               /* all->connections */
    struct connection *joined_prev, *joined_next; /* session->connections */
    struct connection *dirty_next, *dead_next;
    struct session *session; /* NULL before hello, and once it has ended */
    uint64_t session_id;     /* 0 before hello */
    uint64_t place;          /* of the process whose descriptor numbers it uses (numbering.h) */
    uint8_t method;          /* number of the method being answered, for notices */
    struct user *user;       /* accepted.charge holds the reference */
    struct accepted accepted;
    struct peer peer;
    struct identity *identity; /* of the peer, for workers */
    struct rights rights;      /* of the peer, once they are asked for */
    uint32_t serial;           /* unique among connections */
    uint32_t number;           /* counts its uid's connections */
    struct channel channel;
    struct passing passing;
    struct loop_watch watch;
    unsigned events;           /* reported by the loop, for the next step */
    struct task task;          /* the next step; after the last one: to shut its socket (passing.h) */
    struct gate gate;          /* closed while its uid, or the process, has no room for more descriptors */
    struct loop_timer timer;   /* limit for hello; later: end of a pause */
    struct inflight *inflight; /* being served */
    struct inflight *held;     /* served; their replies wait for room */
    struct inflight *late;     /* its session has ended; workers have them */
    struct table by_request;
    unsigned windowed;
    unsigned discards;    /* received descriptors being closed by workers */
    struct charge charge; /* what the channel keeps, and the kernel of unread replies */
    struct kept half;     /* places of the descriptors of an incomplete frame */
    bool
        indebted; /* what it keeps cannot be charged: no reading until it can, and no reply while one is unread */
    bool withheld;        /* so replies wait until the client has read those before */
    int64_t paused_until; /* end of the pause; 0: none */
    bool reach;           /* it may reach objects of its uid's other sessions */
    struct ring starved;  /* in-flight requests that wait for room */
    bool answered_one;    /* one of its `one` waits took a readiness */
    bool keeps;           /* its client has received all such answers, and said goodbye */
    uint64_t last_one;    /* the request that was answered so last */
    unsigned held_ones;   /* `one` waits that took a readiness and are held */
    bool left;            /* the process that connected has ended (abandoned.h) */
    bool dirty, dead;
    const char *lost;        /* why it ends with this turn: a reply could not be made */
    bool closed;             /* the socket is closed; discards may remain */
    struct inquiry *inquiry; /* for its hello (inquiry.h); while it runs, nothing is read */
    struct visitor *visitor; /* it speaks another protocol (visitor.h); NULL: the broker's own */
};

/* Moves *accepted into the connection. NULL with the refusal: it stays the caller's. */
struct connection *connection_new(struct sessions *sessions, struct accepted *accepted,
                                  const struct peer *peer, struct refusal *refusal);

/* The key of that descriptor number of this connection's process. apart: it is in the system's table of sockets (inspect_sockets_are_apart). */
static inline uint64_t connection_key(const struct connection *connection, int64_t number, bool apart) {
    return number_key(connection->place, number) | (apart ? NUMBER_APART : 0);
}

/* connection_close.c: has a worker close a received descriptor (a taken slot). A connection with too many pending closes is not read. */
void connection_discard(struct connection *connection, os_fd fd);

/* So many replies are unread that no more are made. */
bool connection_congested(const struct connection *connection);

/* The longest result that can still be charged if it is left unread (without what the kernel adds to it); 0, or -1 and the refusal if it is longer. */
size_t connection_room(struct connection *connection);
int connection_check_room(struct connection *connection, size_t length, struct refusal *refusal);

/* Sends at the end of the turn; then reading resumes if it may. */
void connection_touch(struct connection *connection);

/* Queue a reply, sent at the end of the turn. connection_reply_fd attaches a copy of fd (after passing_check), which is passed at
 * once, so it is called in a turn of the uid. A failure ends the connection; only if the kernel refuses the descriptor, a refusal is sent instead, and
 * false returned. */
void connection_reply(struct connection *connection, const struct Portd__V1__Reply *reply);
bool connection_reply_fd(struct connection *connection, const struct Portd__V1__Reply *reply, os_fd fd);
/* The same with 1 to FRAME_FDS_MAX descriptors. */
bool connection_reply_fds(struct connection *connection, const struct Portd__V1__Reply *reply,
                          const os_fd *fds, size_t n_fds);

/* The same, but the reply is sent at once or not at all: 0, or -1 and the refusal, when the client has not read earlier ones. For what is gone once it is
 * passed. What a pipe has begun to send counts as sent. */
int connection_pass_fds(struct connection *connection, const struct Portd__V1__Reply *reply, const os_fd *fds,
                        size_t n_fds, struct refusal *refusal);
void connection_refuse(struct connection *connection, uint64_t request, const struct refusal *refusal);

/* The same reply, to a question whose answer is that there is none: counted as done, and no notice. */
void connection_answer_none(struct connection *connection, uint64_t request, const struct refusal *refusal);

/* The kernel refuses the descriptor at the head of the channel: replaces its reply by a refusal. */
void connection_refuse_fds(struct connection *connection, int error);

/* Ends the connection for that reason (NULL: the client closed it). Its requests are orphaned in steps, in its uid's turns. */
void connection_end(struct connection *connection, const char *reason);

/* Closes the socket of a connection that has ended and was kept for descriptors that are not received yet (passing.h). */
void connection_close(struct connection *connection);

/* Its session has ended: leaves it, sends the replies made so far and those of transfers that workers have, for CONNECTION_LEAVE_US at most,
 * and ends the connection. Nothing is sent to a uid whose lane rests. */
void connection_leave_ended(struct connection *connection);

/* Called when the kernel was asked what is unread, after it was charged. */
void connection_checked(struct connection *connection);

/* Sends what is to be sent, now or in a later turn of its uid. */
void connection_flush(struct connection *connection);
void connection_flush_later(struct connection *connection);

/* connection_charge.c: charge what the channel keeps between turns and what is unread, and set `indebted`. The first charges bytes and descriptors: 0,
 * or -1 and the refusal if the connection must end; those of received frames that cannot be charged are closed, and their requests refused. The second only
 * charges bytes; the third, of a connection that has ended and stays, what is unread. */
int connection_charge(struct connection *connection, struct refusal *refusal);
void connection_charge_bytes(struct connection *connection);
void connection_charge_unread(struct connection *connection);

/* How many of its bytes are not charged, of those that the channel keeps and of connection_unread: of unread replies those that are not free. */
size_t connection_free(const struct connection *connection);
size_t connection_unread(const struct connection *connection);

/* connection_rights.c: what the rules grant to the peer; charged to its user until it is forgotten. */
void connection_forget_rights(struct connection *connection);

/* Whether the peer has the right admin; without memory for the answer it has not. */
bool connection_is_admin(struct connection *connection);

/* Whether it has the right to that name of the owner, who has all of them. False without memory as well: then the refusal is set, else it is cleared. */
bool connection_may(struct connection *connection, os_uid owner, const char *name, enum right right,
                    struct refusal *refusal);

/* Called at the end of a turn. */
void connection_flush_all(struct sessions *sessions); /* connection_flush.c */
void connection_reap_all(struct sessions *sessions);

#endif
