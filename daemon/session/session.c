/* session.c: makes, finds and ends sessions. */
#include "session.h"

#include "connection.h"
#include "daemon/access/account.h"
#include "daemon/access/gate.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "daemon/object/cause.h"
#include "daemon/object/env.h"
#include "daemon/object/registry.h"
#include "notice_session.h"
#include "proto/container.h"
#include "recording.h"
#include "utlist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESUME_US = 30 * 1000 * 1000 /* for a session to be resumed after its broker's death */ };

/* Removes the connection. A session with neither owner nor time to live ends with its last connection. */
static void part(struct session *session, struct connection *connection) {
    DL_DELETE2(session->connections, connection, joined_prev, joined_next);
    session->n_connections--;
    numbering_unref(&session->session_objects.numberings, connection->place);
    if (!session->cause && !session->n_connections && !lease_bound(&session->lease))
        session_end(session, CAUSE_EXPIRED);
}

static void on_owner_ended(struct owner *owner) {
    if (owner->place) /* then it is a session's */
        recording_remove_owner(CONTAINER_OF(owner->lease, struct session, lease), owner);
    lease_owner_ended(owner);
}

int sessions_init(struct sessions *sessions, struct loop *loop, struct registry *registry,
                  const struct policy *policy,
                  void (*frame)(struct connection *connection, struct channel_frame *frame)) {
    uint64_t seed;
    int error = os_random(&seed, sizeof seed);
    if (error)
        return error;
    *sessions = (struct sessions){.frame = frame,
                                  .parted = part,
                                  .loop = loop,
                                  .env = &registry->env,
                                  .registry = registry,
                                  .policy = policy,
                                  .started = os_now_us()};
    registry->changed = recording_changed;
    error = owners_init(&sessions->owners, on_owner_ended);
    if (error)
        return error;
    error = channel_scratch_init(&sessions->scratch);
    if (error)
        return error;
    error = arena_init(&sessions->arena);
    if (error)
        goto fail_arena;
    error = passings_init(sessions, connection_checked, connection_close);
    if (error)
        goto fail_passings;
    error = hangups_init(sessions, connection_end);
    if (error)
        goto fail_hangups;
    table_init(&sessions->by_id, offsetof(struct session, id), seed);
    return 0;
fail_hangups:
    passings_deinit(sessions);
fail_passings:
    arena_deinit(&sessions->arena);
fail_arena:
    channel_scratch_deinit(&sessions->scratch);
    return error;
}

void sessions_disconnect(struct sessions *sessions) {
    while (sessions->connections)
        connection_end(sessions->connections, "the broker is stopping");
}

void sessions_deinit(struct sessions *sessions) {
    sessions_disconnect(sessions);
    while (sessions->list)
        session_end(sessions->list, CAUSE_EXPIRED);
    turns_finish(&sessions->env->users->turns);
    sessions_after(sessions);
    passings_deinit(sessions);
    hangups_deinit(sessions);
    table_deinit(&sessions->by_id);
    order_deinit(&sessions->order);
    owners_deinit(&sessions->owners);
    arena_deinit(&sessions->arena);
    channel_scratch_deinit(&sessions->scratch);
}

void sessions_after(void *context) {
    struct sessions *sessions = context;
    gates_after(sessions->env->users);
    connection_flush_all(sessions);
    connection_reap_all(sessions);
    hangups_after(sessions);
}

bool sessions_idle(const struct sessions *sessions) {
    return sessions->n_connections == 0 && sessions->registry->objects.used == 0 && sessions->n_keeping == 0;
}

void session_keep(struct session *session) {
    session->all->n_keeping += !session->keeps;
    session->keeps = true;
}

static void on_lease_ended(struct lease *lease) {
    struct session *session = CONTAINER_OF(lease, struct session, lease);
    if (session->awaited && session->n_connections) {
        session->awaited = false;
        lease_unlimit(lease);
        return;
    }
    log_write_about(LOG_TOPIC_SESSION, session->uid, LOG_LEVEL_DEBUG,
                    "session ended: its owners exited or its time passed; session=%" PRIu64 " owner_pid=%u",
                    session->id, (unsigned)lease->owner_pid);
    session_end(session, CAUSE_EXPIRED);
}

static int make_secret(char secret[SESSION_SECRET + 1]) {
    unsigned char bytes[SESSION_SECRET / 2];
    int error = os_random(bytes, sizeof bytes);
    if (error)
        return error;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(secret + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static uint64_t number_of(const struct session *session) {
    return registry_number(session->all->registry, session->id);
}

/* Both orders have been reserved. The account is already the last of its user. */
static void list_add(struct session *session) {
    struct sessions *sessions = session->all;
    struct account *account = &session->session_objects.account;
    DL_APPEND(sessions->list, session);
    order_add(&sessions->order, number_of(session), session);
    order_add(&account->user->order, number_of(session), account);
    sessions->n++;
}

static void list_remove(struct session *session) {
    struct sessions *sessions = session->all;
    order_remove(&sessions->order, number_of(session), session, session->next);
    DL_DELETE(sessions->list, session);
    sessions->n--;
    sessions->n_keeping -= session->keeps;
}

/* again: NULL for a new one. */
static struct session *make(struct sessions *sessions, struct user *user, const char *client,
                            const struct session_again *again, struct refusal *refusal) {
    struct registry *registry = sessions->registry;
    struct session *session = calloc(1, sizeof *session);
    uint64_t seed;
    if (!session || table_reserve(&sessions->by_id) || order_reserve(&sessions->order) ||
        order_reserve(&user->order) || os_random(&seed, sizeof seed) || make_secret(session->secret)) {
        free(session);
        refusal_memory(refusal);
        return NULL;
    }
    session->id = again ? again->id : registry_issue(registry, OBJECT_SESSION);
    session->all = sessions;
    session->uid = user->uid;
    session->made = os_now_us();
    snprintf(session->client, sizeof session->client, "%s", client);
    session_objects_init(&session->session_objects, registry, user, session->id, session->client, seed);
    charge_init(&session->charge, user, &session->session_objects.account);
    if (charge_take(&session->charge, USER_SESSIONS, 1, refusal)) {
        charge_deinit(&session->charge);
        account_deinit(&session->session_objects.account);
        free(session);
        return NULL;
    }
    user_hold(user);
    lease_init(&session->lease, sessions->env->closer, &session->session_objects.account, session->uid,
               on_lease_ended);
    table_add(&sessions->by_id, session);
    list_add(session);
    metrics_add(METRIC_SESSIONS_MADE, 1);
    notice_session_begun(session);
    return session;
}

struct session *session_new(struct sessions *sessions, struct user *user, const char *client,
                            struct refusal *refusal) {
    return make(sessions, user, client, NULL, refusal);
}

struct session *session_restore(struct sessions *sessions, struct user *user,
                                const struct session_again *again, struct refusal *refusal) {
    if (object_kind_of(again->id) != OBJECT_SESSION || session_find_any(sessions, again->id) ||
        strlen(again->secret) != SESSION_SECRET) {
        (void)refusal_set(refusal, REFUSAL_INVALID, NULL, NULL, "it is not one of a session");
        return NULL;
    }
    struct session *session = make(sessions, user, again->client, again, refusal);
    if (!session)
        return NULL;
    memcpy(session->secret, again->secret, SESSION_SECRET + 1);
    session->made = again->made;
    session->recorded = session->confirmed = true;
    int64_t left = again->until - os_boot_us();
    if (!again->until || !lease_limit(&session->lease, sessions->loop, left > 0 ? left : 1))
        return session;
    session_end(session, CAUSE_EXPIRED);
    (void)refusal_memory(refusal);
    return NULL;
}

int session_await_resume(struct session *session) {
    if (lease_bound(&session->lease))
        return 0;
    session->awaited = true;
    return lease_limit(&session->lease, session->all->loop, RESUME_US);
}

enum { UNITS_CONNECTION = 8 /* of a turn, for ending one connection */ };

/* Its objects have ended. Calls `done` of those that wait for the end, then ends the connections, as many as the turn allows.
 * True: none remain. */
static bool end_connections(struct session *session) {
    struct turns *turns = session->session_objects.account.user->lane.turns;
    while (session->waits && !turn_is_over(turns)) {
        struct session_wait *wait = session->waits;
        turn_spend(turns, 1);
        session_forget(wait);
        wait->done(wait);
    }
    while (!session->waits && session->connections && !turn_is_over(turns)) {
        turn_spend(turns, UNITS_CONNECTION);
        connection_leave_ended(session->connections);
    }
    return !session->waits && !session->connections;
}

static void session_free(struct session *session) {
    struct user *user = session->session_objects.account.user;
    struct account *account = &session->session_objects.account;
    order_remove(&user->order, number_of(session), account, account->next);
    table_remove(&session->all->by_id, session);
    DL_DELETE(session->all->ended, session);
    notice_session_ended(session, session->cause);
    charge_deinit(&session->charge);
    session_objects_deinit(&session->session_objects);
    user_unref(user);
    free(session);
}

/* No object, wait or handle is left when the first is done, and no connection when both are. */
static void step(struct task *task) {
    struct session *session = CONTAINER_OF(task, struct session, task);
    if (session_objects_end(&session->session_objects, session->cause) && end_connections(session)) {
        session_free(session);
        return;
    }
    turn_queue(&session->session_objects.account.user->lane, task);
}

void session_end(struct session *session, int cause) {
    if (session->cause)
        return;
    session->cause = cause;
    if (session->holding)
        session->session_objects.account.user->holding = NULL;
    session_objects_close(&session->session_objects);
    list_remove(session);
    DL_APPEND(session->all->ended, session);
    metrics_add(METRIC_SESSIONS_ENDED, 1);
    recording_end(session);
    lease_deinit(&session->lease);
    turn_forget(&session->task);
    session->task = (struct task){.step = step, .gives = true};
    turn_queue(&session->session_objects.account.user->lane, &session->task);
}

void session_await(struct session *session, struct session_wait *wait) {
    wait->session = session;
    DL_APPEND(session->waits, wait);
}

void session_forget(struct session_wait *wait) {
    if (wait->session)
        DL_DELETE(wait->session->waits, wait);
    wait->session = NULL;
}

const struct session *sessions_next(const struct sessions *sessions, uint64_t after) {
    uint64_t number = registry_number(sessions->registry, after);
    const struct session *session = after ? order_seek(&sessions->order, number) : NULL;
    if (!session)
        session = sessions->list;
    while (after && session && number_of(session) <= number)
        session = session->next;
    return session;
}

const struct session *sessions_next_of(const struct sessions *sessions, const struct user *user,
                                       uint64_t after) {
    uint64_t number = registry_number(sessions->registry, after);
    struct account *account = after ? order_seek(&user->order, number) : NULL;
    if (!account)
        account = user->accounts;
    while (after && account && number_of(session_of_account(account)) <= number)
        account = account->next;
    return account ? session_of_account(account) : NULL;
}

int session_add_owner(struct session *session, const struct owner_process *process, struct refusal *refusal) {
    struct sessions *sessions = session->all;
    const struct owner *other;
    int n;
    if (owner_has(&sessions->owners, &session->lease, process->key))
        return 0;
    DL_COUNT(session->lease.owners, other, n);
    if (n >= SESSION_OWNERS)
        return refusal_set(refusal, REFUSAL_LIMIT, NULL, "start a new session",
                           "a session has at most %d owners", (int)SESSION_OWNERS);
    return owner_add(&sessions->owners, &session->lease, sessions->loop, process, !session->separate, refusal)
               ? -1
               : 1;
}

void session_write_token(const struct session *session, char token[SESSION_TOKEN_MAX]) {
    snprintf(token, SESSION_TOKEN_MAX, "%" PRIu64 ".%s", session->id, session->secret);
}

void session_join(struct session *session, struct connection *connection) {
    DL_APPEND2(session->connections, connection, joined_prev, joined_next);
    session->n_connections++;
    charge_join(&connection->charge, &session->session_objects.account);
    charge_join(&connection->accepted.charge, &session->session_objects.account);
}
