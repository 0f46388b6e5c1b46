/* monitor.c: the monitor call: a long poll on a journal.
 *
 * An in-flight request remembers only how far it has read. Writing a notice only queues the tasks of waiting readers, since its
 * caller may be in the middle of anything; they read the new notices in their uid's turn. Notices that a client has not read stay
 * in the journal as long as it has space; after that they are counted as lost. */
#include "again.h"
#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/journal.h"
#include "daemon/loop/loop.h"
#include "daemon/object/inspect.h"
#include "dispatch.h"
#include "inflight.h"
#include "method.h"
#include "proto/container.h"
#include "session.h"
#include "target.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 256,
    NOTICES_UNIT = 64, /* examined for one unit of a turn */
    NOTICE_HEAD = 4,   /* before each notice on a page: its tag and length */
    PAGE_TAIL = 24     /* `cursor` and `lost` */
};

struct monitor {
    struct inflight inflight;
    struct charge charge;
    struct journal *journal;
    struct journal_reader reader;
    struct task task; /* queued when a notice was written */
    uint64_t from;    /* number of the first notice not examined */
    uint64_t lost;    /* notices lost before `from` */
    uint64_t session; /* 0: any */
    struct loop_timer timer;
};

/* One page under construction. */
struct page {
    Portd__V1__Notices notices;
    Portd__V1__Notice *places[PAGE];
    Portd__V1__Notice rows[PAGE];
    size_t bytes, most; /* packed */
    size_t lacks;       /* size of a notice that did not fit an empty page; 0: none */
};

static bool matches(const struct monitor *monitor, const struct notice *notice) {
    return !monitor->session || notice->session == monitor->session;
}

/* Moves `from` to the next matching notice. False: there is none yet. Counts notices that the journal no longer has. */
static bool advance(struct monitor *monitor) {
    const struct journal *journal = monitor->journal;
    uint64_t oldest = journal_oldest(journal);
    if (monitor->from < oldest) {
        monitor->lost += oldest - monitor->from;
        monitor->from = oldest;
    }
    uint64_t from = monitor->from;
    while (monitor->from < journal->next && !matches(monitor, journal_at(journal, monitor->from)))
        monitor->from++;
    turn_spend(monitor->reader.lane->turns, (size_t)(monitor->from - from) / NOTICES_UNIT);
    return monitor->from < journal->next || monitor->lost;
}

static void write_notice(Portd__V1__Notice *row, uint64_t number, const struct notice *notice) {
    portd__v1__notice__init(row);
    row->seq = number;
    row->time_us = (uint64_t)notice->time_us;
    row->event = (Portd__V1__Notice__Event)notice->event;
    row->session = notice->session;
    row->uid = (uint32_t)notice->uid; /* the wire has 32-bit uids only */
    row->id = notice->id;
    row->kind = (Portd__V1__Kind)object_kind_of(notice->id);
    row->number = notice->number;
    row->direction = (Portd__V1__Direction)notice->direction;
    row->cause = (Portd__V1__Cause)notice->cause;
    row->descriptor = notice->descriptor;
    if (row->kind == PORTD__V1__KIND__KIND_DESCRIPTOR)
        row->type = call_text(inspect_name((enum inspect_type)notice->type));
    row->connection = notice->connection;
    row->pid = notice->pid;
    row->code = (Portd__V1__Code)notice->code;
    row->method = call_text(method_name(notice->method));
}

/* Adds the next row. False: it does not fit. */
static bool page_take(struct page *page) {
    Portd__V1__Notice *row = &page->rows[page->notices.n_notices];
    size_t bytes = NOTICE_HEAD + portd__v1__notice__get_packed_size(row);
    if (page->bytes + bytes + PAGE_TAIL > page->most) {
        page->lacks = page->notices.n_notices ? 0 : bytes + PAGE_TAIL;
        return false;
    }
    page->places[page->notices.n_notices++] = row;
    page->bytes += bytes;
    return true;
}

/* Fills the page with as many matching notices as it takes and as may be left unread. */
static void fill(struct page *page, struct monitor *monitor, struct connection *connection) {
    portd__v1__notices__init(&page->notices);
    page->notices.notices = page->places;
    page->most = connection_room(connection);
    page->bytes = page->lacks = 0;
    while (page->notices.n_notices < PAGE && advance(monitor) && monitor->from < monitor->journal->next) {
        write_notice(&page->rows[page->notices.n_notices], monitor->from,
                     journal_at(monitor->journal, monitor->from));
        if (!page_take(page))
            break;
        monitor->from++;
    }
    page->notices.lost = monitor->lost;
    page->notices.cursor = monitor->from - 1;
}

static void answer(struct monitor *monitor, struct connection *connection, uint64_t request) {
    struct page page;
    struct refusal refusal;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    if (monitor->journal == &connection->user->users->journal && !connection_is_admin(connection)) {
        refusal_set(&refusal, REFUSAL_DENIED, NULL,
                    "monitor again, without a cursor, to see your own notices",
                    "the right admin was taken away");
        connection_refuse(connection, request, &refusal);
        return;
    }
    fill(&page, monitor, connection);
    if (page.lacks && connection_check_room(connection, page.lacks, &refusal)) {
        connection_refuse(connection, request, &refusal);
        return;
    }
    reply.id = request;
    reply.result_case = PORTD__V1__REPLY__RESULT_MONITOR;
    reply.monitor = &page.notices;
    connection_reply(connection, &reply);
}

static void monitor_free(struct monitor *monitor) {
    monitor->charge.user->monitors--;
    monitor->charge.user->users->n_monitors--;
    charge_deinit(&monitor->charge);
    loop_timer_free(&monitor->timer);
    free(monitor);
}

static struct monitor *monitor_of(struct inflight *inflight) {
    return CONTAINER_OF(inflight, struct monitor, inflight);
}

static void leave(struct monitor *monitor) {
    if (ring_has(&monitor->reader.node))
        ring_remove(&monitor->reader.node);
    turn_forget(&monitor->task);
    loop_timer_clear(&monitor->timer);
}

static void emit(struct inflight *inflight) {
    struct monitor *monitor = monitor_of(inflight);
    answer(monitor, inflight->connection, inflight->request);
    monitor_free(monitor);
}

static void orphan(struct inflight *inflight) {
    struct monitor *monitor = monitor_of(inflight);
    if (!inflight->ready)
        leave(monitor);
    monitor_free(monitor);
}

static void cancel(struct inflight *inflight) {
    struct connection *connection = inflight->connection;
    uint64_t request = inflight->request;
    struct refusal refusal;
    inflight_remove(inflight);
    orphan(inflight);
    refusal_set(&refusal, REFUSAL_CANCELLED, NULL, NULL, "cancelled");
    connection_refuse(connection, request, &refusal);
}

/* From the notices of the next broker on: what there was is answered. */
static bool again(struct inflight *inflight, struct again *to) {
    const struct monitor *monitor = monitor_of(inflight);
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Monitor message = PORTD__V1__MONITOR__INIT;
    int64_t left = loop_timer_left(&monitor->timer);
    if (!to)
        return true;
    message.session = monitor->session;
    if (left >= 0) {
        message.limit_case = PORTD__V1__MONITOR__LIMIT_LIMIT_US;
        message.limit_us = (uint64_t)left;
    }
    request.id = inflight->request;
    request.method_case = PORTD__V1__REQUEST__METHOD_MONITOR;
    request.monitor = &message;
    again_add(to, &request, OS_FD_NONE);
    return true;
}

static void on_timer(struct loop_timer *timer) {
    struct monitor *monitor = CONTAINER_OF(timer, struct monitor, timer);
    leave(monitor);
    inflight_ready(&monitor->inflight);
}

static void step(struct task *task) {
    struct monitor *monitor = CONTAINER_OF(task, struct monitor, task);
    if (!advance(monitor)) {
        ring_add(&monitor->journal->readers, &monitor->reader.node);
        return;
    }
    turn_spend(monitor->reader.lane->turns, PAGE / NOTICES_UNIT * 4);
    leave(monitor);
    inflight_ready(&monitor->inflight);
}

/* Charged and allocated. NULL: the refusal. */
static struct monitor *monitor_new(struct call *call) {
    struct user *user = call->connection->user;
    struct monitor *monitor;
    if (user->monitors >= USER_MONITORS) {
        refusal_set(&call->refusal, REFUSAL_LIMIT, NULL, "cancel some",
                    "limit of monitors: uid %" PRIu64 " has %u in flight", user->uid, user->monitors);
        return NULL;
    }
    monitor = call_remember(call, sizeof *monitor, offsetof(struct monitor, charge));
    if (!monitor)
        return NULL;
    monitor->inflight = (struct inflight){.emit = emit, .orphan = orphan, .cancel = cancel, .again = again};
    monitor->timer.fn = on_timer;
    monitor->task.step = step;
    monitor->reader = (struct journal_reader){.task = &monitor->task, .lane = &user->lane};
    user->monitors++;
    user->users->n_monitors++;
    return monitor;
}

/* The journal that the caller may read. NULL: the refusal. */
static struct journal *find_journal(struct call *call) {
    struct user *user = call->connection->user;
    if (call->others)
        return &user->users->journal;
    return user_keep_journal(user, &call->refusal) ? NULL : user->journal;
}

/* Sets `from`. Numbers before the journal's first one are from an earlier journal. */
static int find_start(struct call *call, struct monitor *monitor) {
    const Portd__V1__Monitor *message = call->request->monitor;
    const struct journal *journal = monitor->journal;
    monitor->from = journal->next;
    if (message->start_case != PORTD__V1__MONITOR__START_AFTER)
        return 0;
    if (message->after >= journal->next)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "after", "start again without a cursor",
                           "invalid cursor: the newest notice is %" PRIu64, journal->next - 1);
    monitor->from = message->after < journal->first ? journal->first : message->after + 1;
    return 0;
}

/* A session that has ended can still have notices in the journal; if it has none, it counts as not found. */
static int check_session(struct call *call, const struct monitor *monitor) {
    const struct session *session = session_find_any(call->connection->all, monitor->session);
    if (!monitor->session || (session && call_reaches(call, session->uid)))
        return 0;
    if (target_object(call, monitor->session))
        return target_refuse(call, "session", monitor->session);
    return refusal_set(&call->refusal, REFUSAL_NOT_FOUND, "session", "list shows the sessions of this user",
                       "no session %" PRIu64 ", and no notices about it", monitor->session);
}

static int wait_for_notice(struct call *call, struct monitor *monitor) {
    const Portd__V1__Monitor *message = call->request->monitor;
    struct sessions *sessions = call->connection->all;
    int64_t limit = message->limit_us > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)message->limit_us;
    if (message->limit_case == PORTD__V1__MONITOR__LIMIT_LIMIT_US &&
        loop_timer_set(sessions->loop, &monitor->timer, os_now_us() + limit))
        return refusal_memory(&call->refusal);
    ring_add(&monitor->journal->readers, &monitor->reader.node);
    inflight_add(call->connection, &monitor->inflight, call->request->id);
    return 0;
}

int call_monitor(struct call *call) {
    const Portd__V1__Monitor *message = call->request->monitor;
    struct journal *journal = find_journal(call);
    struct monitor *monitor = journal ? monitor_new(call) : NULL;
    bool only_look = message->limit_case == PORTD__V1__MONITOR__LIMIT_LIMIT_US && message->limit_us == 0;
    int result;
    if (!monitor)
        return -1;
    monitor->journal = journal;
    monitor->session = message->session;
    result = find_start(call, monitor);
    if (!result && advance(monitor))
        result = 1;
    if (!result)
        result = check_session(call, monitor);
    if (!result && !only_look)
        result = wait_for_notice(call, monitor);
    if (result >= 0 && (result > 0 || only_look))
        answer(monitor, call->connection, call->request->id);
    if (result != 0 || only_look)
        monitor_free(monitor);
    return result < 0 ? -1 : 0;
}
