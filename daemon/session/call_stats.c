/* call_stats.c: what metrics.def lists, with numbers: a page of it for the reply.
 *
 * Counters are as they are; gauges are measured here, when somebody asks. The families that the table has no rows for follow from what they
 * are counted by: methods, and the accounts of uids. A caller is told of its own uid, with the right admin of all, some at a time. */
#include "dispatch.h"
#include "method.h"

#include "daemon/access/limit.h"
#include "daemon/base/metrics.h"

#include "portd_version.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 320, LABELS = 3, USERS = 8, USER_ROWS = 2 * USER_SLOTS + 1, UID_MAX_TEXT = 24 };

_Static_assert(1 + METRICS + METHODS_MAX + USERS * USER_ROWS <= ROWS, "a page takes everything");

/* One page under construction. */
struct page {
    Portd__V1__Stats stats;
    Portd__V1__Metric *places[ROWS];
    struct {
        Portd__V1__Metric metric;
        Portd__V1__Label *places[LABELS];
        Portd__V1__Label labels[LABELS];
    } rows[ROWS];
    const struct user *users[USERS + 1];
    char uids[USERS][UID_MAX_TEXT];
};

static Portd__V1__Metric *add(struct page *page, enum metrics_family family, uint64_t value) {
    const struct metrics_words *words = &metrics_words[family];
    size_t n = page->stats.n_metrics;
    Portd__V1__Metric *metric = &page->rows[n].metric;
    portd__v1__metric__init(metric);
    metric->name = call_text(words->name);
    metric->type = (Portd__V1__Metric__Type)words->type;
    metric->unit = (Portd__V1__Metric__Unit)words->unit;
    metric->value = value;
    metric->labels = page->rows[n].places;
    if (n == 0 || page->rows[n - 1].metric.name != metric->name)
        metric->help = call_text(words->help);
    page->places[page->stats.n_metrics++] = metric;
    return metric;
}

static void label(struct page *page, Portd__V1__Metric *metric, const char *name, const char *value) {
    Portd__V1__Label *label = &page->rows[page->stats.n_metrics - 1].labels[metric->n_labels];
    portd__v1__label__init(label);
    label->name = call_text(name);
    label->value = call_text(value);
    metric->labels[metric->n_labels++] = label;
}

static void measure_objects(const struct registry *registry) {
    metrics_set(METRIC_OBJECTS_PORT, registry->counts[OBJECT_PORT]);
    metrics_set(METRIC_OBJECTS_SEMAPHORE, registry->counts[OBJECT_SEMAPHORE]);
    metrics_set(METRIC_OBJECTS_EVT, registry->counts[OBJECT_EVT]);
}

static void measure_threads(const struct registry *registry) {
    size_t stuck, late, sentries = sentries_count(registry->sentries, &late);
    size_t pending = offload_pending(registry->offload), running = offload_running(registry->offload, &stuck);
    metrics_set(METRIC_CLOSING, closer_pending(registry->closer));
    metrics_set(METRIC_JOBS_RUNNING, running - stuck);
    metrics_set(METRIC_JOBS_STUCK, stuck);
    metrics_set(METRIC_JOBS_WAITING, pending > running ? pending - running : 0);
    metrics_set(METRIC_SENTRIES_PROMPT, sentries - late);
    metrics_set(METRIC_SENTRIES_LATE, late);
}

static void measure(const struct sessions *sessions) {
    const struct registry *registry = sessions->registry;
    measure_objects(registry);
    measure_threads(registry);
    metrics_set(METRIC_UPTIME, (uint64_t)(os_now_us() - sessions->started));
    metrics_set(METRIC_REQUESTS_PARKED, sessions->n_parked);
    metrics_set(METRIC_CONNECTIONS, sessions->n_connections);
    metrics_set(METRIC_SESSIONS, sessions->by_id.used);
    metrics_set(METRIC_WAITS_PARKED, registry->waits);
    metrics_set(METRIC_MONITORS, sessions->registry->users->n_monitors);
    metrics_set(METRIC_NOTICES, registry->users->journal.next - registry->users->journal.first);
    metrics_set(METRIC_DESCRIPTORS, registry->descriptors.used);
    metrics_set(METRIC_TABLE_LIMIT, registry->slots->limit);
    metrics_set(METRIC_TABLE_USED, registry->slots->used);
    metrics_set(METRIC_TABLE_FREE, slots_free(registry->slots));
}

static void write_broker(struct page *page) {
    Portd__V1__Metric *metric = add(page, FAMILY_BROKER, 1);
    label(page, metric, "version", PORTD_VERSION);
    label(page, metric, "engine", engine_name());
    label(page, metric, "identity", inspect_identity());
}

static void write_calls(struct page *page) {
    const char *name;
    uint64_t count;
    for (size_t number = 0; (name = method_next(&number, &count));)
        label(page, add(page, FAMILY_CALLS, count), metrics_words[FAMILY_CALLS].label, name);
}

static void write_table(struct page *page) {
    for (enum metric metric = 0; metric < METRICS; metric++) {
        enum metrics_family family = metrics_family(metric);
        Portd__V1__Metric *row;
        if (metrics_is_gap(metric))
            continue;
        row = add(page, family, metrics_values[metric]);
        if (metrics_label(metric))
            label(page, row, metrics_words[family].label, metrics_label(metric));
    }
}

/* A family of all the users' accounts. */
static void write_accounts(struct page *page, enum metrics_family family, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct user *user = page->users[i];
        for (int slot = 0; slot < USER_SLOTS; slot++) {
            Portd__V1__Metric *row =
                add(page, family,
                    family == FAMILY_USER_USED ? user->used[slot] : limit_of(user, (enum user_slot)slot));
            label(page, row, "uid", page->uids[i]);
            label(page, row, metrics_words[family].label, user_slot_name((enum user_slot)slot));
        }
    }
}

/* Those from that uid on that the caller may see. */
static void write_users(const struct call *call, struct page *page, uint64_t from) {
    const struct connection *connection = call->connection;
    size_t n = 0;
    if (call->others)
        n = users_next(connection->user->users, from, page->users, USERS + 1);
    else if (connection->user->uid >= from)
        page->users[n++] = connection->user;
    if (n > USERS) {
        n = USERS;
        page->stats.next = page->users[n]->uid + 1;
    }
    for (size_t i = 0; i < n; i++)
        snprintf(page->uids[i], UID_MAX_TEXT, "%" PRIu64, page->users[i]->uid);
    write_accounts(page, FAMILY_USER_USED, n);
    write_accounts(page, FAMILY_USER_LIMIT, n);
    for (size_t i = 0; i < n; i++)
        label(page, add(page, FAMILY_USER_REQUESTS, page->users[i]->requests), "uid", page->uids[i]);
}

int call_stats(struct call *call) {
    uint64_t after = call->request->stats->after;
    struct page page;
    portd__v1__stats__init(&page.stats);
    page.stats.metrics = page.places;
    if (!after) {
        measure(call->connection->all);
        write_broker(&page);
        write_table(&page);
        write_calls(&page);
    }
    write_users(call, &page, after ? after - 1 : 0);
    if (connection_check_room(call->connection, portd__v1__stats__get_packed_size(&page.stats),
                              &call->refusal))
        return -1;
    return call_answer(call, PORTD__V1__REPLY__RESULT_STATS, &page.stats);
}
