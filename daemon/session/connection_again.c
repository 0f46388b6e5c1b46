/* connection_again.c: makes it as a new one, and gives it what it had. */
#include "connection_again.h"

#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/object/env.h"
#include "daemon/object/hold.h"
#include "daemon/object/registry.h"
#include "daemon/object/spool.h"
#include "holding.h"
#include "proto/socket.h"
#include "session.h"
#include "utlist.h"
#include "visitor.h"

/* As that of one that was accepted. */
static int charge(struct accepted *accepted, struct user *user, struct refusal *refusal) {
    charge_init(&accepted->charge, user, NULL);
    return charge_take(&accepted->charge, USER_CONNECTIONS, 1, refusal);
}

static void join(struct connection *connection, struct session *session,
                 const struct connection_again *again) {
    numbering_ref(&session->session_objects.numberings, again->place);
    connection->place = again->place;
    connection->session = session;
    connection->session_id = session->id;
    connection->reach = again->reach;
    connection->answered_one = again->answered_one;
    connection->keeps = again->keeps;
    connection->last_one = again->last_one;
    loop_timer_clear(&connection->timer);
    session_join(session, connection);
    if (!connection->visitor)
        connection->channel.max = FRAME_LONG_MAX;
}

/* The descriptors of the parts are counted by the connection from now on. */
static void recount(struct connection *connection, const struct channel_parts *parts) {
    size_t n = parts->n_fds;
    for (size_t i = 0; i < parts->n_sets; i++)
        n += parts->sets[i].n;
    fd_table_give(connection->all->env->fd_table, n);
}

/* Without a session it has not said hello. */
static struct connection *make(struct sessions *sessions, const struct connection_again *again,
                               struct user *user, const struct peer *peer, struct refusal *refusal) {
    struct accepted accepted = {.transport = again->transport};
    struct connection *connection =
        charge(&accepted, user, refusal) ? NULL : connection_new(sessions, &accepted, peer, refusal);
    charge_deinit(&accepted.charge); /* if it was moved, it is of zeros */
    return connection;
}

int connection_restore(struct sessions *sessions, struct connection_again *again, struct refusal *refusal) {
    struct session *session = again->session ? session_find(sessions, again->session) : NULL;
    struct peer peer;
    if (again->session && !session)
        return refusal_set(refusal, REFUSAL_INVALID, NULL, NULL, "the session of a connection is gone");
    if (session && !numbering_is_known(&session->session_objects.numberings, again->place))
        return refusal_set(refusal, REFUSAL_INVALID, NULL, NULL, "the process of a connection is not known");
    int error = peer_of(transport_peer(again->transport), &peer);
    if (error)
        return refusal_system(refusal, -error, "cannot determine peer credentials");
    struct user *user = user_ref(sessions->env->users, peer.uid);
    if (!user)
        return refusal_memory(refusal);
    struct connection *connection = make(sessions, again, user, &peer, refusal);
    user_unref(user);
    if (!connection)
        return -1;
    fd_table_give(sessions->env->fd_table, 1);
    kept_set_slots(&connection->accepted.socket, sessions->env->fd_table, 1);
    if ((again->dialect && visitor_make(connection, again->dialect, connection_end)) ||
        channel_restore(&connection->channel, &again->parts)) {
        connection_end(connection, "the broker is out of memory");
        return refusal_memory(refusal);
    }
    recount(connection, &again->parts);
    if (session)
        join(connection, session, again);
    if (connection->serial < again->serial)
        sessions->serial = again->serial;
    connection->serial = again->serial;
    int unread = socket_unread(transport_peer(again->transport));
    connection->passing.bytes = unread > 0 ? (size_t)unread : 0;
    visitor_look(connection);
    return 0; /* sessions_thaw has it charged */
}

void sessions_freeze(struct sessions *sessions) { sessions->registry->frozen = true; }

static void thaw_holds(const struct sessions *sessions) {
    const struct table *owners = &sessions->registry->holds->owners;
    for (size_t i = 0; i < table_places(owners); i++) {
        const struct hold_owner *owner = table_at(owners, i);
        for (struct hold *hold = owner ? owner->list : NULL; hold; hold = hold->next)
            spool_thaw(held_of(hold)->spool);
    }
}

void sessions_thaw(struct sessions *sessions) {
    struct connection *connection;
    sessions->registry->frozen = false;
    DL_FOREACH (sessions->connections, connection)
        connection_flush_later(connection);
    thaw_holds(sessions);
}
