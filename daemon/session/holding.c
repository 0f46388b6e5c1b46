/* holding.c: makes and ends holds; the session that they are in. */
#include "holding.h"

#include "connection.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/object/cause.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "daemon/object/registry.h"
#include "owner.h"
#include "proto/container.h"
#include "session.h"

#include <errno.h>
#include <stdlib.h>

/* The session of the uid, made if there is none. NULL: the refusal. */
static struct session *holding_of(struct connection *connection, struct refusal *refusal) {
    struct user *user = connection->user;
    if (user->holding)
        return user->holding;
    struct session *session = session_new(connection->all, user, "held", refusal);
    if (!session)
        return NULL;
    session->private = session->holding = session->separate = true;
    user->holding = session;
    return session;
}

/* The last hold of a session is gone. */
static void leave(struct session *session) {
    if (session->session_objects.objects)
        return;
    session_end(session, CAUSE_REMOVED);
}

static void on_gone(struct hold *hold) {
    struct user *user = hold->user;
    free(held_of(hold));
    if (user->holding)
        leave(user->holding);
    user_unref(user);
}

void held_end(struct held *held, int cause) {
    lease_deinit(&held->lease);
    hold_end(&held->hold, cause);
}

static void on_lease_ended(struct lease *lease) {
    held_end(CONTAINER_OF(lease, struct held, lease), CAUSE_EXPIRED);
}

struct held *held_new(struct connection *connection, os_fd *fd, struct refusal *refusal) {
    struct session *session = holding_of(connection, refusal);
    struct held *held = session ? calloc(1, sizeof *held) : NULL;
    if (!held) {
        if (session)
            (void)refusal_memory(refusal);
        goto fail;
    }
    held->hold.gone = on_gone;
    held->made = os_now_us();
    held->by = connection->peer.uid;
    held->by_pid = connection->peer.pid;
    lease_init(&held->lease, session->all->env->closer, &session->session_objects.account, session->uid,
               on_lease_ended);
    if (!hold_make(&held->hold, &session->session_objects, fd, refusal))
        return held;
    free(held);
fail:
    if (session)
        leave(session);
    return NULL;
}

/* A copy of the process's pidfd, in a slot of its own. */
static int copy_process(const struct session *session, const struct owner_process *process,
                        struct owner_process *copy, struct refusal *refusal) {
    struct user *user = session->session_objects.account.user;
    if (!limit_may_keep(user, 1, 1))
        return holders_refuse_table(user, refusal);
    *copy = *process;
    copy->fd = os_dup(process->fd);
    if (copy->fd == OS_FD_NONE)
        return refusal_system(refusal, errno, "cannot copy the pidfd");
    fd_table_take(session->all->env->fd_table, 1);
    return 0;
}

int held_lease(struct held *held, const struct holding_terms *terms, struct refusal *refusal) {
    struct sessions *sessions = held->hold.user->holding->all;
    struct lease *lease = &held->lease;
    struct owner *last = lease->owners;
    struct owner_process copy;
    if (terms->process) {
        if (copy_process(held->hold.user->holding, terms->process, &copy, refusal))
            return -1;
        if (owner_add(&sessions->owners, lease, sessions->loop, &copy, false, refusal)) {
            discard_close(sessions->env->closer, held->hold.user, copy.fd);
            return -1;
        }
    }
    if (terms->ttl_us && lease_limit(lease, sessions->loop, terms->ttl_us)) {
        if (terms->process)
            owner_remove(lease->owners->prev);
        return refusal_memory(refusal);
    }
    if (!terms->ttl_us)
        lease_unlimit(lease);
    if (last)
        owner_remove(last);
    return 0;
}

struct held *held_find(const struct sessions *sessions, os_uid owner, const char *name) {
    struct hold *hold = hold_find(sessions->registry->holds, owner, name);
    return hold ? held_of(hold) : NULL;
}

void holdings_end(struct sessions *sessions) {
    struct hold *hold;
    while ((hold = holds_any(sessions->registry->holds)) != NULL)
        held_end(held_of(hold), CAUSE_EXPIRED);
}
