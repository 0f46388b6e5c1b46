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
#include "daemon/object/hold.h"
#include "daemon/object/registry.h"
#include "dispatch.h"
#include "hold_name.h"
#include "hold_page.h"
#include "holding.h"
#include "inflight.h"
#include "proto/container.h"
#include "session.h"

#include <stddef.h>
#include <stdlib.h>

/* False: the page is full. */
static bool add_row(struct hold_page *page, const struct hold *hold) {
    (void)hold_page_write(page, held_of(hold));
    if (!hold_page_take(page))
        return false;
    page->of.next = hold->id;
    return true;
}

static int answer_all(struct call *call, os_uid owner) {
    struct hold_page page;
    hold_page_begin(&page, call->connection, owner);
    const struct hold *hold =
        holds_next(call->connection->all->registry->holds, owner, call->request->holds->after);
    while (hold && add_row(&page, hold))
        hold = hold_next(hold);
    if (!page.of.more)
        page.of.next = 0;
    if (hold_page_check(&page, call->connection, &call->refusal))
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
    uint64_t ids[HOLD_PAGE_ROWS];
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

static void emit(struct inflight *inflight) {
    struct listing *listing = listing_of(inflight);
    struct connection *connection = inflight->connection;
    bool changed = connection->all->policy->rules != listing->rules;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    struct hold_page page;
    hold_page_begin(&page, connection, listing->owner);
    for (size_t i = 0; i < listing->n && !page.of.more; i++) {
        const struct held *held = held_get(connection->all, listing->ids[i]);
        if (held && (!changed || may_list(connection, &held->hold)))
            (void)add_row(&page, &held->hold);
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
    if (hold_page_check(&page, connection, &refusal))
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
    if (listing->n == HOLD_PAGE_ROWS) {
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
