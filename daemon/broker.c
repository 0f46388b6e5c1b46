/* broker.c: creates, runs and frees the broker.
 *
 * A readiness report carries the id of its descriptor. It goes to that descriptor if it still exists. */
#include "broker.h"

#include "access/fd_table.h"
#include "access/kept.h"
#include "access/policy.h"
#include "access/rule.h"
#include "access/user.h"
#include "base/log.h"
#include "base/metrics.h"
#include "config/config.h"
#include "config/remark.h"
#include "door.h"
#include "give_back.h"
#include "idle.h"
#include "loop/closer.h"
#include "loop/offload.h"
#include "loop/poller.h"
#include "object/bound.h"
#include "object/objects.h"
#include "object/pollable.h"
#include "object/registry.h"
#include "object/split_watch.h"
#include "object/stream.h"
#include "object/taker.h"
#include "proto/container.h"
#include "proto/peer.h"
#include "proto/transport.h"
#include "quotas.h"
#include "reloader.h"
#include "rules.h"
#include "service.h"
#include "session/connection_again.h"
#include "session/dispatch.h"
#include "session/holding.h"
#include "session/listener.h"
#include "session/revoke.h"
#include "session/s6.h"
#include "session/session.h"
#include "side_door.h"
#include "store/store.h"
#include "upgrade/giver.h"
#include "upgrade/heir.h"
#include "utlist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { FD_TABLE_LEAST = 16 }; /* free slots needed to start */

struct broker {
    struct loop *loop;
    struct offload *offload;
    struct closer *closer;
    struct pollers *pollers;
    struct fd_table fd_table;
    struct kept poller_fds;
    struct users users;
    struct policy policy;
    struct registry registry;
    struct sessions sessions;
    struct listener listener;
    struct side_door s6, notify;
    struct idle idle;
    struct reloader reloader;
    struct store *store;
    struct give_back give_back;
    struct giver giver;
    struct heir heir;
    struct loop_timer log;
    int64_t log_due; /* when the timer fires; LOG_NEVER: not set */
    bool registry_made, sessions_made, users_made;
};

static void on_ready(void *context, uint64_t token, unsigned events) {
    struct broker *broker = context;
    struct object *object = registry_find(&broker->registry, split_watch_id(token));
    /* The descriptor may have been freed while the report was on its way. */
    if (object)
        descriptor_on_ready(bound_of_object(object), token, events);
}

static void on_pollers_have(void *context, size_t n_fds) {
    struct broker *broker = context;
    kept_set_slots(&broker->poller_fds, &broker->fd_table, n_fds);
}

static void on_stop(void *context, int number) {
    struct broker *broker = context;
    log_write(LOG_LEVEL_INFO, "stopping; signal=%d", number);
    loop_stop(broker->loop);
}

static void on_reload_signal(void *context, int number) {
    struct broker *broker = context;
    (void)number;
    reloader_start(&broker->reloader, NULL);
}

static void on_upgrade_asked(void *context, struct upgrade_wait *wait) {
    struct broker *broker = context;
    giver_start(&broker->giver, wait);
}

static void on_reload_asked(void *context, struct reload_wait *wait) {
    struct broker *broker = context;
    reloader_start(&broker->reloader, wait);
}

/* Nothing would start the broker again for those who come by a side door: so with one it stays. */
static int64_t idle_limit(const struct broker *broker, const struct config *config) {
    return broker->s6.address || broker->notify.address ? 0
                                                        : (int64_t)config_number(config, CONFIG_IDLE_EXIT);
}

static int use_config(void *context, const struct config *config, struct remarks *notes) {
    struct broker *broker = context;
    struct rule_table *rules;
    int error = rules_make(config, &rules);
    if (error)
        return error;
    error = quotas_use(&broker->users, config, notes);
    if (error) {
        rule_table_unref(rules);
        return error;
    }
    policy_use(&broker->policy, rules);
    revoke_all(&broker->sessions);
    log_set_level((enum log_level)config_number(config, CONFIG_LOG_LEVEL));
    idle_set_limit(&broker->idle, idle_limit(broker, config));
    return 0;
}

static void tell_reload(void *context, bool begins) {
    struct broker *broker = context;
    if (store_is_kept(broker->store))
        store_reloading(broker->store, begins);
    else if (begins)
        service_reloading();
    else
        service_reloaded();
}

/* At the start nobody else is told of the notes. */
static int use_limits(struct broker *broker, const struct config *config) {
    struct rule_table *rules;
    struct remarks notes = {.n = 0};
    int error = rules_make(config, &rules);
    if (error)
        return error;
    policy_use(&broker->policy, rules);
    error = quotas_use(&broker->users, config, &notes);
    for (size_t i = 0; i < remarks_kept(&notes); i++)
        if (notes.texts[i])
            log_write(LOG_LEVEL_WARNING, "%s", notes.texts[i]);
    remarks_clear(&notes);
    return error;
}

static void on_log_due(struct loop_timer *timer) {
    struct broker *broker = CONTAINER_OF(timer, struct broker, log);
    broker->log_due = LOG_NEVER;
    log_sum_up(os_now_us());
}

/* If the timer cannot be set, the summary is written with the next line of the log. */
static void set_log_timer(struct broker *broker) {
    if (log_due() == broker->log_due)
        return;
    broker->log_due = log_due();
    if (broker->log_due == LOG_NEVER)
        loop_timer_clear(&broker->log);
    else
        (void)loop_timer_set(broker->loop, &broker->log, broker->log_due);
}

/* After each turn, and after each round of the loop that had none. */
static void after(void *context) {
    struct broker *broker = context;
    metrics_add(METRIC_TURNS, 1);
    give_back_after(&broker->give_back);
    sessions_after(&broker->sessions);
    set_log_timer(broker);
    idle_after(&broker->idle);
}

static int64_t on_round(void *context) {
    struct broker *broker = context;
    struct turns *turns = &broker->users.turns;
    if (!turns_have_work(turns))
        after(broker); /* callbacks of the loop may have queued replies */
    bool more = turns_round(turns, after, broker);
    giver_round(&broker->giver);
    return more ? 0 : turns_rest(turns);
}

static int make_parts(struct broker *broker, size_t limit) {
    broker->loop = loop_new();
    if (!broker->loop)
        return errno ? -errno : -ENOMEM;
    broker->offload = offload_new(broker->loop);
    broker->closer = broker->offload ? closer_new(broker->loop, broker->offload, limit) : NULL;
    broker->pollers = broker->closer ? pollers_new(broker->loop, on_ready, on_pollers_have, broker) : NULL;
    if (!broker->pollers)
        return errno ? -errno : -ENOMEM;
    loop_ready(broker->loop, on_ready, broker);
    return 0;
}

/* An abstract name has no file mode. There the broker itself admits only its own user and root, unless the mode lets everybody
 * write. */
static bool own_only(const struct config *config, os_fd listener) {
    return transport_is_open(listener) && !(config_number(config, CONFIG_MODE) & 02);
}

/* With a keeper, which has tried them before the first broker, one that cannot be opened any more is only told of: without it what is held can still be had. */
static int open_side_doors(struct broker *broker, const struct config *config) {
    int s6 = side_door_open(&broker->s6, config, CONFIG_DOOR_S6, &broker->heir),
        notify = side_door_open(&broker->notify, config, CONFIG_DOOR_NOTIFY, &broker->heir);
    return store_is_kept(broker->store) ? 0 : s6 ? s6 : notify;
}

static int make_registry(struct broker *broker, const struct config *config, size_t limit, os_fd listener) {
    os_uid own = peer_self();
    uint64_t seed;
    int error = os_random(&seed, sizeof seed);
    if (!error)
        error = open_side_doors(broker, config);
    if (error)
        return error;
    inspect_init(listener);
    if (broker->s6.address)
        inspect_add_listener(broker->s6.fd);
    taker_init();
    error = stream_init();
    if (!error)
        error = pollable_init();
    if (error)
        return error;
    policy_init(&broker->policy, own, own_only(config, listener));
    const struct env env = {.own = own,
                            .loop = broker->loop,
                            .engine = loop_engine(broker->loop),
                            .offload = broker->offload,
                            .closer = broker->closer,
                            .pollers = broker->pollers,
                            .fd_table = &broker->fd_table,
                            .users = &broker->users,
                            .door_notify = broker->notify.address};
    error = objects_init(&broker->registry, &env);
    if (error)
        return error;
    broker->registry_made = true;
    /* All descriptors of the broker's own are open by now, so they are counted. */
    fd_table_init(&broker->fd_table, limit, service_descriptors_open(limit) + CLOSER_OWN);
    error = users_init(&broker->users, own, &broker->fd_table, seed);
    if (error)
        return error;
    broker->users_made = true;
    error = use_limits(broker, config);
    if (error)
        return error;
    error =
        sessions_init(&broker->sessions, broker->loop, &broker->registry, &broker->policy, dispatch_frame);
    if (error)
        return error;
    broker->sessions_made = true;
    broker->sessions.reload = on_reload_asked;
    broker->sessions.reload_context = broker;
    broker->sessions.upgrade = on_upgrade_asked;
    broker->sessions.upgrade_context = broker;
    broker->sessions.store = broker->store;
    error = listener_open(&broker->listener, listener, &broker->sessions, &broker->users);
    if (!error)
        error = side_door_listen(&broker->s6, &s6_dialect, &broker->sessions, &broker->users);
    if (!error)
        error = side_door_take(&broker->notify, &broker->sessions, &broker->users);
    if (error)
        return error;
    if (fd_table_free(&broker->fd_table) >= FD_TABLE_LEAST)
        return give_back_begin(&broker->give_back, &broker->sessions, broker->store, &broker->heir);
    log_write(LOG_LEVEL_ERROR, "the open file limit is %zu, but at least %zu is needed", limit,
              broker->fd_table.used + FD_TABLE_KEEP + FD_TABLE_LEAST);
    return -EMFILE;
}

struct broker *broker_new(const struct config *config, const struct config_given *given, struct door *door,
                          const struct store_inherited *inherited) {
    struct broker *broker = calloc(1, sizeof *broker);
    size_t limit = service_descriptor_limit();
    int error = broker ? make_parts(broker, limit) : -ENOMEM;
    if (!error)
        error = heir_begin(&broker->heir, inherited->link);
    if (!error)
        error =
            reloader_init(&broker->reloader, broker->offload, given, config, use_config, tell_reload, broker);
    if (!error)
        error = service_watch(broker->loop, on_stop, on_reload_signal, broker);
    if (!error) {
        broker->store = store_new(broker->loop, broker->closer, &broker->fd_table, inherited->channel);
        error = broker->store ? 0 : -errno;
    }
    if (!error)
        error = make_registry(broker, config, limit, door->listener);
    if (!error)
        error = giver_init(&broker->giver, &broker->sessions, broker->store, &broker->s6, &broker->notify);
    if (broker)
        heir_deinit(&broker->heir);
    if (error) {
        log_write(LOG_LEVEL_ERROR, "cannot start: %s", os_error_text(-error));
        (void)broker_free(broker);
        return NULL;
    }
    idle_init(&broker->idle, broker->loop, &broker->sessions, door, idle_limit(broker, config));
    broker->log.fn = on_log_due;
    broker->log_due = LOG_NEVER;
    loop_round(broker->loop, on_round, broker);
    if (broker->fd_table.limit < 4 * FD_TABLE_KEEP)
        log_write(LOG_LEVEL_WARNING, "the open file limit is low; limit=%zu free=%zu", broker->fd_table.limit,
                  fd_table_free(&broker->fd_table));
    return broker;
}

int broker_run(struct broker *broker) {
    if (broker->registry.frozen)
        sessions_thaw(&broker->sessions);
    after(broker);
    store_ready(broker->store);
    return loop_run(broker->loop);
}

/* Logs for the operator what the broker still holds. */
static void report(const struct broker *broker) {
    const size_t *totals = broker->registry.counts;
    const struct session *session;
    char client[LOG_QUOTED(SESSION_CLIENT_MAX)];
    DL_FOREACH (broker->sessions.list, session) {
        const unsigned *counts = session->session_objects.counts;
        if (counts[OBJECT_DESCRIPTOR])
            log_write_about(LOG_TOPIC_BELONGINGS, session->uid, LOG_LEVEL_INFO,
                            "session still held descriptors; session=%" PRIu64 " uid=%" PRIu64
                            " client=%s descriptors=%u "
                            "semaphores=%u evts=%u ports=%u",
                            session->id, session->uid, log_quote(client, sizeof client, session->client),
                            counts[OBJECT_DESCRIPTOR], counts[OBJECT_SEMAPHORE], counts[OBJECT_EVT],
                            counts[OBJECT_PORT]);
    }
    log_write(LOG_LEVEL_INFO, "stopped; sessions=%zu connections=%zu descriptors=%zu objects=%zu waits=%zu",
              broker->sessions.n, broker->sessions.n_connections, broker->registry.bounds.used,
              totals[OBJECT_PORT] + totals[OBJECT_SEMAPHORE] + totals[OBJECT_EVT], broker->registry.waits);
}

bool broker_free(struct broker *broker) {
    bool left_behind;
    if (!broker)
        return false;
    broker->give_back.store = NULL;
    giver_deinit(&broker->giver);
    if (broker->sessions_made) {
        report(broker);
        store_leave(broker->store); /* the keeper ends as well */
        listener_close(&broker->listener);
        side_door_close(&broker->s6);
        side_door_close(&broker->notify);
        sessions_disconnect(&broker->sessions);
        holdings_end(&broker->sessions);
        sessions_deinit(&broker->sessions);
    }
    side_door_close(&broker->s6);
    side_door_close(&broker->notify);
    store_free(broker->store);
    if (broker->closer)
        closer_stop(broker->closer);
    broker->registry.held_up = pollers_free(broker->pollers);
    left_behind = offload_free(broker->offload) || broker->registry.held_up;
    closer_free(broker->closer);
    if (broker->registry_made)
        objects_deinit(&broker->registry);
    if (broker->users_made)
        users_deinit(&broker->users, left_behind);
    policy_deinit(&broker->policy);
    reloader_deinit(&broker->reloader);
    idle_deinit(&broker->idle);
    loop_timer_free(&broker->log);
    loop_free(broker->loop);
    free(broker);
    return left_behind;
}
