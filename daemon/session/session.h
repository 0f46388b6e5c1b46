/* session.h: one owner's session's objects, and all sessions of the broker.
 *
 * A session is made by a hello and ended by session_end: from that instant on nothing finds it or what it has. The rest is done in steps, in
 * turns of its uid and in a fixed order: its objects end and every waiter is answered, whoever asked for the end is answered, its
 * connections are flushed and ended, its memory goes. When it ends is lease.h. */
#ifndef SESSION_H
#define SESSION_H

#include "daemon/base/order.h"
#include "daemon/base/table.h"
#include "daemon/base/turn.h"
#include "daemon/object/session_objects.h"
#include "lease.h"
#include "owner.h"
#include "passing.h"
#include "proto/arena.h"
#include "proto/channel.h"

enum {
    SESSION_OWNERS = 64 /* at most: they are let go in one step */,
    SESSION_SECRET = 32,
    SESSION_CLIENT_MAX = 64,
    SESSION_TOKEN_MAX = 64
};

struct connection;
struct env;
struct policy;
struct refusal;

struct session {
    uint64_t id; /* key of sessions.by_id */
    struct session *prev, *next;
    struct sessions *all;
    struct session_objects session_objects;
    struct connection *connections; /* those that joined */
    unsigned n_connections;
    struct lease lease;
    struct task task; /* of one that has ended */
    int cause;        /* why; CAUSE_NONE: it has not */
    struct session_wait *waits;
    os_uid uid;
    bool separate; /* made with `new`: not the one that its owner processes find */
    bool private;  /* those who reach other sessions do not find what is in it */
    int64_t made;
    char secret[SESSION_SECRET + 1];
    char client[SESSION_CLIENT_MAX + 1];
};

/* Everything that connections and sessions share. */
struct sessions {
    /* Calls upward, handed over when it is made: a frame has come; a connection has left its session. */
    void (*frame)(struct connection *connection, struct channel_frame *frame);
    void (*parted)(struct session *session, struct connection *connection);
    struct loop *loop;
    const struct env *env; /* the registry's */
    struct registry *registry;
    const struct policy *policy;
    struct session *list;  /* those that have not ended, in the order of making */
    struct order order;    /* of list, by registry_number */
    size_t n;              /* in list */
    size_t n_inflight;     /* requests in flight, of all connections */
    struct session *ended; /* those that are not through with it */
    struct table by_id;
    struct owners owners;
    struct connection *connections;
    size_t n_connections;
    struct connection *dirty; /* have something to be sent at the end of this turn */
    struct connection *dead;  /* have ended during this turn */
    struct passings passings;
    uint32_t serial; /* of the last connection */
    struct channel_scratch scratch;
    struct arena arena;
    int64_t started;
};

/* 0 or a negative errno. */
int sessions_init(struct sessions *sessions, struct loop *loop, struct registry *registry,
                  const struct policy *policy,
                  void (*frame)(struct connection *connection, struct channel_frame *frame));
void sessions_deinit(struct sessions *sessions); /* ends every connection and session */

/* What ends a turn of the loop: sends, buries, reads again what was left alone. */
void sessions_after(void *sessions);

/* Nobody is connected and no session has an object. */
bool sessions_idle(const struct sessions *sessions);

/* A new session for that uid, without owner or connection. NULL: the refusal. */
struct session *session_new(struct sessions *sessions, struct user *user, const char *client,
                            struct refusal *refusal);

/* Ends it with that cause (enum cause). Nothing happens if it has ended already. */
void session_end(struct session *session, int cause);

/* Somebody waits until all of a session that has ended are told. */
struct session_wait {
    void (*done)(struct session_wait *wait);
    struct session *session; /* NULL: done was called */
    struct session_wait *prev, *next;
};
void session_await(struct session *session, struct session_wait *wait);
void session_forget(struct session_wait *wait);

/* By id; by token (the id and the secret); by owner process, those made with `new` left out; that which has an object. NULL: none. */
struct session *session_find(const struct sessions *sessions, uint64_t id);
struct session *session_find_any(const struct sessions *sessions,
                                 uint64_t id); /* also one that has ended, until that is told */
struct session *session_find_token(const struct sessions *sessions, const char *token);
struct session *session_find_owner(const struct sessions *sessions, os_uid uid, uint64_t key);
struct session *session_of(const struct object *object);
struct session *session_of_account(struct account *account);

/* The first session that was made after that of the id, which may be gone; 0: the first one. Of all that have not ended; of all of one user,
 * and among those may be some that have ended. NULL: none. */
const struct session *sessions_next(const struct sessions *sessions, uint64_t after);
const struct session *sessions_next_of(const struct sessions *sessions, const struct user *user,
                                       uint64_t after);

/* One more owner process, unless it is one already: then the pidfd stays the caller's, as it does on failure (-1 and the refusal). 1: it is taken. */
int session_add_owner(struct session *session, const struct owner_process *process, struct refusal *refusal);

void session_write_token(const struct session *session, char token[SESSION_TOKEN_MAX]);

void session_join(struct session *session, struct connection *connection);

/* The connection is gone; a session that has neither owner nor time left ends with its last one. */
void session_part(struct session *session, struct connection *connection);

#endif
