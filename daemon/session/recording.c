/* recording.c: the records, and the in-flight request of each call that makes an object by a hold. */
#include "recording.h"

#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/log.h"
#include "daemon/object/bound.h"
#include "daemon/object/direction.h"
#include "daemon/object/hold.h"
#include "daemon/object/port.h"
#include "daemon/object/registry.h"
#include "daemon/object/waitable.h"
#include "daemon/store/store.h"
#include "inflight.h"
#include "keeper.pb-c.h"
#include "owner.h"
#include "proto/container.h"
#include "record.h"
#include "session.h"
#include "utlist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct recording {
    struct inflight inflight; /* connection NULL: it has ended */
    struct store_order order;
    struct charge charge;
    struct sessions *all;
    uint64_t session;
    union creating_result result;
    Portd__V1__Reply__ResultCase result_case;
    uint64_t ids[2]; /* of what was made; 0: none */
    bool is_told;    /* the keeper has answered */
    int error;
};

bool recording_is_needed(const struct sessions *sessions) {
    return sessions->store && store_is_kept(sessions->store);
}

int recording_check(const struct sessions *sessions, struct refusal *refusal) {
    if (!recording_is_needed(sessions) || !store_is_full(sessions->store))
        return 0;
    return refusal_set(refusal, REFUSAL_LIMIT, NULL, "try again in a moment",
                       "the keeper has not read what it was given before");
}

/* ---- orders that nobody waits for --------------------------------------------------------------------------------- */

static void log_untold(const struct session *session, int error) {
    log_write_about(LOG_TOPIC_SESSION, session->uid, LOG_LEVEL_ERROR,
                    "the keeper cannot be told of a change of session %" PRIu64 ": %s", session->id,
                    os_error_text(-error));
}

/* NULL: there is nobody to tell, or no memory. */
static struct store_order *order_open(const struct session *session) {
    struct store_order *order = recording_is_needed(session->all) ? store_open(session->all->store) : NULL;
    if (!order && recording_is_needed(session->all))
        log_untold(session, -ENOMEM);
    return order;
}

/* Sends it. What cannot be told comes back if the broker dies. */
static void tell(const struct session *session, struct store_order *order, int error) {
    store_tell(session->all->store, order);
    if (error)
        log_untold(session, error);
}

/* One with descriptors is an order of its own. */
struct addition {
    struct store_order order;
    struct sessions *all;
    uint64_t session;
    uint8_t place; /* of an owner; 0: it is none */
};

static void forget_place(const struct session *session, uint8_t place) {
    struct owner *owner;
    DL_FOREACH (session->lease.owners, owner)
        if (place && owner->place == place)
            owner->place = 0;
}

static void on_added(struct store_order *order, int error) {
    struct addition *addition = CONTAINER_OF(order, struct addition, order);
    const struct session *session = session_find_any(addition->all, addition->session);
    if (error && session) {
        forget_place(session, addition->place);
        log_untold(session, error);
    }
    free(addition);
}

static struct addition *addition_new(const struct session *session) {
    if (!recording_is_needed(session->all))
        return NULL;
    struct addition *addition = calloc(1, sizeof *addition);
    if (!addition) {
        log_untold(session, -ENOMEM);
        return NULL;
    }
    addition->all = session->all;
    addition->session = session->id;
    addition->order.done = on_added;
    return addition;
}

static void add(const struct session *session, struct addition *addition, int error) {
    if (error)
        store_cancel(&addition->order);
    else
        error = store_commit(session->all->store, &addition->order);
    if (!error)
        return;
    if (error < 0) {
        forget_place(session, addition->place);
        log_untold(session, error);
    }
    free(addition);
}

void recording_changed(struct object *object, bool gone) {
    struct session *session = session_of(object);
    enum object_kind kind = object_kind_of(object->id);
    struct waitable *waitable = kind == OBJECT_DESCRIPTOR ? NULL : (struct waitable *)object;
    if (kind == OBJECT_PORT && waitable->ended) { /* a closed one does not come back */
        waitable->recorded = waitable->confirmed = false;
        gone = true;
    }
    struct store_order *order = order_open(session);
    if (!order)
        return;
    int error = gone ? store_forget(order, object->id) : record_object(order, waitable, false);
    if (!error && gone && kind == OBJECT_SEMAPHORE)
        error = store_forget(order, record_handle_key(object->id)); /* if it has one */
    tell(session, order, error);
}

void recording_add_handle(const struct waitable *semaphore) {
    struct session *session = session_of(&semaphore->object);
    struct addition *addition = addition_new(session);
    if (addition)
        add(session, addition, record_handle(&addition->order, semaphore));
}

void recording_add_owners(struct session *session) {
    struct owner *owner;
    DL_FOREACH (session->lease.owners, owner) {
        struct addition *addition = session->recorded && !owner->place ? addition_new(session) : NULL;
        if (!addition)
            continue;
        int error = record_owner(&addition->order, session, owner);
        addition->place = owner->place;
        add(session, addition, error);
    }
}

void recording_remove_owner(struct session *session, const struct owner *owner) {
    struct store_order *order = owner->place ? order_open(session) : NULL;
    if (order)
        tell(session, order, store_forget(order, record_owner_key(session, owner)));
}

void recording_end(struct session *session) {
    struct store_order *order = session->recorded ? order_open(session) : NULL;
    const struct owner *owner;
    int error = order ? store_forget(order, session->id) : 0;
    DL_FOREACH (session->lease.owners, owner)
        if (order && !error && owner->place)
            error = store_forget(order, record_owner_key(session, owner));
    if (order)
        tell(session, order, error);
}

/* ---- the calls ---------------------------------------------------------------------------------------------------- */

/* When the keeper has answered and nobody waits for the reply. */
static void recording_free(struct recording *recording) { free(recording); }

static uint32_t undo_of(const struct recording *recording) {
    bool ports = object_kind_of(recording->ids[0]) == OBJECT_PORT;
    return ports ? recording->result.ports.undo : recording->result.object.undo;
}

/* The keeper does not have it: nothing was made. What it has by an earlier call stays recorded. */
static void undo(const struct recording *recording) {
    for (size_t i = 0; i < 2; i++) {
        struct object *object =
            recording->ids[i] ? registry_find(recording->all->registry, recording->ids[i]) : NULL;
        struct waitable *waitable = (struct waitable *)object;
        if (!object)
            continue;
        waitable->recorded = waitable->confirmed;
        struct descriptor *descriptor = waitable_source(waitable);
        waitable_undo_create(waitable, undo_of(recording));
        if (descriptor && !descriptor_is_closing(descriptor))
            descriptor_update(descriptor);
    }
}

static int refuse(int error, struct refusal *refusal) {
    if (error == -ENOMEM)
        return refusal_memory(refusal);
    if (error == -EMFILE)
        return refusal_set(refusal, REFUSAL_LIMIT, NULL,
                           "drop what is not needed, or raise the limit of open files",
                           "the keeper has no room for more descriptors");
    return refusal_system(refusal, -error, "the keeper cannot keep the session");
}

static void emit(struct inflight *inflight) {
    struct recording *recording = CONTAINER_OF(inflight, struct recording, inflight);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    struct refusal refusal;
    charge_deinit(&recording->charge);
    reply.id = inflight->request;
    reply.result_case = recording->result_case;
    reply.fd_to_evt = &recording->result.object; /* every member of the union is a pointer to a message */
    if (recording->error) {
        (void)refuse(recording->error, &refusal);
        connection_refuse(inflight->connection, inflight->request, &refusal);
    } else {
        connection_reply(inflight->connection, &reply);
    }
    recording_free(recording);
}

static void orphan(struct inflight *inflight) {
    struct recording *recording = CONTAINER_OF(inflight, struct recording, inflight);
    charge_deinit(&recording->charge);
    inflight->connection = NULL;
    if (recording->is_told)
        recording_free(recording);
}

/* The keeper has it. If another call that made it meanwhile could not be recorded, the keeper was told of no change since: so it is now. */
static void confirm(const struct recording *recording, struct session *session) {
    session->confirmed = true;
    for (size_t i = 0; i < 2; i++) {
        uint64_t id = recording->ids[i];
        struct object *object = id ? registry_find(recording->all->registry, id) : NULL;
        struct store_order *order = id && !object ? order_open(session) : NULL;
        if (order)
            tell(session, order, store_forget(order, id));
        if (!object)
            continue;
        struct waitable *waitable = (struct waitable *)object;
        waitable->confirmed = true;
        if (!waitable->recorded)
            recording_changed(object, false);
    }
}

static void on_kept(struct store_order *order, int error) {
    struct recording *recording = CONTAINER_OF(order, struct recording, order);
    struct session *session = session_find_any(recording->all, recording->session);
    recording->is_told = true;
    recording->error = error;
    if (session && !error)
        confirm(recording, session);
    if (session && error && !session->cause)
        undo(recording);
    if (recording->inflight.connection)
        inflight_ready(&recording->inflight);
    else
        recording_free(recording);
}

/* The session with its owners, until the keeper is known to have it; the copy, whose rights may be others now; and what was made. */
static int record_all(struct recording *recording, struct session *session, const struct binding *binding) {
    struct store_order *order = &recording->order;
    struct registry *registry = session->all->registry;
    struct owner *owner;
    int error = session->confirmed ? 0 : record_session(order, session, false);
    DL_FOREACH (session->lease.owners, owner)
        if (!error && !session->confirmed)
            error = record_owner(order, session, owner);
    if (!error)
        error = record_copy(order, bound_descriptor(binding), false);
    for (size_t i = 0; i < 2 && !error; i++)
        if (recording->ids[i])
            error =
                record_object(order, (struct waitable *)registry_find(registry, recording->ids[i]), false);
    return error;
}

static struct recording *recording_new(struct connection *connection, struct refusal *refusal) {
    struct charge charge;
    if (charge_request(&charge, &connection->session->session_objects.account, sizeof(struct recording),
                       refusal))
        return NULL;
    struct recording *recording = calloc(1, sizeof *recording);
    if (recording && !table_reserve(&connection->by_request)) {
        charge_move(&recording->charge, &charge);
        return recording;
    }
    free(recording);
    charge_deinit(&charge);
    (void)refusal_memory(refusal);
    return NULL;
}

static void take_ids(const struct creating *creating, const union creating_result *result, uint64_t ids[2]) {
    bool ports = creating->kind == OBJECT_PORT;
    ids[0] = ports ? result->ports.input : result->object.id;
    ids[1] = ports ? result->ports.output : 0;
    if (!ids[0]) {
        ids[0] = ids[1];
        ids[1] = 0;
    }
}

int recording_start(struct connection *connection, const struct creating *creating,
                    const struct binding *binding, const union creating_result *result, uint64_t request,
                    struct refusal *refusal) {
    struct session *session = connection->session;
    uint64_t ids[2];
    take_ids(creating, result, ids);
    const struct object *made = ids[0] ? registry_find(session->all->registry, ids[0]) : NULL;
    if (!made || ((const struct waitable *)made)->confirmed)
        return 1;
    struct recording *recording = recording_new(connection, refusal);
    const struct recording undone = {.all = session->all, .result = *result, .ids = {ids[0], ids[1]}};
    if (!recording) {
        undo(&undone);
        return -1;
    }
    recording->all = session->all;
    recording->session = session->id;
    recording->result = *result;
    recording->result_case = creating->result;
    recording->ids[0] = ids[0];
    recording->ids[1] = ids[1];
    recording->order.done = on_kept;
    int error = record_all(recording, session, binding);
    if (error)
        store_cancel(&recording->order);
    else
        error = store_commit(session->all->store, &recording->order);
    if (error) {
        charge_deinit(&recording->charge);
        free(recording);
        if (error == 1) /* the keeper has gone */
            return 1;
        undo(&undone);
        return refuse(error, refusal);
    }
    session->recorded = true;
    recording->inflight = (struct inflight){.windowed = true, .emit = emit, .orphan = orphan};
    (void)inflight_add(connection, &recording->inflight, request);
    return 0;
}
