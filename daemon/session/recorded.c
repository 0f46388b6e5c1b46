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
        (record->session || record->owner || record->copy || record->object || record->handle ||
         record->place))
        return record;
    portd__keeper__v1__record__free_unpacked(record, NULL);
    return NULL;
}

enum recorded_rank recorded_rank(const struct store_entry *entry) {
    Record *record = unpack(entry);
    enum recorded_rank rank = !record                          ? RECORDED_LATER
                              : record->session                ? RECORDED_SESSION
                              : record->owner || record->place ? RECORDED_OWNER
                              : record->handle                 ? RECORDED_HANDLE
                                                               : RECORDED_LATER;
    portd__keeper__v1__record__free_unpacked(record, NULL);
    return rank;
}

bool recorded_is_known(const struct store_entry *entry) {
    Record *record = unpack(entry);
    portd__keeper__v1__record__free_unpacked(record, NULL);
    return record != NULL;
}

static int refuse(struct refusal *refusal, const char *why) {
    return refusal_set(refusal, REFUSAL_INVALID, NULL, NULL, "%s", why);
}

static struct session *find_session(const struct sessions *sessions, uint64_t id, struct refusal *refusal) {
    struct session *session = session_find(sessions, id);
    if (session)
        return session;
    (void)refuse(refusal, "its session is gone");
    return NULL;
}

/* ---- sessions and owners ------------------------------------------------------------------------------------------ */

static int restore_session(struct sessions *sessions, const struct store_entry *entry, const Record *all,
                           struct refusal *refusal) {
    const Portd__Keeper__V1__Session *record = all->session;
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
    if (entry->moved) {
        session->recorded = session->confirmed = all->kept;
        session->session_objects.numberings.issued = record->places;
        session->awaited = record->awaited;
    }
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
        session->lease.owners->prev->place = session->recorded ? (uint8_t)place : 0;
    }
    return result < 0 ? -1 : 0;
}

static int restore_place(const struct sessions *sessions, const struct store_entry *entry,
                         const Portd__Keeper__V1__Place *record, struct refusal *refusal) {
    struct session *session = find_session(sessions, entry->key, refusal);
    if (!session)
        return -1;
    int error = numbering_restore(&session->session_objects.numberings, record->process, record->place);
    return error ? refuse(refusal, "its place is taken") : 0;
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

static int restore_descriptor(struct sessions *sessions, struct store_entry *entry,
                              const Portd__Keeper__V1__Copy *record, struct refusal *refusal) {
    struct session *session = find_session(sessions, record->session, refusal);
    struct binding_claim claim = {0};
    if (!session)
        return -1;
    if (entry->n_fds != 1 ||
        !numbering_is_known(&session->session_objects.numberings, number_place(record->number)))
        return refuse(refusal, "it is not one of a descriptor");
    sessions->registry->given = entry->key;
    int error =
        binding_claim(&session->session_objects, record->number, entry->fds[0], false, 0, &claim, refusal);
    sessions->registry->given = 0;
    if (error)
        return -1;
    if (!claim.kept)
        return refuse(refusal, "its number has the same open file already");
    entry->fds[0] = OS_FD_NONE;
    if (bound_descriptor(claim.binding)->id == entry->key)
        return 0;
    descriptor_update(bound_descriptor(claim.binding));
    return refuse(refusal, "its id is taken");
}

static int restore_copy(struct sessions *sessions, const struct store_entry *entry, const Record *all,
                        struct refusal *refusal) {
    const Portd__Keeper__V1__Copy *record = all->copy;
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
    copy->recorded = all->kept || !entry->moved;
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

static struct waitable *make_port(struct session *session, struct binding *copy,
                                  const Portd__Keeper__V1__Object *record, struct refusal *refusal) {
    int direction = record->write ? DIRECTION_WRITE : DIRECTION_READ;
    const Portd__Keeper__V1__Port *port = record->port;
    if (!port || strlen(port->name) > PORT_NAME_MAX) {
        (void)refuse(refusal, "it is not one of a port");
        return NULL;
    }
    const struct port_options options = {
        .name = port->name, .socket = port->socket, .regular = port->regular, .text = port->text};
    struct port *made =
        record->cause
            ? port_restore_ended(&session->session_objects, &options, direction, (int)record->cause, refusal)
            : port_restore(copy, &options, direction, find_port(session, port->first), refusal);
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
    if (kind == OBJECT_PORT && (copy || record->cause) && record->cause <= CAUSE_RESYNC)
        return make_port(session, copy, record, refusal);
    if (ends_once && copy && !record->cause && !waitable_find(copy, kind, direction))
        return waitable_new(copy, kind, direction, refusal);
    (void)refuse(refusal, "what it was made from is not there any more");
    return NULL;
}

static int restore_object(struct sessions *sessions, const struct store_entry *entry, const Record *all,
                          struct refusal *refusal) {
    const Portd__Keeper__V1__Object *record = all->object;
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
    made->recorded = made->confirmed = all->kept || !entry->moved;
    made->released = record->released;
    made->creates = (uint16_t)record->creates;
    made->releases = (uint16_t)record->releases;
    if (made->ended && record->number)
        made->of.key = record->number;
    return 0;
}

/* That of a semaphore, unless it was moved. */
static struct waitable *find_waitable(struct session *session, const struct store_entry *entry,
                                      const Portd__Keeper__V1__Handle *record) {
    uint64_t id = record->object ? record->object : entry->key & ((UINT64_C(1) << RECORD_ID_BITS) - 1);
    enum object_kind kind = object_kind_of(id);
    bool may_be = kind == OBJECT_SEMAPHORE || (entry->moved && (kind == OBJECT_EVT || kind == OBJECT_PORT));
    return may_be ? (struct waitable *)session_objects_find(&session->session_objects, id) : NULL;
}

/* One of what has ended becomes ready. */
static int restore_handle(struct sessions *sessions, struct store_entry *entry,
                          const Portd__Keeper__V1__Handle *record, struct refusal *refusal) {
    struct session *session = find_session(sessions, record->session, refusal);
    struct session *asker =
        session && record->asker ? find_session(sessions, record->asker, refusal) : session;
    if (!session || !asker)
        return -1;
    struct session_objects *objects = &asker->session_objects;
    struct waitable *waitable = find_waitable(session, entry, record);
    if (!waitable || waitable_handle(waitable, objects) || entry->n_fds < 1 ||
        entry->n_fds > (entry->moved ? 2u : 1u))
        return refuse(refusal, "its object is gone");
    os_fd wakeup = entry->n_fds == 2 ? entry->fds[1] : OS_FD_NONE;
    struct handle *handle =
        handle_restore(objects, entry->fds[0], wakeup, waitable_is_semaphore(waitable), refusal);
    if (!handle)
        return -1;
    entry->fds[0] = entry->fds[1] = OS_FD_NONE;
    if (!waitable_set_handle(waitable, objects, handle, record->ended))
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
        error = restore_session(sessions, entry, record, refusal);
    else if (record->owner)
        error = restore_owner(sessions, entry, record->owner, refusal);
    else if (record->place)
        error = restore_place(sessions, entry, record->place, refusal);
    else if (record->copy && !record->copy->hold && entry->moved)
        error = restore_descriptor(sessions, entry, record->copy, refusal);
    else if (record->copy)
        error = restore_copy(sessions, entry, record, refusal);
    else if (record->handle)
        error = restore_handle(sessions, entry, record->handle, refusal);
    else
        error = restore_object(sessions, entry, record, refusal);
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
        if (session->holding)
            continue;
        update_copies(session);
        numberings_trim(&session->session_objects.numberings);
        if ((session->recorded || session->awaited) && !session->connections && session_await_resume(session))
            session_end(session, CAUSE_EXPIRED);
    }
    revoke_all(sessions);
}
