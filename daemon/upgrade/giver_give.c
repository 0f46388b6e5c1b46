/* giver_give.c: sessions with their objects as records (daemon/session/record.h), connections by their parts. */
#include "giver.h"

#include "daemon/access/user.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/offload.h"
#include "daemon/object/bound.h"
#include "daemon/object/env.h"
#include "daemon/object/handle.h"
#include "daemon/object/registry.h"
#include "daemon/object/waitable.h"
#include "daemon/session/again.h"
#include "daemon/session/connection.h"
#include "daemon/session/inflight.h"
#include "daemon/session/inquiry.h"
#include "daemon/session/record.h"
#include "daemon/session/session.h"
#include "daemon/session/visitor.h"
#include "daemon/side_door.h"
#include "daemon/store/order.h"
#include "utlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 32768 };

/* ---- whether something is under way ------------------------------------------------------------------------------- */

/* Its session has ended, and it is still told so. */
static bool is_leaving(const struct connection *connection) {
    return !connection->session && connection->session_id;
}

static bool is_quiet(const struct connection *connection) {
    struct inflight *inflight, *next;
    bool quiet = !connection->late && !is_leaving(connection) && !inquiry_runs(connection->inquiry);
    DL_FOREACH_SAFE (connection->inflight, inflight, next)
        if (!again_is_upgrade(inflight) && !(inflight->again && inflight->again(inflight, NULL)))
            quiet = false;
    return quiet;
}

bool giver_is_drained(struct giver *giver) {
    const struct sessions *sessions = giver->sessions;
    const struct env *env = sessions->env;
    const struct connection *connection;
    size_t n = 0;
    bool quiet = true;
    DL_FOREACH (sessions->connections, connection) {
        n++;
        quiet = is_quiet(connection) && quiet;
    }
    return quiet && n == sessions->n_connections && !sessions->ended && !sessions->dead && !sessions->dirty &&
           !turns_have_work(&env->users->turns) && !closer_pending(env->closer) &&
           !offload_pending(env->offload) && !handles_wait(sessions->registry) &&
           store_is_idle(giver->store) && !giver->notify->post.bags;
}

/* ---- sessions and what they have ---------------------------------------------------------------------------------- */

/* keeps: so many frames. */
static int send_frames(struct giver *giver, struct store_order *order, bool all) {
    int error = 0;
    while (!error && order->frames && (all || order->frames != order->last)) {
        struct store_frame *frame = order->frames;
        Word word = PORTD__UPGRADE__V1__WORD__INIT;
        word.order = (ProtobufCBinaryData){frame->length, frame->bytes};
        error = link_send(&giver->link, &word, frame->fds, frame->n_fds);
        order->frames = frame->next;
        frame_free(frame);
    }
    if (!order->frames)
        order->last = NULL;
    return error;
}

static int record_waitable(struct store_order *order, struct waitable *waitable) {
    if (waitable->forgotten)
        return 0;
    int error = record_object(order, waitable, true);
    for (const struct handle *handle = waitable->handle; handle && !error; handle = handle->sibling)
        if (!handle->freed)
            error = record_any_handle(order, handle);
    return error;
}

static int record_one(struct store_order *order, struct object *object) {
    if (object_kind_of(object->id) != OBJECT_DESCRIPTOR)
        return record_waitable(order, (struct waitable *)object);
    struct descriptor *descriptor = bound_of_object(object);
    return descriptor_is_closing(descriptor) ? 0 : record_copy(order, descriptor, true);
}

static int give_session(struct giver *giver, struct session *session) {
    const struct numberings *numberings = &session->session_objects.numberings;
    struct store_order order = {.frames = NULL};
    struct owner *owner;
    struct object *object;
    size_t at = 0;
    uint64_t process, place;
    int error = record_session(&order, session, true);
    while (!error && numberings_next(numberings, &at, &process, &place))
        error = record_place(&order, session, place, process);
    DL_FOREACH (session->lease.owners, owner)
        if (!error)
            error = record_owner(&order, session, owner);
    DL_FOREACH (session->session_objects.objects, object) {
        if (!error)
            error = record_one(&order, object);
        if (!error)
            error = send_frames(giver, &order, false);
    }
    if (!error)
        error = send_frames(giver, &order, true);
    store_cancel(&order);
    return error;
}

/* ---- connections -------------------------------------------------------------------------------------------------- */

static int send_piece(struct giver *giver, Portd__Upgrade__V1__Piece__Kind kind, const uint8_t *bytes,
                      size_t n) {
    int error = 0;
    for (size_t at = 0; at < n && !error; at += PIECE) {
        Word word = PORTD__UPGRADE__V1__WORD__INIT;
        Portd__Upgrade__V1__Piece piece = PORTD__UPGRADE__V1__PIECE__INIT;
        piece.kind = kind;
        piece.data = (ProtobufCBinaryData){n - at < PIECE ? n - at : PIECE, (uint8_t *)(uintptr_t)bytes + at};
        word.piece = &piece;
        error = link_send(&giver->link, &word, NULL, 0);
    }
    return error;
}

static int send_set(struct giver *giver, Portd__Upgrade__V1__Piece__Kind kind, const struct channel_fds *set,
                    const os_fd *fds) {
    Word word = PORTD__UPGRADE__V1__WORD__INIT;
    Portd__Upgrade__V1__Piece piece = PORTD__UPGRADE__V1__PIECE__INIT;
    size_t n = set->n < FRAME_FDS_MAX ? set->n : FRAME_FDS_MAX;
    piece.kind = kind;
    piece.at = set->offset;
    piece.truncated = set->truncated || n < set->n;
    piece.refused = set->refused;
    word.piece = &piece;
    return link_send(&giver->link, &word, fds, n);
}

/* What only the next broker could answer as it should, and the request of this upgrade. */
static void add_answer(const struct giver *giver, const struct inflight *inflight, struct again *to) {
    if (again_is_upgrade(inflight))
        again_add_upgraded(to, inflight->request, giver->pid, giver->version);
    else
        again_add_uncertain(to, inflight->request);
}

/* Replies that wait for their client to read are made now, as long as none waits with a descriptor. */
static void emit_held(struct connection *connection) {
    while (connection->held && connection->channel.out_fds_at == SIZE_MAX && !connection->lost) {
        struct inflight *inflight = connection->held;
        inflight_remove(inflight);
        inflight->emit(inflight);
    }
}

static int send_parts(struct giver *giver, const struct channel_parts *parts, const struct again *received,
                      const struct again *sending, uint64_t offset) {
    int error =
        send_piece(giver, PORTD__UPGRADE__V1__PIECE__KIND__KIND_RECEIVED, received->bytes, received->n);
    if (!error)
        error = send_piece(giver, PORTD__UPGRADE__V1__PIECE__KIND__KIND_SENDING, sending->bytes, sending->n);
    for (size_t i = 0; i < received->n_fds && !error; i++) {
        const struct channel_fds set = {.offset = received->fds[i].at, .n = 1};
        error = send_set(giver, PORTD__UPGRADE__V1__PIECE__KIND__KIND_RECEIVED_DESCRIPTORS, &set,
                         &received->fds[i].fd);
    }
    for (size_t i = 0; i < parts->n_sets && !error; i++) {
        struct channel_fds set = {.offset =
                                      received->n - parts->n_received + (parts->sets[i].offset - offset),
                                  .n = parts->sets[i].n,
                                  .truncated = parts->sets[i].truncated,
                                  .refused = parts->sets[i].refused};
        error = send_set(giver, PORTD__UPGRADE__V1__PIECE__KIND__KIND_RECEIVED_DESCRIPTORS, &set,
                         parts->sets[i].fds);
    }
    const struct channel_fds out = {.offset = parts->fds_at, .n = parts->n_fds};
    if (!error && parts->fds_at != SIZE_MAX)
        error = send_set(giver, PORTD__UPGRADE__V1__PIECE__KIND__KIND_SENDING_DESCRIPTORS, &out, parts->fds);
    return error;
}

/* All that is in flight, in the order in which it was begun, then what was received after it. */
static void gather(const struct giver *giver, const struct connection *connection,
                   const struct channel_parts *parts, struct again *received, struct again *sending) {
    struct inflight *inflight;
    again_append(sending, parts->sending, parts->n_sending);
    DL_FOREACH (connection->inflight, inflight)
        if (again_is_upgrade(inflight) || !inflight->again || !inflight->again(inflight, received))
            add_answer(giver, inflight, sending);
    DL_FOREACH (connection->late, inflight)
        add_answer(giver, inflight, sending);
    DL_FOREACH (connection->held, inflight)
        add_answer(giver, inflight, sending);
    again_append(received, parts->received, parts->n_received);
}

static int send_connection(struct giver *giver, const struct connection *connection) {
    Word word = PORTD__UPGRADE__V1__WORD__INIT;
    Portd__Upgrade__V1__Connection packed = PORTD__UPGRADE__V1__CONNECTION__INIT;
    os_fd socket = transport_peer(connection->accepted.transport);
    packed.session = connection->session_id;
    packed.place = connection->place;
    packed.reach = connection->reach;
    packed.serial = connection->serial;
    packed.answered_one = connection->answered_one;
    packed.keeps = connection->keeps;
    packed.last_one = connection->last_one;
    if (connection->visitor)
        packed.dialect = (char *)(uintptr_t)connection->visitor->dialect->client; /* packing only reads it */
    word.connection = &packed;
    return link_send(&giver->link, &word, &socket, 1);
}

/* A visitor's request has no id: with one under way it is left out, and so closed. */
static bool is_given(const struct connection *connection) {
    return !connection->dead && !connection->lost && !is_leaving(connection) &&
           !(connection->visitor && (connection->inflight || connection->held || connection->late));
}

static int give_connection(struct giver *giver, struct connection *connection) {
    struct again received = {.bytes = NULL}, sending = {.bytes = NULL};
    struct channel_parts parts;
    emit_held(connection);
    if (!is_given(connection))
        return 0;
    channel_tell(&connection->channel, &parts);
    gather(giver, connection, &parts, &received, &sending);
    int error = received.error ? received.error : sending.error;
    if (!error)
        error = send_connection(giver, connection);
    if (!error)
        error = send_parts(giver, &parts, &received, &sending, connection->channel.offset);
    again_free(&received);
    again_free(&sending);
    return error;
}

int giver_give(struct giver *giver) {
    struct session *session;
    struct connection *connection;
    int error = 0;
    DL_FOREACH (giver->sessions->list, session)
        if (!error && !session->holding) /* what is held comes from the keeper */
            error = give_session(giver, session);
    DL_FOREACH (giver->sessions->connections, connection)
        if (!error)
            error = give_connection(giver, connection);
    return error;
}
