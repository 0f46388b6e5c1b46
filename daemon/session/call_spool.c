/* call_spool.c: read_spool: the bytes at a position, or a wait for them.
 *
 * A parked request knows its hold by id, and looks everything up again when it is answered: the hold may have ended, and a right may have been taken
 * away. */
#include "again.h"
#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"
#include "daemon/loop/loop.h"
#include "daemon/object/bound.h"
#include "daemon/object/hold.h"
#include "daemon/object/registry.h"
#include "daemon/object/spool.h"
#include "dispatch.h"
#include "hold_name.h"
#include "holding.h"
#include "inflight.h"
#include "proto/container.h"
#include "proto/frame.h"
#include "session.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { BYTES_UNIT = 4096, REPLY_HEAD = 128 + 11 * SPOOL_GAPS };

struct reading {
    struct inflight inflight;
    struct charge charge;
    struct spool_reader reader;
    struct loop_timer timer;
    uint64_t id; /* of the hold */
    uint64_t from;
    bool oldest; /* there is no `from` */
    uint32_t most;
};

static struct reading *reading_of(struct inflight *inflight) {
    return CONTAINER_OF(inflight, struct reading, inflight);
}

/* ---- the answer --------------------------------------------------------------------------------------------------- */

/* Whether there is something to tell of that position. */
static bool is_news(const struct spool *spool, const struct reading *reading) {
    uint64_t from = reading->oldest ? spool_oldest(spool) : reading->from;
    return from < spool->next || spool->hung || spool->ended;
}

static size_t fill(const struct spool *spool, const struct reading *reading, size_t room,
                   Portd__V1__SpoolData *data, uint64_t gaps[SPOOL_GAPS]) {
    const unsigned char *bytes;
    uint64_t oldest = spool_oldest(spool);
    uint64_t from = reading->oldest || reading->from < oldest ? oldest : reading->from;
    size_t n = spool_file_find(&spool->file, from, spool->next, &bytes);
    if (n > reading->most)
        n = reading->most;
    if (n > room)
        n = room;
    portd__v1__spool_data__init(data);
    data->descriptor = reading->id;
    data->position = from;
    data->data = (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)bytes};
    data->lost = reading->oldest ? 0 : from - reading->from;
    data->oldest = oldest;
    data->next = spool->next;
    data->hung_up = spool->hung && from + n == spool->next;
    data->end = spool->ended && from + n == spool->next;
    data->os_errno = data->end ? spool->error : 0;
    data->taking = spool->working;
    data->gaps = gaps;
    data->n_gaps = spool_file_gaps(&spool->file, from, from + n + (from + n == spool->next), gaps);
    return n;
}

static int refuse_lost(const struct reading *reading, struct refusal *refusal) {
    return refusal_set(refusal, REFUSAL_NOT_FOUND, "descriptor", "holds shows the names",
                       "descriptor %" PRIu64 " is not held any more", reading->id);
}

/* NULL: the refusal. */
static struct held *find(struct connection *connection, const struct reading *reading,
                         struct refusal *refusal) {
    const struct object *object = registry_find(connection->all->registry, reading->id);
    struct hold *hold = object ? hold_of(bound_of_object(object)) : NULL;
    if (!hold || hold->id != reading->id || hold->cause) {
        (void)refuse_lost(reading, refusal);
        return NULL;
    }
    if (connection_may(connection, hold->owner, hold->name, RIGHT_READ, refusal))
        return held_of(hold);
    (void)refusal_set(refusal, REFUSAL_DENIED, "owner", NULL, "the right read was taken away");
    return NULL;
}

static void answer(struct connection *connection, uint64_t request, const struct reading *reading) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__SpoolData data;
    uint64_t gaps[SPOOL_GAPS];
    struct refusal refusal;
    const struct held *held = find(connection, reading, &refusal);
    size_t room = connection_room(connection);
    if (!held || (room <= REPLY_HEAD && connection_check_room(connection, REPLY_HEAD + 1, &refusal))) {
        connection_refuse(connection, request, &refusal);
        return;
    }
    size_t n = fill(held->spool, reading, room - REPLY_HEAD, &data, gaps);
    turn_spend(connection->user->lane.turns, n / BYTES_UNIT);
    reply.id = request;
    reply.result_case = PORTD__V1__REPLY__RESULT_READ_SPOOL;
    reply.read_spool = &data;
    connection_reply(connection, &reply);
}

/* ---- in flight ---------------------------------------------------------------------------------------------------- */

static void reading_free(struct reading *reading) {
    spool_forget_reader(&reading->reader);
    loop_timer_free(&reading->timer);
    charge_deinit(&reading->charge);
    free(reading);
}

static void emit(struct inflight *inflight) {
    struct reading *reading = reading_of(inflight);
    answer(inflight->connection, inflight->request, reading);
    reading_free(reading);
}

static void orphan(struct inflight *inflight) { reading_free(reading_of(inflight)); }

static void cancel(struct inflight *inflight) {
    struct refusal refusal;
    inflight_remove(inflight);
    refusal_set(&refusal, REFUSAL_CANCELLED, NULL, NULL, "cancelled");
    connection_refuse(inflight->connection, inflight->request, &refusal);
    reading_free(reading_of(inflight));
}

/* A hold that has ended has told its readers. */
static bool again(struct inflight *inflight, struct again *to) {
    const struct reading *reading = reading_of(inflight);
    const struct held *held = held_get(inflight->connection->all, reading->id);
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__ReadSpool message = PORTD__V1__READ_SPOOL__INIT;
    char owner[24];
    int64_t left = loop_timer_left(&reading->timer);
    if (!to || !held)
        return held != NULL;
    (void)snprintf(owner, sizeof owner, "%" PRIu64, held->hold.owner);
    message.owner = owner;
    message.name = (char *)(uintptr_t)held->hold.name; /* packing only reads it */
    message.descriptor = reading->id;
    message.most = reading->most;
    if (!reading->oldest) {
        message.start_case = PORTD__V1__READ_SPOOL__START_FROM;
        message.from = reading->from;
    }
    if (left >= 0) {
        message.limit_case = PORTD__V1__READ_SPOOL__LIMIT_LIMIT_US;
        message.limit_us = (uint64_t)left;
    }
    request.id = inflight->request;
    request.method_case = PORTD__V1__REQUEST__METHOD_READ_SPOOL;
    request.read_spool = &message;
    again_add(to, &request, OS_FD_NONE);
    return true;
}

static void end_wait(struct reading *reading) {
    spool_forget_reader(&reading->reader);
    loop_timer_clear(&reading->timer);
    inflight_ready_in_turn(&reading->inflight);
}

static void on_bytes(struct spool_reader *reader) { end_wait(CONTAINER_OF(reader, struct reading, reader)); }

static void on_timer(struct loop_timer *timer) { end_wait(CONTAINER_OF(timer, struct reading, timer)); }

static int park(struct call *call, struct spool *spool, const struct reading *wish, int64_t limit_us) {
    struct reading *reading = call_remember(call, sizeof *reading, offsetof(struct reading, charge));
    if (!reading)
        return -1;
    reading->id = wish->id;
    reading->from = wish->from;
    reading->oldest = wish->oldest;
    reading->most = wish->most;
    reading->timer.fn = on_timer;
    reading->reader.ready = on_bytes;
    if (limit_us >= 0 &&
        loop_timer_set(call->connection->all->loop, &reading->timer, os_now_us() + limit_us)) {
        reading_free(reading);
        return refusal_memory(&call->refusal);
    }
    reading->inflight = (struct inflight){.emit = emit, .orphan = orphan, .cancel = cancel, .again = again};
    spool_await(spool, &reading->reader);
    inflight_add(call->connection, &reading->inflight, call->request->id);
    return 0;
}

/* -1: none. */
static int64_t limit_of_request(const Portd__V1__ReadSpool *message) {
    if (message->limit_case != PORTD__V1__READ_SPOOL__LIMIT_LIMIT_US)
        return -1;
    return message->limit_us > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)message->limit_us;
}

static int acknowledge(struct call *call, const struct held *held) {
    const Portd__V1__ReadSpool *message = call->request->read_spool;
    struct spool *spool = held->spool;
    if (hold_name_may(call, held->hold.owner, held->hold.name, RIGHT_WRITE))
        return -1;
    if (spool->stops && message->from > spool_file_freed(&spool->file))
        spool_free_to(spool, message->from);
    return 0;
}

int call_read_spool(struct call *call) {
    const Portd__V1__ReadSpool *message = call->request->read_spool;
    struct reading wish = {.most = message->most,
                           .oldest = message->start_case != PORTD__V1__READ_SPOOL__START_FROM,
                           .from = message->from};
    if (message->most < 1 || message->most > FRAME_DATA_MAX)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "most", NULL, "expected 1 to %d bytes, got %u",
                           (int)FRAME_DATA_MAX, message->most);
    const struct held *held = hold_name_find(call, message->owner, message->name, RIGHT_READ);
    if (!held)
        return -1;
    wish.id = held->hold.id;
    if (message->descriptor && message->descriptor != wish.id) {
        wish.id = message->descriptor;
        return refuse_lost(&wish, &call->refusal);
    }
    if (!held->spool)
        return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, "name",
                           "put it (or run the program) with a spool, or read by a port of it",
                           "\"%.100s\" has no spool", message->name);
    if (!wish.oldest && wish.from > held->spool->next)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "from", NULL,
                           "position %" PRIu64 " is behind the last byte: the next one is %" PRIu64,
                           wish.from, held->spool->next);
    if (message->acknowledge && acknowledge(call, held))
        return -1;
    int64_t limit = limit_of_request(message);
    if (limit && !is_news(held->spool, &wish))
        return park(call, held->spool, &wish, limit);
    answer(call->connection, call->request->id, &wish);
    return 0;
}
