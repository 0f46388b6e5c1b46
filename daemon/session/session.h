/* session.h: a session, and all sessions of the broker.
 *
 * A hello makes a session; session_end ends it: from then on no call finds the session or its objects. The rest is done in steps,
 * in turns of its uid (also while its lane rests) and in this order: its objects end and all their waiters are answered; the end_session requests are
 * answered; its connections are flushed and ended; its memory is freed. When it ends is in lease.h. */
#ifndef SESSION_H
#define SESSION_H

#include "daemon/access/charge.h"
#include "daemon/base/order.h"
#include "daemon/base/table.h"
#include "daemon/base/turn.h"
#include "daemon/object/session_objects.h"
#include "hangup.h"
#include "lease.h"
#include "owner.h"
#include "passing.h"
#include "proto/arena.h"
#include "proto/channel.h"

enum {
    SESSION_OWNERS = 64 /* all are removed in one step */,
    SESSION_SECRET = 32,
    SESSION_CLIENT_MAX = 64,
    SESSION_TOKEN_MAX = 64
};

struct connection;
struct env;
struct policy;
struct refusal;
struct reload_wait;
struct store;
struct upgrade_wait;

struct session {
    uint64_t id; /* key of sessions.by_id */
    struct session *prev, *next;
    struct sessions *all;
    struct session_objects session_objects;
    struct charge charge;           /* one session */
    struct connection *connections; /* the connections that joined */
    unsigned n_connections;
    struct lease lease;
    struct task task;   /* runs the steps after session_end; before that, those of revoke.c, */
    uint64_t looked_at; /* the last object that these have looked at */
    int cause;          /* why it ended; CAUSE_NONE: it has not */
    struct session_wait *waits;
    os_uid uid;
    bool separate;  /* made with `new`: its owner processes do not find it */
    bool private;   /* connections with reach do not find its objects */
    bool holding;   /* it has what is held for its uid (holding.h) */
    bool recorded;  /* the keeper may have records of it (recording.h), */
    bool confirmed; /* and has those of the session and its owners */
    bool awaited;   /* it was made again, and all its connections have time to resume it */
    bool keeps;     /* its token is to be used later: an idle broker stays (session_keep) */
    int64_t made;
    char secret[SESSION_SECRET + 1];
    char client[SESSION_CLIENT_MAX + 1];
};

/* All sessions, all connections, and what they share. */
struct sessions {
    /* Calls upward, set by sessions_init: a frame has arrived; a connection has left its session. */
    void (*frame)(struct connection *connection, struct channel_frame *frame);
    void (*parted)(struct session *session, struct connection *connection);
    /* The same, set by the broker: reads the configuration again, and calls wait->done. NULL: there is none. */
    void (*reload)(void *context, struct reload_wait *wait);
    void *reload_context;
    /* The same: has another broker take over; calls wait->failed if it does not. NULL: it cannot. */
    void (*upgrade)(void *context, struct upgrade_wait *wait);
    void *upgrade_context;
    struct store *store; /* what must outlive the broker; NULL: nothing */
    struct loop *loop;
    const struct env *env; /* the registry's */
    struct registry *registry;
    const struct policy *policy;
    struct session *list;  /* those that have not ended, oldest first */
    struct order order;    /* of list, by registry_number */
    size_t n;              /* in list */
    size_t n_keeping;      /* of these, with `keeps` */
    size_t n_inflight;     /* requests in flight, of all connections */
    struct session *ended; /* those that have ended and are not freed yet */
    struct table by_id;
    struct owners owners;
    struct connection *connections;
    size_t n_connections;
    struct connection *dirty; /* with replies to send at the end of this turn */
    struct connection *dead;  /* have been left in this turn: reaped at its end */
    struct passings passings;
    struct hangups hangups;
    uint32_t serial; /* of the newest connection */
    struct channel_scratch scratch;
    struct arena arena;
    int64_t started;
};

/* 0 or a negative errno. */
int sessions_init(struct sessions *sessions, struct loop *loop, struct registry *registry,
                  const struct policy *policy,
                  void (*frame)(struct connection *connection, struct channel_frame *frame));
void sessions_disconnect(struct sessions *sessions); /* ends every connection */
void sessions_deinit(struct sessions *sessions);     /* ends and frees every connection and session */

/* To be called at the end of a turn: sends replies, frees connections that have ended, reopens gates. sessions: a struct
 * sessions. */
void sessions_after(void *sessions);

/* No connections, no session has an object, and none keeps the broker. */
bool sessions_idle(const struct sessions *sessions);

/* The broker is not idle until the session ends. */
void session_keep(struct session *session);

/* A new session of that user, without owner or connection. NULL: the refusal. */
struct session *session_new(struct sessions *sessions, struct user *user, const char *client,
                            struct refusal *refusal);

/* What is needed to make a session again that an earlier broker had. */
struct session_again {
    uint64_t id;
    int64_t made, until;
    const char *client, *secret;
};

/* The same with the id and the token that it had, before sessions of later ids are made. */
struct session *session_restore(struct sessions *sessions, struct user *user,
                                const struct session_again *again, struct refusal *refusal);

/* Without owner and time to live it ends in 30 s, or when its last connection ends after that. 0 or -ENOMEM. */
int session_await_resume(struct session *session);

/* Ends the session with that cause (enum cause). No effect if it has ended already. */
void session_end(struct session *session, int cause);

/* Embedded in the record of an end_session request. `done` is called once all objects of the session have ended and their waiters
 * are answered. */
struct session_wait {
    void (*done)(struct session_wait *wait);
    struct session *session; /* NULL: done was called */
    struct session_wait *prev, *next;
};
void session_await(struct session *session, struct session_wait *wait);
void session_forget(struct session_wait *wait);

/* Find a session: by id; by token (id and secret); by owner process, except those made with `new`; by one of its objects. NULL:
 * none. */
struct session *session_find(const struct sessions *sessions, uint64_t id);
struct session *session_find_any(const struct sessions *sessions,
                                 uint64_t id); /* also one that has ended, until it is freed */
struct session *session_find_token(const struct sessions *sessions, const char *token);
struct session *session_find_owner(const struct sessions *sessions, os_uid uid, uint64_t key);
struct session *session_of(const struct object *object);
struct session *session_of_account(struct account *account);

/* The first session made after the one with that id, which may be gone; 0: the first of all. sessions_next: of all that have not
 * ended. sessions_next_of: of that user's; it may have ended. NULL: none. */
const struct session *sessions_next(const struct sessions *sessions, uint64_t after);
const struct session *sessions_next_of(const struct sessions *sessions, const struct user *user,
                                       uint64_t after);

/* Adds an owner process. 1: added, and the pidfd taken; 0: it is an owner already; -1 and the refusal. The pidfd stays the
 * caller's unless 1. */
int session_add_owner(struct session *session, const struct owner_process *process, struct refusal *refusal);

void session_write_token(const struct session *session, char token[SESSION_TOKEN_MAX]);

void session_join(struct session *session, struct connection *connection);

#endif
