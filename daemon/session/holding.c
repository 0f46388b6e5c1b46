/* holding.c: makes and ends holds; the session that they are in. */
#include "holding.h"

#include "connection.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/log.h"
#include "daemon/object/bound.h"
#include "daemon/object/cause.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "daemon/object/inspect.h"
#include "daemon/object/registry.h"
#include "daemon/object/spool.h"
#include "hold_record.h"
#include "owner.h"
#include "proto/container.h"
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* The session of the uid, made if there is none. NULL: the refusal. */
static struct session *holding_of(struct sessions *sessions, struct user *user, struct refusal *refusal) {
    if (user->holding)
        return user->holding;
    struct session *session = session_new(sessions, user, "held", refusal);
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

static void on_forgotten(struct store_order *order, int error) {
    (void)error; /* it had nothing that could fail */
    hold_unkeep(&CONTAINER_OF(order, struct held, forgetting)->hold);
}

/* Tells the keeper. The hold is gone when the keeper has closed its copy. */
static void forget(struct held *held) {
    struct store *store = held->hold.user->holding->all->store;
    if (!held->kept || !store || !store_is_kept(store))
        return;
    held->forgetting.done = on_forgotten;
    int error = store_forget(&held->forgetting, held->hold.id);
    if (!error)
        error = store_commit(store, &held->forgetting);
    held->hold.kept = error == 0;
    if (error < 0)
        log_write(
            LOG_LEVEL_ERROR,
            "the keeper cannot be told of an end: the descriptor comes back if the broker dies; id=%" PRIu64
            " error=%s",
            held->hold.id, os_error_text(-error));
}

/* ---- replacing ---------------------------------------------------------------------------------------------------- */

/* What it was to replace, or NULL: nothing. */
static struct held *part(struct held *held) {
    struct held *old = held->replaces;
    held->replaces = NULL;
    if (old)
        old->replaced_by = NULL;
    return old;
}

void held_replace(struct held *held, struct held *old) {
    hold_hide(&old->hold);
    held->replaces = old;
    old->replaced_by = held;
}

void held_settle(struct held *held) {
    struct held *old = part(held);
    if (old)
        held_end(old, CAUSE_REPLACED);
}

void held_undo(struct held *held) {
    struct held *old = part(held), *heir = held->replaced_by;
    held_end(held, CAUSE_REMOVED);
    if (!old)
        return;
    if (heir) { /* that has the name now, and is not kept yet either */
        heir->replaces = old;
        old->replaced_by = heir;
    } else {
        hold_show(&old->hold);
    }
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static void release(struct renewal *renewal) {
    ring_remove(&renewal->node);
    lease_deinit(&renewal->lease);
    renewal->held = NULL;
}

/* Before all else, as the keeper must not have it when it has forgotten the one that has its name. */
void held_end(struct held *held, int cause) {
    struct ring *node;
    held_settle(held);
    if (held->replaced_by)
        held->replaced_by->replaces = NULL;
    held->replaced_by = NULL;
    forget(held);
    while ((node = ring_first(&held->renewals)) != NULL)
        release(CONTAINER_OF(node, struct renewal, node));
    lease_deinit(&held->lease);
    spool_end(held->spool);
    held->spool = NULL;
    hold_end(&held->hold, cause);
}

static void on_lease_ended(struct lease *lease) {
    held_end(CONTAINER_OF(lease, struct held, lease), CAUSE_EXPIRED);
}

static void on_hung_up(struct hold *hold) {
    struct held *held = held_of(hold);
    held->hung = true;
    if (held->counts)
        held_end(held, CAUSE_EXPIRED);
}

/* NULL: the refusal, and the descriptor stays the caller's. */
static struct held *make(struct session *session, os_fd *fd, struct refusal *refusal) {
    struct held *held = calloc(1, sizeof *held);
    if (!held) {
        (void)refusal_memory(refusal);
        return NULL;
    }
    held->hold.gone = on_gone;
    held->hold.hung_up = on_hung_up;
    ring_init(&held->renewals);
    lease_init(&held->lease, session->all->env->closer, &session->session_objects.account, session->uid,
               on_lease_ended);
    if (!hold_make(&held->hold, &session->session_objects, fd, refusal))
        return held;
    free(held);
    return NULL;
}

/* Before anybody can know that it is held. */
static void look_at_put(struct held *held) {
    const struct descriptor *descriptor = bound_descriptor(held->hold.binding);
    look_begin(descriptor->fd, (enum inspect_type)descriptor->type, &held->at_put);
}

struct held *held_new_for(struct sessions *sessions, struct user *user, uint32_t pid, os_fd *fd,
                          struct refusal *refusal) {
    struct session *session = holding_of(sessions, user, refusal);
    struct held *held = session ? make(session, fd, refusal) : NULL;
    if (held) {
        held->made = os_now_us();
        held->by = user->uid;
        held->by_pid = pid;
        look_at_put(held);
    } else if (session) {
        leave(session);
    }
    return held;
}

struct held *held_new(struct connection *connection, os_fd *fd, struct refusal *refusal) {
    return held_new_for(connection->all, connection->user, connection->peer.pid, fd, refusal);
}

int held_spool(struct held *held, uint64_t bytes, bool stops, struct refusal *refusal) {
    held->spool = spool_new(bound_descriptor(held->hold.binding),
                            &held->hold.user->holding->session_objects.account, bytes, stops, refusal);
    return held->spool ? 0 : -1;
}

void held_start(struct held *held) {
    if (held->spool)
        spool_start(held->spool);
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

/* The hang-up of a terminal is not the last one: with a process the end of that counts instead. */
static bool counts_hang_up(const struct held *held, const struct holding_terms *terms) {
    return terms->hang_up && !(terms->process && bound_descriptor(held->hold.binding)->type == INSPECT_TTY);
}

/* Its hang-up is watched for no longer, if nothing wants it. */
static void calm(struct held *held) {
    bool wanted = held->counts;
    for (struct ring *node = held->renewals.next; node != &held->renewals; node = node->next)
        wanted = wanted || CONTAINER_OF(node, struct renewal, node)->counts;
    if (wanted)
        return;
    struct refusal refusal;
    (void)hold_set_hang_up(&held->hold, false, &refusal);
    held->hung = false;
}

static void on_next_ended(struct lease *lease) { CONTAINER_OF(lease, struct renewal, lease)->over = true; }

static int add_process(struct held *held, struct lease *lease, const struct owner_process *process,
                       struct refusal *refusal) {
    struct sessions *sessions = held->hold.user->holding->all;
    struct owner_process copy;
    if (copy_process(held->hold.user->holding, process, &copy, refusal))
        return -1;
    if (!owner_add(&sessions->owners, lease, sessions->loop, &copy, false, refusal))
        return 0;
    discard_close(sessions->env->closer, held->hold.user, copy.fd);
    return -1;
}

int held_prepare(struct held *held, const struct holding_terms *terms, struct renewal *renewal,
                 struct refusal *refusal) {
    struct session *session = held->hold.user->holding;
    *renewal = (struct renewal){.hang_up = terms->hang_up, .counts = counts_hang_up(held, terms)};
    if (terms->hang_up && hold_check_hang_up(&held->hold, refusal))
        return -1;
    if (lease_prepare(&held->lease, session->all->loop))
        return refusal_memory(refusal);
    if (renewal->counts && hold_set_hang_up(&held->hold, true, refusal))
        return -1;
    lease_init(&renewal->lease, held->lease.closer, held->lease.account, held->lease.uid, on_next_ended);
    renewal->lease.until = terms->ttl_us ? lease_until(terms->ttl_us) : 0;
    if (terms->process && add_process(held, &renewal->lease, terms->process, refusal)) {
        calm(held);
        return -1;
    }
    renewal->held = held;
    ring_add(&held->renewals, &renewal->node);
    return 0;
}

void held_renew(struct renewal *renewal) {
    struct held *held = renewal->held;
    struct ring *node;
    if (!held)
        return;
    while ((node = ring_first(&held->renewals)) != &renewal->node)
        release(CONTAINER_OF(node, struct renewal, node));
    lease_replace(&held->lease, &renewal->lease);
    held->hang_up = renewal->hang_up;
    held->counts = renewal->counts;
    release(renewal);
    calm(held);
    if (renewal->over || (held->counts && held->hung))
        held_end(held, CAUSE_EXPIRED);
}

void held_unrenew(struct renewal *renewal) {
    struct held *held = renewal->held;
    if (!held)
        return;
    release(renewal);
    calm(held);
}

int held_lease(struct held *held, const struct holding_terms *terms, struct refusal *refusal) {
    struct renewal renewal;
    if (held_prepare(held, terms, &renewal, refusal))
        return -1;
    held_renew(&renewal);
    return 0;
}

/* Its lease, as far as it is not over. */
static int restore_lease(struct held *held, const struct store_entry *entry, const struct hold_record *record,
                         struct refusal *refusal) {
    struct owner_process process = {.fd = record->has_process ? entry->fds[1] : OS_FD_NONE};
    struct holding_terms terms = {.hang_up = record->hang_up};
    if (record->until) {
        int64_t left = record->until - os_boot_us();
        terms.ttl_us = left > 0 ? left : 1;
    }
    if (process.fd != OS_FD_NONE) {
        process.pid = inspect_tells_pids() ? 0 : inspect_read_pid(process.fd); /* the loop does not run yet */
        int error = inspect_pidfd(process.fd, &process.key, &process.pid);
        if (error)
            return refusal_system(refusal, -error, "cannot look at the pidfd");
        terms.process = &process;
    }
    return terms.ttl_us || terms.process || terms.hang_up ? held_lease(held, &terms, refusal) : 0;
}

/* Its spool, if it has one: takes the descriptors. */
static int restore_spool(struct held *held, struct store_entry *entry, const struct hold_record *record,
                         struct refusal *refusal) {
    os_fd fds[SPOOL_FDS];
    if (!record->has_spool)
        return 0;
    for (size_t i = 0; i < SPOOL_FDS; i++) {
        os_fd *fd = &entry->fds[entry->n_fds - SPOOL_FDS + i];
        fds[i] = *fd;
        *fd = OS_FD_NONE;
    }
    held->spool =
        spool_restore(bound_descriptor(held->hold.binding),
                      &held->hold.user->holding->session_objects.account, fds, record->stops, refusal);
    return held->spool ? 0 : -1;
}

int held_restore(struct sessions *sessions, struct store_entry *entry, const struct hold_record *record,
                 struct refusal *refusal) {
    struct user *user = user_ref(sessions->env->users, record->user);
    struct session *session = user ? holding_of(sessions, user, refusal) : NULL;
    struct held *held, *old = held_find(sessions, record->owner, record->name);
    int error = -1;
    if (!user)
        return refusal_memory(refusal);
    sessions->registry->given = entry->key;
    held = session ? make(session, &entry->fds[0], refusal) : NULL;
    sessions->registry->given = 0;
    if (held) {
        held->made = record->made;
        held->by = record->by;
        held->by_pid = record->by_pid;
        held->at_put = record->at_put;
        held->kept = true;
        error = held->hold.id == entry->key
                    ? restore_lease(held, entry, record, refusal)
                    : refusal_set(refusal, REFUSAL_INVALID, NULL, NULL, "its id is taken");
        if (!error)
            error = restore_spool(held, entry, record, refusal);
        if (!error && hold_enter(&held->hold, record->owner, record->name))
            error = refusal_memory(refusal);
        if (!error)
            held_start(held);
        if (error)
            held_end(held, CAUSE_REMOVED);
        else if (old) /* its broker died before it had told of the end of the one that this one replaced */
            held_end(old, CAUSE_REPLACED);
    } else if (session) {
        leave(session);
    }
    for (size_t i = 0; i < entry->n_fds; i++)
        if (entry->fds[i] != OS_FD_NONE)
            discard_close(sessions->env->closer, user, entry->fds[i]);
    user_unref(user);
    return error;
}

struct held *held_find(const struct sessions *sessions, os_uid owner, const char *name) {
    struct hold *hold = hold_find(sessions->registry->holds, owner, name);
    return hold ? held_of(hold) : NULL;
}

struct held *held_get(const struct sessions *sessions, uint64_t id) {
    const struct object *object = registry_find(sessions->registry, id);
    const struct hold *hold = object ? hold_of(bound_of_object(object)) : NULL;
    return hold && hold->id == id && !hold->cause ? held_of(hold) : NULL;
}

void holdings_end(struct sessions *sessions) {
    struct hold *hold;
    while ((hold = holds_any(sessions->registry->holds)) != NULL)
        held_end(held_of(hold), CAUSE_EXPIRED);
}
