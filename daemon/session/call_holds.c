/* call_holds.c: holds. An owner sees all of his names at once; others, unless they have the right admin, those that rules let them list.
 *
 * For them the names are walked in steps, and a page is made when it is full or the walk is over: so neither the pages nor where they end tell of a
 * name that they may not list. */
#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/policy.h"
#include "daemon/access/refusal.h"
#include "daemon/access/rule.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"
#include "daemon/object/bound.h"
#include "daemon/object/hold.h"
#include "daemon/object/inspect.h"
#include "daemon/object/registry.h"
#include "daemon/object/spool.h"
#include "dispatch.h"
#include "hold_name.h"
#include "holding.h"
#include "inflight.h"
#include "owner.h"
#include "proto/container.h"
#include "proto/frame.h"
#include "session.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE = 256, ITEM_HEAD = 4, PAGE_TAIL = 16 };

/* ---- a page ------------------------------------------------------------------------------------------------------- */

struct hold_page {
    Portd__V1__HoldsOf of;
    Portd__V1__HoldItem *places[PAGE];
    Portd__V1__HoldItem rows[PAGE + 1];
    Portd__V1__SpoolItem spools[PAGE + 1];
    char owner[24], put_by[PAGE + 1][24];
    size_t bytes, most;
    size_t lacks; /* size of a row that did not fit the empty page; 0: none */
};

static Portd__V1__SpoolItem *write_spool(Portd__V1__SpoolItem *item, const struct spool *spool) {
    portd__v1__spool_item__init(item);
    item->bytes = spool->file.size;
    item->when_full =
        spool->stops ? PORTD__V1__WHEN_FULL__WHEN_FULL_STOP : PORTD__V1__WHEN_FULL__WHEN_FULL_DROP;
    item->oldest = spool_oldest(spool);
    item->next = spool->next;
    item->end = spool->ended;
    return item;
}

static void write_row(struct hold_page *page, const struct held *held) {
    Portd__V1__HoldItem *row = &page->rows[page->of.n_holds];
    const struct descriptor *descriptor = bound_descriptor(held->hold.binding);
    portd__v1__hold_item__init(row);
    (void)snprintf(page->put_by[page->of.n_holds], sizeof *page->put_by, "%" PRIu64, held->by);
    row->owner = page->owner;
    row->name = call_text(held->hold.name);
    row->descriptor = held->hold.id;
    row->type = call_text(inspect_name((enum inspect_type)descriptor->type));
    row->put_by = page->put_by[page->of.n_holds];
    row->put_pid = held->by_pid;
    row->age_us = (uint64_t)(os_now_us() - held->made);
    row->ttl_us = (uint64_t)lease_left(&held->lease);
    row->hang_up = held->hang_up;
    row->process_pid = lease_owner_pid(&held->lease);
    row->copies = held->hold.n_copies - 1;
    if (held->spool)
        row->spool = write_spool(&page->spools[page->of.n_holds], held->spool);
}

/* False: the page is full. */
static bool take_row(struct hold_page *page) {
    Portd__V1__HoldItem *row = &page->rows[page->of.n_holds];
    size_t bytes = ITEM_HEAD + portd__v1__hold_item__get_packed_size(row);
    if (page->of.n_holds == PAGE || page->bytes + bytes + PAGE_TAIL > page->most) {
        page->lacks = page->of.n_holds ? 0 : bytes + PAGE_TAIL;
        return false;
    }
    page->places[page->of.n_holds++] = row;
    page->bytes += bytes;
    return true;
}

static void begin_page(struct hold_page *page, struct connection *connection, os_uid owner) {
    size_t room = connection_room(connection);
    portd__v1__holds_of__init(&page->of);
    page->of.holds = page->places;
    page->bytes = page->lacks = 0;
    page->most = room < FRAME_DATA_MAX ? room : FRAME_DATA_MAX;
    (void)snprintf(page->owner, sizeof page->owner, "%" PRIu64, owner);
}

/* False: the page is full. */
static bool add_row(struct hold_page *page, const struct hold *hold) {
    write_row(page, (const struct held *)hold);
    if (take_row(page))
        page->of.next = hold->id;
    else
        page->of.more = true;
    return !page->of.more;
}

static int answer_all(struct call *call, os_uid owner) {
    struct hold_page page;
    begin_page(&page, call->connection, owner);
    const struct hold *hold =
        holds_next(call->connection->all->registry->holds, owner, call->request->holds->after);
    while (hold && add_row(&page, hold))
        hold = hold_next(hold);
    if (!page.of.more)
        page.of.next = 0;
    if (page.lacks && connection_check_room(call->connection, page.lacks, &call->refusal))
        return -1;
    return call_answer(call, PORTD__V1__REPLY__RESULT_HOLDS, &page.of);
}

/* ---- a walk ------------------------------------------------------------------------------------------------------- */

struct listing {
    struct inflight inflight;
    struct charge charge;
    struct task task;
    struct rule_table *rules; /* in use when it began */
    os_uid owner;
    uint64_t after; /* the one that was looked at last */
    bool more;      /* there is another one that may be listed */
    size_t n;
    uint64_t ids[PAGE];
};

static struct listing *listing_of(struct inflight *inflight) {
    return CONTAINER_OF(inflight, struct listing, inflight);
}

static void listing_free(struct listing *listing) {
    turn_forget(&listing->task);
    rule_table_unref(listing->rules);
    charge_deinit(&listing->charge);
    free(listing);
}

static bool may_list(struct connection *connection, const struct hold *hold) {
    struct refusal refusal;
    return connection_may(connection, hold->owner, hold->name, RIGHT_LIST, &refusal);
}

/* NULL: it has ended since. */
static const struct hold *find(const struct connection *connection, uint64_t id) {
    const struct object *object = registry_find(connection->all->registry, id);
    const struct hold *hold = object ? hold_of(bound_of_object(object)) : NULL;
    return hold && hold->id == id && !hold->cause ? hold : NULL;
}

static void emit(struct inflight *inflight) {
    struct listing *listing = listing_of(inflight);
    struct connection *connection = inflight->connection;
    bool changed = connection->all->policy->rules != listing->rules;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    struct hold_page page;
    begin_page(&page, connection, listing->owner);
    for (size_t i = 0; i < listing->n && !page.of.more; i++) {
        const struct hold *hold = find(connection, listing->ids[i]);
        if (hold && (!changed || may_list(connection, hold)))
            (void)add_row(&page, hold);
    }
    if (!page.of.more && listing->more) {
        page.of.more = true;
        page.of.next = listing->ids[listing->n - 1];
    }
    if (!page.of.more)
        page.of.next = 0;
    struct refusal refusal;
    reply.id = inflight->request;
    reply.result_case = PORTD__V1__REPLY__RESULT_HOLDS;
    reply.holds = &page.of;
    if (page.lacks && connection_check_room(connection, page.lacks, &refusal))
        connection_refuse(connection, inflight->request, &refusal);
    else
        connection_reply(connection, &reply);
    listing_free(listing);
}

/* Looks at one. True: the page is full. */
static bool look(struct listing *listing, const struct hold *hold) {
    listing->after = hold->id;
    if (!may_list(listing->inflight.connection, hold))
        return false;
    if (listing->n == PAGE) {
        listing->more = true;
        return true;
    }
    listing->ids[listing->n++] = hold->id;
    return false;
}

static void step(struct task *task) {
    struct listing *listing = CONTAINER_OF(task, struct listing, task);
    const struct connection *connection = listing->inflight.connection;
    struct turns *turns = connection->user->lane.turns;
    const struct hold *hold = holds_next(connection->all->registry->holds, listing->owner, listing->after);
    for (; hold && !turn_is_over(turns) && !look(listing, hold); hold = hold_next(hold))
        turn_spend(turns, 1);
    if (hold && !listing->more)
        turn_queue(&connection->user->lane, task);
    else
        inflight_ready(&listing->inflight);
}

static void orphan(struct inflight *inflight) { listing_free(listing_of(inflight)); }

static void cancel(struct inflight *inflight) {
    struct refusal refusal;
    inflight_remove(inflight);
    refusal_set(&refusal, REFUSAL_CANCELLED, NULL, NULL, "cancelled");
    connection_refuse(inflight->connection, inflight->request, &refusal);
    listing_free(listing_of(inflight));
}

int call_holds(struct call *call) {
    struct connection *connection = call->connection;
    struct listing *listing;
    os_uid owner;
    if (hold_name_owner(call, call->request->holds->owner, &owner))
        return -1;
    if (call->others || owner == connection->peer.uid)
        return answer_all(call, owner);
    if (hold_name_may(call, owner, NULL, RIGHT_LIST))
        return -1;
    listing = call_remember(call, sizeof *listing, offsetof(struct listing, charge));
    if (!listing)
        return -1;
    listing->rules = rule_table_ref(connection->all->policy->rules);
    listing->owner = owner;
    listing->after = call->request->holds->after;
    listing->task = (struct task){.step = step};
    listing->inflight = (struct inflight){.windowed = true, .emit = emit, .orphan = orphan, .cancel = cancel};
    inflight_add(connection, &listing->inflight, call->request->id);
    turn_queue(&connection->user->lane, &listing->task);
    return 0;
}
