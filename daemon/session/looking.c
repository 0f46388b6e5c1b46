/* looking.c: fills in messages. */
#include "looking.h"

#include "call.h"
#include "connection.h"
#include "daemon/object/bound.h"
#include "holding.h"
#include "owner.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>

size_t looking_poisons(unsigned bits, Portd__V1__Poison poisons[LOOK_POISONS]) {
    size_t n = 0;
    for (int i = 1; i <= LOOK_POISONS; i++)
        if (bits & 1u << i)
            poisons[n++] = (Portd__V1__Poison)i;
    return n;
}

/* NULL: it is not known. */
static Portd__V1__Flags *write_flags(Portd__V1__Flags *flags, const struct look_state *state) {
    portd__v1__flags__init(flags);
    flags->read = state->flags & LOOK_READ;
    flags->write = (state->flags & LOOK_WRITE) != 0;
    flags->nonblock = (state->flags & LOOK_NONBLOCK) != 0;
    flags->append = (state->flags & LOOK_APPEND) != 0;
    flags->direct = (state->flags & LOOK_DIRECT) != 0;
    return state->known & LOOK_KNOWS_FLAGS ? flags : NULL;
}

static Portd__V1__Answer answer_of(const struct look_state *state) {
    if (!(state->known & LOOK_KNOWS_ACCEPTING))
        return PORTD__V1__ANSWER__ANSWER_UNKNOWN;
    return state->accepting ? PORTD__V1__ANSWER__ANSWER_YES : PORTD__V1__ANSWER__ANSWER_NO;
}

/* NULL: there is none. */
static Portd__V1__Address *write_address(Portd__V1__Address *to, struct stream_address *from) {
    portd__v1__address__init(to);
    if (!from->family)
        return NULL;
    to->family = call_text(from->family);
    to->host = from->host;
    to->port = from->port;
    return to;
}

static void write_numbers(Portd__V1__Now *to, const struct look *look) {
    unsigned known = look->state.known;
    if (known & LOOK_KNOWS_INPUT) {
        to->input_case = PORTD__V1__NOW__INPUT_INPUT_BYTES;
        to->input_bytes = look->input;
    }
    if (known & LOOK_KNOWS_OUTPUT) {
        to->output_case = PORTD__V1__NOW__OUTPUT_OUTPUT_BYTES;
        to->output_bytes = look->output;
    }
    if (known & LOOK_KNOWS_QUEUE) {
        to->queue_case = PORTD__V1__NOW__QUEUE_ACCEPT_QUEUE;
        to->accept_queue = look->queue;
        to->accept_limit = look->queue_limit;
    }
    if (known & LOOK_KNOWS_OFFSET) {
        to->position_case = PORTD__V1__NOW__POSITION_OFFSET;
        to->offset = look->state.offset;
    }
}

static void write_now(struct looking_row *row, struct look *look) {
    Portd__V1__Now *to = &row->now;
    portd__v1__now__init(to);
    to->local = write_address(&row->local, &look->local);
    to->peer = write_address(&row->peer, &look->peer);
    to->path = look->path;
    to->flags = write_flags(&row->flags, &look->state);
    write_numbers(to, look);
    to->accepting = answer_of(&look->state);
    to->reading = (Portd__V1__Side)look->reading;
    to->writing = (Portd__V1__Side)look->writing;
}

static void write_at_put(struct looking_row *row, const struct look_state *state) {
    Portd__V1__AtPut *to = &row->at_put;
    portd__v1__at_put__init(to);
    to->flags = write_flags(&row->flags_at_put, state);
    if (state->known & LOOK_KNOWS_OFFSET) {
        to->position_case = PORTD__V1__AT_PUT__POSITION_OFFSET;
        to->offset = state->offset;
    }
    to->accepting = answer_of(state);
}

static size_t write_receivers(struct looking_row *row, const struct given *given) {
    int64_t now = os_now_us();
    for (size_t i = 0; i < given->n; i++) {
        Portd__V1__Receiver *to = row->receivers[i] = &row->receiver[i];
        portd__v1__receiver__init(to);
        (void)snprintf(row->receiver_uids[i], sizeof *row->receiver_uids, "%" PRIu64, given->to[i].uid);
        to->uid = row->receiver_uids[i];
        to->pid = given->to[i].pid;
        to->times = given->to[i].times;
        to->age_us = (uint64_t)(now - given->to[i].last);
    }
    return given->n;
}

static size_t write_watchers(struct looking_row *row, const struct hold *hold,
                             const struct connection *connection, bool all) {
    const struct descriptor *copies[LOOKING_WATCHERS];
    size_t n = hold_copies(hold, copies, LOOKING_WATCHERS), told = 0;
    for (size_t i = 0; i < n; i++) {
        const struct object *object = &bound_binding(copies[i])->object;
        const struct session *session = object->owner ? session_of(object) : NULL;
        if (!session)
            continue;
        Portd__V1__Watcher *to = row->watchers[told] = &row->watcher[told];
        portd__v1__watcher__init(to);
        (void)snprintf(row->watcher_uids[told], sizeof *row->watcher_uids, "%" PRIu64, session->uid);
        to->uid = row->watcher_uids[told++];
        to->session = all || session->uid == connection->peer.uid ? session->id : 0;
        to->owner_pid = lease_owner_pid(&session->lease);
    }
    return told;
}

void looking_write(Portd__V1__HoldItem *item, struct looking_row *row, const struct held *held,
                   struct look *look, const struct connection *connection, bool all) {
    Portd__V1__Look *to = item->look = &row->look;
    portd__v1__look__init(to);
    write_now(row, look);
    to->now = &row->now;
    write_at_put(row, &held->at_put);
    to->at_put = held->at_put.known ? &row->at_put : NULL;
    to->poisons = row->poisons;
    to->n_poisons = looking_poisons(look_poisons(&held->at_put, look), row->poisons);
    to->receivers = row->receivers;
    to->n_receivers = write_receivers(row, &held->given);
    to->watchers = row->watchers;
    to->n_watchers = write_watchers(row, &held->hold, connection, all);
}
