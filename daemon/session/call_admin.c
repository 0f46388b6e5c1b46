/* call_admin.c: ping, list, show, status. Nothing here changes anything.
 *
 * A page ends when it has PAGE items, when one more would exceed the size of a reply or what the client may leave unread, or when
 * EXAMINED_MAX objects have been examined, whether they were listed or not. */
#include "call.h"
#include "connection.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/object/direction.h"
#include "daemon/object/env.h"
#include "daemon/object/hold.h"
#include "daemon/object/port.h"
#include "daemon/object/registry.h"
#include "daemon/object/wait.h"
#include "dispatch.h"
#include "proto/frame.h"
#include "session.h"
#include "target.h"
#include "utlist.h"

#include "portd_version.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    PAGE = 256,
    PAGE_HELD = 128, /* rows with a hold, which need more of the client's memory to unpack */
    EXAMINED_MAX = 1024,
    ITEM_HEAD = 4, /* before each item of a message: its tag and length */
    PAGE_TAIL = 16 /* `next` and `more` */
};

/* One page under construction. */
struct page {
    Portd__V1__Items items;
    Portd__V1__Item *places[PAGE];
    Portd__V1__Item rows[PAGE + 1];
    Portd__V1__Hold holds[PAGE + 1];
    char owners[PAGE + 1][24]; /* of these */
    size_t bytes, most;        /* packed */
    size_t lacks;              /* size of an item that did not fit an empty page; 0: none */
    unsigned examined, held;
};

int call_ping(struct call *call) {
    Portd__V1__Pong pong = PORTD__V1__PONG__INIT;
    return call_answer(call, PORTD__V1__REPLY__RESULT_PING, &pong);
}

static void page_init(struct page *page, struct connection *connection) {
    size_t room = connection_room(connection);
    portd__v1__items__init(&page->items);
    page->most = room < FRAME_DATA_MAX ? room : FRAME_DATA_MAX;
    page->lacks = 0;
    page->items.items = page->places;
    page->bytes = 0;
    page->examined = page->held = 0;
}

/* The next row. page_take adds it to the page. */
static Portd__V1__Item *page_row(struct page *page) {
    Portd__V1__Item *row = &page->rows[page->items.n_items];
    portd__v1__item__init(row);
    return row;
}

/* The hold that the descriptor is a copy of, into the next row. */
static void write_hold(struct page *page, const struct descriptor *descriptor) {
    const struct hold *hold = descriptor ? hold_of(descriptor) : NULL;
    size_t n = page->items.n_items;
    if (!hold)
        return;
    (void)snprintf(page->owners[n], sizeof page->owners[n], "%" PRIu64, hold->owner);
    portd__v1__hold__init(&page->holds[n]);
    page->holds[n].owner = page->owners[n];
    page->holds[n].name = call_text(hold->name);
    page->rows[n].hold = &page->holds[n];
}

/* Adds the next row. False: it does not fit, and the page ends. */
static bool page_take(struct page *page) {
    Portd__V1__Item *row = &page->rows[page->items.n_items];
    size_t bytes = ITEM_HEAD + portd__v1__item__get_packed_size(row);
    if (page->items.n_items == PAGE || (row->hold && page->held == PAGE_HELD) ||
        page->bytes + bytes + PAGE_TAIL > page->most) {
        page->items.more = true;
        page->lacks = page->items.n_items ? 0 : bytes + PAGE_TAIL;
        return false;
    }
    page->places[page->items.n_items++] = row;
    page->held += row->hold != NULL;
    page->bytes += bytes;
    return true;
}

/* Whether one more object may be examined. If not, the page ends. */
static bool page_may_examine(struct page *page) {
    if (page->examined++ < EXAMINED_MAX)
        return true;
    page->items.more = true;
    return false;
}

static void write_waitable(Portd__V1__Item *row, const struct waitable *waitable) {
    row->number = session_objects_number(waitable->object.owner, waitable_key(waitable));
    row->direction = waitable->direction == DIRECTION_READ ? PORTD__V1__DIRECTION__DIRECTION_READ
                                                           : PORTD__V1__DIRECTION__DIRECTION_WRITE;
    row->registered = waitable_source(waitable) != NULL;
    row->cause = (Portd__V1__Cause)waitable->cause;
    row->descriptor = waitable_source(waitable) ? waitable_source(waitable)->id : 0;
    row->handle = waitable->handle != NULL;
    row->waiters = waitable->waiters ? waitable->waiters->n : 0;
}

static void write_port(Portd__V1__Item *row, const struct port *port) {
    row->name = call_text(port->name);
    row->socket = port->socket;
    row->text = port->text;
}

static void write_object(struct page *page, const struct object *object) {
    Portd__V1__Item *row = page_row(page);
    row->id = object->id;
    row->kind = (Portd__V1__Kind)object_kind_of(object->id);
    row->session = session_of(object)->id;
    if (row->kind != PORTD__V1__KIND__KIND_DESCRIPTOR) {
        write_waitable(row, (const struct waitable *)object);
        write_hold(page, waitable_source((const struct waitable *)object));
        if (row->kind == PORTD__V1__KIND__KIND_PORT)
            write_port(row, (const struct port *)object);
        return;
    }
    const struct descriptor *descriptor = bound_of_object(object);
    row->number = session_objects_number(object->owner, ((const struct binding *)object)->key);
    row->registered = !descriptor_is_closing(descriptor);
    row->type = call_text(inspect_name((enum inspect_type)descriptor->type));
    write_hold(page, descriptor);
}

static void write_session(Portd__V1__Item *row, const struct session *session) {
    const unsigned *counts = session->session_objects.counts;
    int64_t now = os_now_us();
    row->id = session->id;
    row->kind = PORTD__V1__KIND__KIND_SESSION;
    row->uid = (uint32_t)session->uid; /* the wire has 32-bit uids only */
    row->connections = session->n_connections;
    row->objects = counts[OBJECT_SEMAPHORE] + counts[OBJECT_EVT] + counts[OBJECT_PORT];
    row->descriptors = counts[OBJECT_DESCRIPTOR];
    row->owner_pid = lease_owner_pid(&session->lease);
    row->private_ = session->private;
    row->client = call_text(session->client);
    row->age_us = (uint64_t)(now - session->made);
    row->ttl_us = (uint64_t)lease_left(&session->lease);
}

/* Walks only the sessions that the caller may see, so that the number of pages reveals nothing about others. */
static void list_sessions(const struct call *call, uint64_t after, struct page *page) {
    const struct sessions *sessions = call->connection->all;
    const struct session *session = call->others ? sessions_next(sessions, after)
                                                 : sessions_next_of(sessions, call->connection->user, after);
    while (session && page_may_examine(page)) {
        struct account *next = session->session_objects.account.next;
        if (!session->cause) {
            write_session(page_row(page), session);
            if (!page_take(page))
                return;
        }
        page->items.next = session->id;
        session = call->others ? session->next : next ? session_of_account(next) : NULL;
    }
}

static bool is_listed(const Portd__V1__List *list, const struct object *object) {
    bool closing =
        object_kind_of(object->id) == OBJECT_DESCRIPTOR && descriptor_is_closing(bound_of_object(object));
    return !closing && (!list->kind || (int)object_kind_of(object->id) == (int)list->kind);
}

static void list_objects(const struct session *session, const Portd__V1__List *list, struct page *page) {
    const struct object *object = session_objects_next(&session->session_objects, list->after);
    for (; object && page_may_examine(page); object = object->next) {
        if (is_listed(list, object)) {
            write_object(page, object);
            if (!page_take(page))
                return;
        }
        page->items.next = object->id;
    }
}

int call_list(struct call *call) {
    const Portd__V1__List *list = call->request->list;
    const struct session *session = call->session;
    struct page page;
    if (list->kind < PORTD__V1__KIND__KIND_NONE || list->kind > PORTD__V1__KIND__KIND_SESSION)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "kind", NULL, "unknown kind %d", (int)list->kind);
    if (list->session && list->kind == PORTD__V1__KIND__KIND_SESSION)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "session", NULL,
                           "sessions do not belong to a session");
    if (list->session)
        session = session_find(call->connection->all, list->session);
    if (!session && target_object(call, list->session))
        return target_refuse(call, "session", list->session);
    if (!session || !target_may_reach(call, session))
        return refusal_set(&call->refusal, REFUSAL_NOT_FOUND, "session",
                           "list shows the sessions of this user",
                           "no session %" PRIu64 " visible to this connection", list->session);
    page_init(&page, call->connection);
    if (list->kind == PORTD__V1__KIND__KIND_SESSION)
        list_sessions(call, list->after, &page);
    else
        list_objects(session, list, &page);
    if (!page.items.more)
        page.items.next = 0;
    if (page.lacks && connection_check_room(call->connection, page.lacks, &call->refusal))
        return -1;
    return call_answer(call, PORTD__V1__REPLY__RESULT_LIST, &page.items);
}

int call_show(struct call *call) {
    const Portd__V1__Show *show = call->request->show;
    struct page page;
    if (show->n_ids < 1 || show->n_ids > PAGE)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "ids", NULL, "expected 1 to 256 ids, got %zu",
                           show->n_ids);
    page_init(&page, call->connection);
    /* All ids are looked up, even those beyond the page: one that does not exist fails the call. */
    for (size_t i = 0; i < show->n_ids; i++) {
        const struct object *object = target_object(call, show->ids[i]);
        const struct session *session = object ? NULL : session_find(call->connection->all, show->ids[i]);
        if (!object && !(session && call_reaches(call, session->uid)))
            return target_refuse(call, "ids", show->ids[i]);
        if (page.items.more)
            continue;
        if (object)
            write_object(&page, object);
        else
            write_session(page_row(&page), session);
        page_take(&page);
    }
    if (page.lacks && connection_check_room(call->connection, page.lacks, &call->refusal))
        return -1;
    return call_answer(call, PORTD__V1__REPLY__RESULT_SHOW, &page.items);
}

/* Of all uids. */
static void write_totals(Portd__V1__Status *status, const struct sessions *sessions) {
    const struct registry *registry = sessions->registry;
    const size_t *counts = registry->counts;
    status->sessions = (uint32_t)sessions->n;
    status->connections = (uint32_t)sessions->n_connections;
    status->descriptors = (uint32_t)registry->bounds.used;
    status->objects = (uint32_t)(counts[OBJECT_PORT] + counts[OBJECT_SEMAPHORE] + counts[OBJECT_EVT]);
    status->waits = (uint32_t)registry->waits;
    status->descriptors_free = (uint32_t)fd_table_free(sessions->env->fd_table);
}

/* Of that uid: computed from what it has alone, as totals would show when another uid does something. */
static void write_own(Portd__V1__Status *status, const struct user *user) {
    uint64_t places = limit_places(user), limit = limit_of(user, USER_DESCRIPTORS);
    status->sessions = (uint32_t)user->used[USER_SESSIONS];
    status->connections = (uint32_t)user->used[USER_CONNECTIONS];
    status->descriptors = (uint32_t)user->used[USER_DESCRIPTORS];
    status->objects = (uint32_t)user->used[USER_OBJECTS];
    status->waits = (uint32_t)user->used[USER_WAITS];
    status->descriptors_free = (uint32_t)(limit > places ? limit - places : 0);
}

int call_status(struct call *call) {
    const struct sessions *sessions = call->connection->all;
    const struct user *user = call->connection->user;
    Portd__V1__Status status = PORTD__V1__STATUS__INIT;
    Portd__V1__Item session = PORTD__V1__ITEM__INIT;
    Portd__V1__Quota quotas[USER_QUOTAS], *places[USER_QUOTAS];
    if (call->others)
        write_totals(&status, sessions);
    else
        write_own(&status, user);
    status.descriptors_limit = (uint32_t)sessions->env->fd_table->limit;
    write_session(&session, call->session);
    for (int slot = 0; slot < USER_QUOTAS; slot++) {
        portd__v1__quota__init(&quotas[slot]);
        quotas[slot].name = call_text(quota_name((enum user_quota)slot));
        quotas[slot].used = user->used[slot];
        quotas[slot].limit = limit_of(user, (enum user_quota)slot);
        places[slot] = &quotas[slot];
    }
    status.broker = call_text(PORTD_VERSION);
    status.version = 1;
    status.pid = os_process_id();
    status.uptime_us = (uint64_t)(os_now_us() - sessions->started);
    status.engine = call_text(engine_name());
    status.identity = call_text(inspect_identity());
    if (sessions->env->door_notify)
        status.door_notify = call_text(sessions->env->door_notify);
    status.session = &session;
    status.quotas = places;
    status.n_quotas = USER_QUOTAS;
    return call_answer(call, PORTD__V1__REPLY__RESULT_STATUS, &status);
}
