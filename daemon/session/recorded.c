/* recorded.c: unpacks, and makes. An object is made with its id, in a session that was made before, from a copy that was, too. */
#include "recorded.h"

#include "daemon/access/fd_table.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/log.h"
#include "daemon/object/bound.h"
#include "daemon/object/cause.h"
#include "daemon/object/direction.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "daemon/object/handle.h"
#include "daemon/object/hold.h"
#include "daemon/object/port.h"
#include "daemon/object/registry.h"
#include "daemon/object/waitable.h"
#include "daemon/store/store.h"
#include "keeper.pb-c.h"
#include "owner.h"
#include "proto/container.h"
#include "record.h"
#include "revoke.h"
#include "session.h"
#include "utlist.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

typedef Portd__Keeper__V1__Record Record;

/* NULL: it is none that this program knows. */
static Record *unpack(const struct store_entry *entry) {
    Record *record = portd__keeper__v1__record__unpack(NULL, entry->length, entry->record);
    if (record && record->version == RECORD_VERSION &&
        (record->session || record->owner || record->copy || record->object || record->handle))
        return record;
    portd__keeper__v1__record__free_unpacked(record, NULL);
    return NULL;
}

enum recorded_rank recorded_rank(const struct store_entry *entry) {
    Record *record = unpack(entry);
    enum recorded_rank rank = record && record->session  ? RECORDED_SESSION
                              : record && record->owner  ? RECORDED_OWNER
                              : record && record->handle ? RECORDED_HANDLE
                                                         : RECORDED_LATER;
    portd__keeper__v1__record__free_unpacked(record, NULL);
    return rank;
}

static int refuse(struct refusal *refusal, const char *why) {
    return refusal_set(refusal, REFUSAL_INVALID, NULL, NULL, "%s", why);
}

static struct session *find_session(const struct sessions *sessions, uint64_t id, struct refusal *refusal) {
    struct session *session = session_find(sessions, id);
    if (session && session->recorded)
        return session;
    (void)refuse(refusal, "its session is gone");
    return NULL;
}

/* ---- sessions and owners ------------------------------------------------------------------------------------------ */

static int restore_session(struct sessions *sessions, const struct store_entry *entry,
                           const Portd__Keeper__V1__Session *record, struct refusal *refusal) {
    const struct session_again again = {.id = entry->key,
                                        .made = record->made_us,
                                        .until = record->until_us,
                                        .client = record->client,
                                        .secret = record->secret};
    struct user *user = user_ref(sessions->env->users, record->user);
    if (!user)
        return refusal_memory(refusal);
    struct session *session = session_restore(sessions, user, &again, refusal);
    user_unref(user);
    if (!session)
        return -1;
    session->private = record->private_;
    session->separate = record->separate;
    if (record->keeps)
        session_keep(session);
    return 0;
}

static int restore_owner(struct sessions *sessions, struct store_entry *entry,
                         const Portd__Keeper__V1__Owner *record, struct refusal *refusal) {
    struct session *session = find_session(sessions, record->session, refusal);
    struct owner_process process = {.fd = entry->n_fds == 1 ? entry->fds[0] : OS_FD_NONE};
    uint64_t place = entry->key >> RECORD_ID_BITS;
    if (!session)
        return -1;
    if (process.fd == OS_FD_NONE || place < 1 || place > UINT8_MAX)
        return refuse(refusal, "it is not one of an owner");
    process.pid = inspect_tells_pids() ? 0 : inspect_read_pid(process.fd); /* the loop does not run yet */
    int error = inspect_pidfd(process.fd, &process.key, &process.pid);
    if (error)
        return refusal_system(refusal, -error, "cannot look at the pidfd");
    int result = session_add_owner(session, &process, refusal);
    if (result == 1) {
        entry->fds[0] = OS_FD_NONE;
        session->lease.owners->prev->place = (uint8_t)place;
    }
    return result < 0 ? -1 : 0;
}

/* ---- copies and objects ------------------------------------------------------------------------------------------- */

static struct hold *find_hold(const struct sessions *sessions, uint64_t id) {
    struct object *object =
        object_kind_of(id) == OBJECT_DESCRIPTOR ? registry_find(sessions->registry, id) : NULL;
    struct hold *hold = object ? hold_of(bound_of_object(object)) : NULL;
    return hold && hold->id == id && !hold->cause ? hold : NULL;
}

static int copy_held(const struct sessions *sessions, struct user *user, const struct hold *hold, os_fd *fd,
                     struct refusal *refusal) {
    if (!limit_may_keep(user, 1, 1))
        return holders_refuse_table(user, refusal);
    *fd = os_dup(bound_descriptor(hold->binding)->fd);
    if (*fd == OS_FD_NONE)
        return refusal_system(refusal, errno, "cannot copy the held descriptor");
    fd_table_take(sessions->env->fd_table, 1);
    return 0;
}

static int restore_copy(struct sessions *sessions, const struct store_entry *entry,
                        const Portd__Keeper__V1__Copy *record, struct refusal *refusal) {
    struct session *session = find_session(sessions, record->session, refusal);
    struct hold *hold = find_hold(sessions, record->hold);
    struct binding_claim claim = {0};
    os_fd fd;
    uint64_t key;
    if (!session)
        return -1;
    if (!hold || hold_binding(hold, &session->session_objects))
        return refuse(refusal, "what it was made from is not held any more");
    struct session_objects *objects = &session->session_objects;
    struct user *user = objects->account.user;
    if (hold_get_key(hold, objects, &key, refusal) || copy_held(sessions, user, hold, &fd, refusal))
        return -1;
    sessions->registry->given = entry->key;
    int error = binding_claim(objects, key, fd, false, 0, &claim, refusal);
    sessions->registry->given = 0;
    if (error) {
        discard_close(sessions->env->closer, user, fd);
        return -1;
    }
    struct descriptor *copy = bound_descriptor(claim.binding);
    if (copy->id != entry->key)
        error = refuse(refusal, "its id is taken");
    else
        error = hold_join(hold, copy, refusal);
    if (error) {
        descriptor_update(copy);
        return -1;
    }
    copy->recorded = true;
    for (size_t use = 0; use < record->n_groups && use < HOLD_USES; use++)
        hold_set_group(copy, (enum hold_use)use, record->groups[use]);
    return 0;
}

/* The binding of the copy that it was made from. */
static struct binding *find_copy(const struct session *session, uint64_t id) {
    struct object *object =
        object_kind_of(id) == OBJECT_DESCRIPTOR ? session_objects_find(&session->session_objects, id) : NULL;
    return object && !descriptor_is_closing(bound_of_object(object)) ? (struct binding *)object : NULL;
}

static struct port *find_port(const struct session *session, uint64_t id) {
    return object_kind_of(id) == OBJECT_PORT
               ? (struct port *)session_objects_find(&session->session_objects, id)
               : NULL;
}

static struct waitable *make_port(const struct session *session, struct binding *copy,
                                  const Portd__Keeper__V1__Object *record, struct refusal *refusal) {
    const Portd__Keeper__V1__Port *port = record->port;
    if (!port || strlen(port->name) > PORT_NAME_MAX) {
        (void)refuse(refusal, "it is not one of a port");
        return NULL;
    }
    const struct port_options options = {
        .name = port->name, .socket = port->socket, .regular = port->regular, .text = port->text};
    struct port *made = port_restore(copy, &options, record->write ? DIRECTION_WRITE : DIRECTION_READ,
                                     find_port(session, port->first), refusal);
    return made ? &made->waitable : NULL;
}

/* With the id of registry->given. */
static struct waitable *make(struct session *session, enum object_kind kind,
                             const Portd__Keeper__V1__Object *record, struct refusal *refusal) {
    int direction = record->write ? DIRECTION_WRITE : DIRECTION_READ;
    struct binding *copy = find_copy(session, record->copy);
    bool ends_once = kind == OBJECT_SEMAPHORE || kind == OBJECT_EVT;
    if (ends_once && record->cause && record->cause <= CAUSE_RESYNC)
        return waitable_new_ended(&session->session_objects, kind, direction, (int)record->cause, refusal);
    if (kind == OBJECT_PORT && copy && !record->cause)
        return make_port(session, copy, record, refusal);
    if (ends_once && copy && !record->cause && !waitable_find(copy, kind, direction))
        return waitable_new(copy, kind, direction, refusal);
    (void)refuse(refusal, "what it was made from is not there any more");
    return NULL;
}

static int restore_object(struct sessions *sessions, const struct store_entry *entry,
                          const Portd__Keeper__V1__Object *record, struct refusal *refusal) {
    struct session *session = find_session(sessions, record->session, refusal);
    if (!session)
        return -1;
    sessions->registry->given = entry->key;
    struct waitable *made = make(session, object_kind_of(entry->key), record, refusal);
    sessions->registry->given = 0;
    if (!made)
        return -1;
    if (made->object.id != entry->key) {
        waitable_end(made, CAUSE_REMOVED);
        waitable_release(made);
        return refuse(refusal, "its id is taken");
    }
    made->recorded = made->confirmed = true;
    made->released = record->released;
    return 0;
}

/* One of a semaphore that has ended becomes ready. */
static int restore_handle(struct sessions *sessions, struct store_entry *entry,
                          const Portd__Keeper__V1__Handle *record, struct refusal *refusal) {
    struct session *session = find_session(sessions, record->session, refusal);
    uint64_t id = entry->key & ((UINT64_C(1) << RECORD_ID_BITS) - 1);
    if (!session)
        return -1;
    struct object *object =
        object_kind_of(id) == OBJECT_SEMAPHORE ? session_objects_find(&session->session_objects, id) : NULL;
    struct waitable *semaphore = (struct waitable *)object;
    if (!semaphore || semaphore->handle || entry->n_fds != 1)
        return refuse(refusal, "its semaphore is gone");
    struct handle *handle = waitable_new_handle(semaphore, &session->session_objects, entry->fds[0], refusal);
    if (!handle)
        return -1;
    entry->fds[0] = OS_FD_NONE;
    if (!waitable_set_handle(semaphore, &session->session_objects, handle, 0))
        return 0;
    handle_free(handle);
    return refusal_memory(refusal);
}

/* ---- all ---------------------------------------------------------------------------------------------------------- */

static void close_rest(const struct sessions *sessions, const struct store_entry *entry) {
    const struct env *env = sessions->env;
    for (size_t i = 0; i < entry->n_fds; i++)
        if (entry->fds[i] != OS_FD_NONE)
            discard_close_nobodys(env->closer, env->fd_table, entry->fds[i], env->own);
}

int recorded_restore(struct sessions *sessions, struct store_entry *entry, struct refusal *refusal) {
    Record *record = unpack(entry);
    int error = 0;
    if (!record)
        return 0;
    if (record->session)
        error = restore_session(sessions, entry, record->session, refusal);
    else if (record->owner)
        error = restore_owner(sessions, entry, record->owner, refusal);
    else if (record->copy)
        error = restore_copy(sessions, entry, record->copy, refusal);
    else if (record->handle)
        error = restore_handle(sessions, entry, record->handle, refusal);
    else
        error = restore_object(sessions, entry, record->object, refusal);
    close_rest(sessions, entry);
    portd__keeper__v1__record__free_unpacked(record, NULL);
    return error ? -1 : 1;
}

/* A copy of which nothing was made again is closed. */
static void update_copies(struct session *session) {
    struct session_objects *objects = &session->session_objects;
    struct object *object = session_objects_next(objects, 0);
    while (object) {
        uint64_t id = object->id;
        if (object_kind_of(id) == OBJECT_DESCRIPTOR && !descriptor_is_closing(bound_of_object(object)))
            descriptor_update(bound_of_object(object));
        object = session_objects_next(objects, id);
    }
}

void recorded_finish(struct sessions *sessions) {
    struct session *session, *next;
    DL_FOREACH_SAFE (sessions->list, session, next) {
        if (!session->recorded)
            continue;
        update_copies(session);
        if (session_await_resume(session))
            session_end(session, CAUSE_EXPIRED);
    }
    revoke_all(sessions);
}
