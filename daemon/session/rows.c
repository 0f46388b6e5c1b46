/* rows.c: sections, one after the other; each fills in its row number `at`, or has no more. */
#include "rows.h"

#include "daemon/access/fd_table.h"
#include "daemon/access/limit.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/offload.h"
#include "daemon/loop/poller.h"
#include "daemon/object/env.h"
#include "daemon/object/inspect.h"
#include "daemon/object/object.h"
#include "daemon/object/registry.h"
#include "daemon/readiness/engine.h"
#include "method.h"
#include "session.h"

#include "portd_version.h"

#include <inttypes.h>
#include <stdio.h>

static void measure_objects(const struct registry *registry) {
    metrics_set(METRIC_OBJECTS_PORT, registry->counts[OBJECT_PORT]);
    metrics_set(METRIC_OBJECTS_SEMAPHORE, registry->counts[OBJECT_SEMAPHORE]);
    metrics_set(METRIC_OBJECTS_EVT, registry->counts[OBJECT_EVT]);
}

static void measure_threads(const struct env *env) {
    size_t stuck, late, pollers = pollers_count(env->pollers, &late);
    size_t pending = offload_pending(env->offload), running = offload_running(env->offload, &stuck);
    metrics_set(METRIC_CLOSING, closer_pending(env->closer));
    metrics_set(METRIC_JOBS_RUNNING, running - stuck);
    metrics_set(METRIC_JOBS_STUCK, stuck);
    metrics_set(METRIC_JOBS_WAITING, pending > running ? pending - running : 0);
    metrics_set(METRIC_POLLERS_PROMPT, pollers - late);
    metrics_set(METRIC_POLLERS_LATE, late);
}

/* What tells nothing about uids. */
static void measure_broker(const struct sessions *sessions) {
    metrics_set(METRIC_UPTIME, (uint64_t)(os_now_us() - sessions->started));
    metrics_set(METRIC_TABLE_LIMIT, sessions->env->fd_table->limit);
}

static void measure_sums(const struct sessions *sessions) {
    const struct registry *registry = sessions->registry;
    const struct env *env = sessions->env;
    measure_objects(registry);
    measure_threads(env);
    metrics_set(METRIC_REQUESTS_IN_FLIGHT, sessions->n_inflight);
    metrics_set(METRIC_CONNECTIONS, sessions->n_connections);
    metrics_set(METRIC_SESSIONS, sessions->by_id.used);
    metrics_set(METRIC_WAITS_IN_FLIGHT, registry->waits);
    metrics_set(METRIC_MONITORS, env->users->n_monitors);
    metrics_set(METRIC_NOTICES, env->users->journal.next - env->users->journal.first);
    metrics_set(METRIC_DESCRIPTORS, registry->bounds.used);
    metrics_set(METRIC_TABLE_USED, env->fd_table->used);
    metrics_set(METRIC_TABLE_FREE, fd_table_free(env->fd_table));
    metrics_set(METRIC_TABLE_RESERVED, env->users->reserve);
}

static void label(struct row *row, const char *name, const char *value) {
    row->labels[row->n_labels].name = name;
    row->labels[row->n_labels++].value = value;
}

static void begin(struct row *row, enum metrics_family family, uint64_t value) {
    row->family = family;
    row->value = value;
    row->n_labels = 0;
}

static bool next_broker(struct rows *rows, struct row *row) {
    if (rows->at++)
        return false;
    begin(row, FAMILY_BROKER, 1);
    label(row, "version", PORTD_VERSION);
    label(row, "engine", engine_name());
    label(row, "identity", inspect_identity());
    return true;
}

static bool is_shown(const struct rows *rows, enum metric metric) {
    return !metrics_is_gap(metric) && (rows->sums || metric == METRIC_UPTIME || metric == METRIC_TABLE_LIMIT);
}

static bool next_of_table(struct rows *rows, struct row *row) {
    while (rows->at < METRICS && !is_shown(rows, (enum metric)rows->at))
        rows->at++;
    if (rows->at == METRICS)
        return false;
    enum metric metric = (enum metric)rows->at++;
    begin(row, metrics_family(metric), metrics_values[metric]);
    if (metrics_label(metric))
        label(row, metrics_words[row->family].label, metrics_label(metric));
    return true;
}

static bool next_call(struct rows *rows, struct row *row) {
    uint64_t count;
    const char *name = rows->sums ? method_next(&rows->at, &count) : NULL;
    if (!name)
        return false;
    begin(row, FAMILY_CALLS, count);
    label(row, metrics_words[FAMILY_CALLS].label, name);
    return true;
}

/* The quotas of one user after the other. */
static bool next_slot(struct rows *rows, struct row *row, enum metrics_family family) {
    size_t place = rows->at / USER_QUOTAS;
    enum user_quota slot = (enum user_quota)(rows->at % USER_QUOTAS);
    if (place >= rows->n_users)
        return false;
    const struct user *user = rows->users[place];
    rows->at++;
    begin(row, family, family == FAMILY_USER_USED ? user->used[slot] : limit_of(user, slot));
    label(row, "uid", rows->uids[place]);
    label(row, metrics_words[family].label, quota_name(slot));
    return true;
}

static bool next_used(struct rows *rows, struct row *row) { return next_slot(rows, row, FAMILY_USER_USED); }

static bool next_limit(struct rows *rows, struct row *row) { return next_slot(rows, row, FAMILY_USER_LIMIT); }

static bool next_requests(struct rows *rows, struct row *row) {
    if (rows->at == rows->n_users)
        return false;
    begin(row, FAMILY_USER_REQUESTS, rows->users[rows->at]->requests);
    label(row, "uid", rows->uids[rows->at++]);
    return true;
}

static bool (*const sections[])(struct rows *rows, struct row *row) = {
    next_broker, next_of_table, next_call, next_used, next_limit, next_requests};

enum { SECTIONS = sizeof sections / sizeof *sections, SECTION_USERS = 3 };

void rows_begin(struct rows *rows, const struct sessions *sessions, bool broker, const struct user *own,
                uint64_t from) {
    *rows = (struct rows){.section = broker ? 0 : SECTION_USERS, .sums = !own};
    if (broker)
        measure_broker(sessions);
    if (broker && rows->sums)
        measure_sums(sessions);
    if (!own)
        rows->n_users = users_next(sessions->env->users, from, rows->users, ROWS_USERS + 1);
    else if (own->uid >= from)
        rows->users[rows->n_users++] = own;
    if (rows->n_users > ROWS_USERS)
        rows->next = rows->users[--rows->n_users]->uid;
    for (size_t i = 0; i < rows->n_users; i++)
        snprintf(rows->uids[i], sizeof rows->uids[i], "%" PRIu64, rows->users[i]->uid);
}

bool rows_next(struct rows *rows, struct row *row) {
    for (; rows->section < SECTIONS; rows->section++, rows->at = 0)
        if (sections[rows->section](rows, row))
            return true;
    return false;
}
