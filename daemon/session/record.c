/* record.c: packs. */
#include "record.h"

#include "daemon/object/bound.h"
#include "daemon/object/direction.h"
#include "daemon/object/handle.h"
#include "daemon/object/hold.h"
#include "daemon/object/inspect.h"
#include "daemon/object/port.h"
#include "daemon/object/waitable.h"
#include "daemon/store/store.h"
#include "keeper.pb-c.h"
#include "owner.h"
#include "proto/container.h"
#include "session.h"
#include "utlist.h"

/* Packing only reads it. */
static char *text(const char *value) { return (char *)(uintptr_t)value; }

static int keep_fds(struct store_order *order, uint64_t key, const struct session *session, os_fd fd,
                    os_fd second, const Portd__Keeper__V1__Record *record) {
    uint8_t bytes[STORE_RECORD_MAX];
    const struct store_entry entry = {.key = key,
                                      .user = session->uid,
                                      .record = bytes,
                                      .length = portd__keeper__v1__record__pack(record, bytes),
                                      .fds = {fd, second},
                                      .n_fds = fd == OS_FD_NONE       ? 0
                                               : second == OS_FD_NONE ? 1
                                                                      : 2};
    return store_keep(order, &entry);
}

static int keep(struct store_order *order, uint64_t key, const struct session *session, os_fd fd,
                const Portd__Keeper__V1__Record *record) {
    return keep_fds(order, key, session, fd, OS_FD_NONE, record);
}

static Portd__Keeper__V1__Record record_init(void) {
    Portd__Keeper__V1__Record record = PORTD__KEEPER__V1__RECORD__INIT;
    record.version = RECORD_VERSION;
    return record;
}

int record_session(struct store_order *order, const struct session *session, bool moves) {
    Portd__Keeper__V1__Record record = record_init();
    Portd__Keeper__V1__Session packed = PORTD__KEEPER__V1__SESSION__INIT;
    packed.user = session->uid;
    packed.secret = text(session->secret);
    packed.client = text(session->client);
    packed.private_ = session->private;
    packed.separate = session->separate;
    packed.keeps = session->keeps;
    packed.made_us = session->made;
    packed.until_us = session->lease.until;
    if (moves) {
        packed.places = session->session_objects.numberings.issued;
        packed.awaited = session->awaited;
        packed.until_us = session->awaited ? 0 : packed.until_us;
        record.kept = session->confirmed;
    }
    record.session = &packed;
    return keep(order, session->id, session, OS_FD_NONE, &record);
}

uint64_t record_owner_key(const struct session *session, const struct owner *owner) {
    return session->id | (uint64_t)owner->place << RECORD_ID_BITS;
}

/* The first that no other owner has; there are fewer owners than places. */
static uint8_t find_place(const struct session *session) {
    const struct owner *owner = session->lease.owners;
    uint8_t place = 1;
    while (owner) {
        bool is_taken = owner->place == place;
        place += is_taken;
        owner = is_taken ? session->lease.owners : owner->next;
    }
    return place;
}

int record_owner(struct store_order *order, const struct session *session, struct owner *owner) {
    Portd__Keeper__V1__Record record = record_init();
    Portd__Keeper__V1__Owner packed = PORTD__KEEPER__V1__OWNER__INIT;
    if (!inspect_passes_processes())
        return 0;
    if (!owner->place)
        owner->place = find_place(session);
    packed.session = session->id;
    record.owner = &packed;
    return keep(order, record_owner_key(session, owner), session, owner->process.fd, &record);
}

/* One of no hold. */
static int record_descriptor(struct store_order *order, const struct descriptor *descriptor) {
    const struct binding *binding = bound_binding(descriptor);
    Portd__Keeper__V1__Record record = record_init();
    Portd__Keeper__V1__Copy packed = PORTD__KEEPER__V1__COPY__INIT;
    const struct session *session = session_of(&binding->object);
    packed.session = session->id;
    packed.number = binding->key;
    record.copy = &packed;
    return keep(order, descriptor->id, session, descriptor->fd, &record);
}

int record_copy(struct store_order *order, struct descriptor *copy, bool moves) {
    const struct hold *hold = hold_of(copy);
    if (!hold)
        return record_descriptor(order, copy);
    const struct session *session = session_of(&bound_binding(copy)->object);
    Portd__Keeper__V1__Record record = record_init();
    Portd__Keeper__V1__Copy packed = PORTD__KEEPER__V1__COPY__INIT;
    uint32_t groups[HOLD_USES];
    for (int use = 0; use < HOLD_USES; use++)
        groups[use] = hold_group(copy, (enum hold_use)use);
    packed.session = session->id;
    packed.hold = hold->id;
    packed.groups = groups;
    packed.n_groups = HOLD_USES;
    record.copy = &packed;
    record.kept = moves && copy->recorded;
    copy->recorded = copy->recorded || !moves;
    return keep(order, copy->id, session, OS_FD_NONE, &record);
}

int record_object(struct store_order *order, struct waitable *waitable, bool moves) {
    const struct session *session = session_of(&waitable->object);
    const struct descriptor *copy = waitable_source(waitable);
    Portd__Keeper__V1__Record record = record_init();
    Portd__Keeper__V1__Object packed = PORTD__KEEPER__V1__OBJECT__INIT;
    Portd__Keeper__V1__Port port = PORTD__KEEPER__V1__PORT__INIT;
    packed.session = session->id;
    packed.copy = copy ? copy->id : 0;
    packed.write = waitable->direction == DIRECTION_WRITE;
    packed.released = waitable->released;
    packed.cause = waitable->ended ? waitable->cause : 0;
    if (object_kind_of(waitable->object.id) == OBJECT_PORT) {
        const struct port *of = (const struct port *)waitable;
        const struct port *other = of->wrap ? of->wrap->ports[!waitable->direction] : NULL;
        port.name = text(of->name);
        port.socket = of->socket;
        port.text = of->text;
        port.regular = of->wrap && of->wrap->regular;
        if (other && waitable->direction == DIRECTION_WRITE) /* the one for reading is made first */
            port.first = other->waitable.object.id;
        packed.port = &port;
    }
    record.object = &packed;
    if (moves) {
        packed.creates = waitable->creates;
        packed.releases = waitable->releases;
        packed.number = waitable->ended ? waitable->of.key : 0;
        record.kept = waitable->recorded;
    } else {
        waitable->recorded = true;
    }
    return keep(order, waitable->object.id, session, OS_FD_NONE, &record);
}

uint64_t record_handle_key(uint64_t semaphore) { return semaphore | UINT64_C(1) << RECORD_ID_BITS; }

int record_handle(struct store_order *order, const struct waitable *semaphore) {
    const struct session *session = session_of(&semaphore->object);
    Portd__Keeper__V1__Record record = record_init();
    Portd__Keeper__V1__Handle packed = PORTD__KEEPER__V1__HANDLE__INIT;
    packed.session = session->id;
    record.handle = &packed;
    return keep(order, record_handle_key(semaphore->object.id), session, semaphore->handle->fd, &record);
}

int record_any_handle(struct store_order *order, const struct handle *handle) {
    const struct waitable *of = handle->of;
    const struct session *session = session_of(&of->object),
                         *asker = CONTAINER_OF(handle->asker, struct session, session_objects);
    Portd__Keeper__V1__Record record = record_init();
    Portd__Keeper__V1__Handle packed = PORTD__KEEPER__V1__HANDLE__INIT;
    packed.session = session->id;
    packed.object = of->object.id;
    packed.asker = asker == session ? 0 : asker->id;
    packed.ended = handle->ended;
    record.handle = &packed;
    return keep_fds(order, of->object.id, session, handle->fd, handle->wakeup, &record);
}

int record_place(struct store_order *order, const struct session *session, uint64_t place, uint64_t process) {
    Portd__Keeper__V1__Record record = record_init();
    Portd__Keeper__V1__Place packed = PORTD__KEEPER__V1__PLACE__INIT;
    packed.place = place;
    packed.process = process;
    record.place = &packed;
    return keep(order, session->id, session, OS_FD_NONE, &record);
}
