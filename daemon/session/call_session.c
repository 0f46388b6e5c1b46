/* call_session.c: hello. */
#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/holders.h"
#include "daemon/access/kept.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/base/metrics.h"
#include "daemon/object/cause.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "daemon/object/inspect.h"
#include "daemon/readiness/engine.h"
#include "dispatch.h"
#include "features.h"
#include "inflight.h"
#include "inquiry.h"
#include "lease.h"
#include "notice_session.h"
#include "owner.h"
#include "proto/container.h"
#include "proto/frame.h"
#include "proto/transport.h"
#include "recording.h"
#include "session.h"
#include "target.h"

#include "portd_version.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, KEPT_FEATURES = 2 /* of a broker with a keeper */ };

/* A process that a hello names. */
struct nominee {
    struct owner_process process;
    os_fd *attached;    /* where its pidfd is in the frame; NULL: opened here */
    struct kept opened; /* the place of one that was opened here */
};

/* A hello after parsing. */
struct admission {
    struct session *session; /* existing one; NULL: a new one is made */
    struct nominee
        nominees[OWNERS_MAX +
                 1]; /* owners, outermost first; then the process of the numbers, if named separately */
    size_t n_owners, n;
    size_t n_attached; /* of those: their pidfds are in the frame, in the same order */
    uint64_t numbers;  /* key of the process whose descriptor numbers are meant; 0: none */
};

/* The member of the hello in which the owners are named. */
static const char *owners_field(const Portd__V1__Hello *hello) {
    return hello->owner_pid         ? "owner_pid"
           : hello->n_owner_pids    ? "owner_pids"
           : hello->owners_attached ? "owners_attached"
                                    : "owner_attached";
}

static size_t count_owners(const Portd__V1__Hello *hello) {
    return (hello->owner_attached ? 1u : 0u) + (hello->owner_pid ? 1u : 0u) + hello->owners_attached +
           hello->n_owner_pids;
}

static int check_owners(const Portd__V1__Hello *hello, size_t n_fds, struct refusal *refusal) {
    int forms = (hello->owner_attached != 0) + (hello->owner_pid != 0) + (hello->owners_attached != 0) +
                (hello->n_owner_pids != 0);
    bool numbers =
        hello->numbers_case == PORTD__V1__HELLO__NUMBERS_NUMBERS_ATTACHED && hello->numbers_attached;
    if (hello->owners_attached > OWNERS_MAX || hello->n_owner_pids > OWNERS_MAX)
        return refusal_set(refusal, REFUSAL_INVALID, "owners_attached", NULL, "at most %d owners",
                           (int)OWNERS_MAX);
    if (n_fds != (hello->owner_attached ? 1u : 0u) + hello->owners_attached + (numbers ? 1u : 0u))
        return refusal_set(
            refusal, REFUSAL_MISMATCH, "owner_attached", NULL,
            "owner_attached, owners_attached and numbers_attached do not match the %zu attached descriptors",
            n_fds);
    if (forms > 1)
        return refusal_set(refusal, REFUSAL_INVALID, "owner_pid", NULL, "duplicate owner");
    if (hello->numbers_case == PORTD__V1__HELLO__NUMBERS_NUMBERS_OWNER &&
        (hello->numbers_owner < 1 || hello->numbers_owner > count_owners(hello)))
        return refusal_set(refusal, REFUSAL_INVALID, "numbers_owner", "owners are counted from 1",
                           "no owner %u", (unsigned)hello->numbers_owner);
    return 0;
}

static int check(const Portd__V1__Hello *hello, struct refusal *refusal) {
    bool token = hello->token[0] != 0, owner = count_owners(hello) > 0;
    if (hello->version_min > VERSION || hello->version_max < VERSION)
        return refusal_set(refusal, REFUSAL_VERSION, "version_min", "use a client of the broker's release",
                           "the broker speaks version 1, the client %u to %u", hello->version_min,
                           hello->version_max);
    if (strlen(hello->client) > SESSION_CLIENT_MAX)
        return refusal_set(refusal, REFUSAL_INVALID, "client", NULL, "a client name is limited to 64 bytes");
    if (token && (owner || hello->new_ || hello->find || hello->private_ || hello->ttl_us))
        return refusal_set(
            refusal, REFUSAL_INVALID, "token", NULL,
            "a token names an existing session and excludes owner, new, find, private and ttl");
    if (hello->new_ && !owner && !hello->ttl_us)
        return refusal_set(refusal, REFUSAL_INVALID, "new", NULL, "new requires an owner or a ttl");
    if (hello->find && (!owner || hello->new_ || hello->private_ || hello->ttl_us))
        return refusal_set(refusal, REFUSAL_INVALID, "find", NULL,
                           "find requires an owner and excludes new, private and ttl");
    if (hello->ttl_us > INT64_MAX)
        return refusal_set(refusal, REFUSAL_INVALID, "ttl_us", NULL, "the time to live is too large");
    return 0;
}

static int find_token(struct call *call, const Portd__V1__Hello *hello, struct admission *admission) {
    admission->session = session_find_token(call->connection->all, hello->token);
    if (admission->session && admission->session->uid == call->connection->peer.uid)
        return 0;
    return refusal_set(&call->refusal, REFUSAL_NOT_FOUND, "token", "start a new session",
                       "no session with this token for this uid");
}

/* ---- processes --------------------------------------------------------------------------------------------------- */

/* Without a worker that asks, the hello can only be tried again. */
static int refuse_unasked(struct call *call, const char *field) {
    return target_check_workers(call) ? -1 : inquiry_refuse_untold(field, &call->refusal);
}

static int identify(struct call *call, struct nominee *nominee, const char *field) {
    struct owner_process *process = &nominee->process;
    process->pid = inquiry_pid(call->connection->inquiry, process->fd);
    int error = inspect_pidfd(process->fd, &process->key, &process->pid);
    if (error == -EAGAIN && !call->connection->inquiry)
        return refuse_unasked(call, field);
    return error ? refusal_set(&call->refusal, REFUSAL_INVALID, field,
                               "attach a pidfd from pidfd_open without PIDFD_THREAD",
                               "an attached descriptor is not a pidfd of a process")
                 : 0;
}

static int nominate_attached(struct call *call, struct admission *admission, size_t n, const char *field) {
    for (size_t i = 0; i < n; i++) {
        struct nominee *nominee = &admission->nominees[admission->n++];
        nominee->attached = &call->frame->fds[admission->n_attached++];
        nominee->process.fd = *nominee->attached;
        if (identify(call, nominee, field))
            return -1;
    }
    return 0;
}

static int nominate_pid(struct call *call, struct admission *admission, uint32_t pid, const char *field) {
    struct connection *connection = call->connection;
    struct nominee *nominee = &admission->nominees[admission->n];
    if (!limit_may_keep(connection->user, 1, 1))
        return holders_refuse_table(connection->user, &call->refusal);
    nominee->process.fd = inspect_open_pid(pid, &nominee->process.key);
    if (nominee->process.fd == OS_FD_NONE)
        return refusal_set(&call->refusal, REFUSAL_INVALID, field, NULL, "no process %u: %s", (unsigned)pid,
                           os_error_text(errno));
    nominee->process.pid = pid;
    kept_set_slots(&nominee->opened, connection->all->env->fd_table, 1);
    admission->n++;
    return 0;
}

/* A pid of another namespace would name another process here. Without a free slot nominate_pid refuses. */
static int check_namespace(struct call *call) {
    const struct connection *connection = call->connection;
    if (!limit_may_keep(connection->user, 1, 1))
        return 0;
    if (!connection->inquiry)
        return refuse_unasked(call, "owner_pids");
    return inquiry_check_pids(connection->inquiry, &call->refusal);
}

/* Without one the session would end at once. */
static int check_alive(struct admission *admission, const char *field, struct refusal *refusal) {
    struct engine_probe probes[OWNERS_MAX];
    bool alive = !admission->n_owners;
    for (size_t i = 0; i < admission->n_owners; i++)
        probes[i] = (struct engine_probe){admission->nominees[i].process.fd, ENGINE_READ, 0};
    if (!alive && engine_probe(probes, admission->n_owners))
        return 0;
    for (size_t i = 0; i < admission->n_owners; i++)
        alive = alive || !(probes[i].events & ENGINE_READ);
    return alive ? 0 : refusal_set(refusal, REFUSAL_INVALID, field, NULL, "no owner is alive");
}

static int nominate_owners(struct call *call, const Portd__V1__Hello *hello, struct admission *admission) {
    int result = inquiry_names_pids(hello) ? check_namespace(call) : 0;
    if (!result)
        result = nominate_attached(call, admission, (hello->owner_attached ? 1 : 0) + hello->owners_attached,
                                   owners_field(hello));
    if (!result && hello->owner_pid)
        result = nominate_pid(call, admission, hello->owner_pid, "owner_pid");
    for (size_t i = 0; i < hello->n_owner_pids && !result; i++)
        result = nominate_pid(call, admission, hello->owner_pids[i], "owner_pids");
    admission->n_owners = admission->n;
    return result ? result : check_alive(admission, owners_field(hello), &call->refusal);
}

/* The key of the process that connected. */
static uint64_t peer_key(const struct connection *connection) {
    os_fd opened;
    if (!fd_table_may_keep(connection->all->env->fd_table, 1))
        return connection->peer.pid;
    uint64_t key = inspect_peer(transport_peer(connection->channel.transport), connection->peer.pid, &opened);
    discard_opened(connection->all->env->closer, connection->user, opened);
    return key;
}

static int nominate_numbers(struct call *call, const Portd__V1__Hello *hello, struct admission *admission) {
    int result = 0;
    switch (hello->numbers_case) {
    case PORTD__V1__HELLO__NUMBERS_NUMBERS_OWNER:
        admission->numbers = admission->nominees[hello->numbers_owner - 1].process.key;
        return 0;
    case PORTD__V1__HELLO__NUMBERS_NUMBERS_NOBODY:
        return 0;
    case PORTD__V1__HELLO__NUMBERS_NUMBERS_ATTACHED:
        result = nominate_attached(call, admission, 1, "numbers_attached");
        break;
    case PORTD__V1__HELLO__NUMBERS_NUMBERS_PID:
        result = nominate_pid(call, admission, hello->numbers_pid, "numbers_pid");
        break;
    default:
        admission->numbers = peer_key(call->connection);
        return 0;
    }
    if (!result)
        admission->numbers = admission->nominees[admission->n - 1].process.key;
    return result;
}

/* Closes the pidfds opened here that no session took. */
static void close_untaken(const struct connection *connection, struct admission *admission) {
    for (size_t i = 0; i < admission->n; i++) {
        struct nominee *nominee = &admission->nominees[i];
        if (nominee->attached || nominee->process.fd == OS_FD_NONE)
            continue;
        kept_hand_on(&nominee->opened);
        discard_close(connection->all->env->closer, connection->user, nominee->process.fd);
    }
}

/* ---- the session ------------------------------------------------------------------------------------------------- */

static bool has_owner(const struct admission *admission, uint64_t key) {
    size_t i = 0;
    while (i < admission->n_owners && admission->nominees[i].process.key != key)
        i++;
    return i < admission->n_owners;
}

static int find_owner(struct call *call, const Portd__V1__Hello *hello, struct admission *admission) {
    const struct connection *connection = call->connection;
    struct session *session = NULL;
    if (!hello->new_ && has_owner(admission, admission->numbers))
        session = session_find_owner(connection->all, connection->peer.uid, admission->numbers);
    for (size_t i = 0; i < admission->n_owners && !session && !hello->new_; i++)
        session =
            session_find_owner(connection->all, connection->peer.uid, admission->nominees[i].process.key);
    admission->session = session;
    if (session && hello->ttl_us)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "ttl_us", "request a new session",
                           "the process already has a session, and its ttl cannot be changed");
    if (session && hello->private_ && !session->private)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "private", "request a new session",
                           "the process already has a session, and it is not private");
    if (!session && hello->find)
        return refusal_set(&call->refusal, REFUSAL_NOT_FOUND, "find", NULL, "the process has no session");
    return 0;
}

/* Adds all owners, or none: on failure it removes those it has added. */
static int add_owners(struct call *call, struct admission *admission) {
    struct session *session = admission->session;
    const struct owner *last = session->lease.owners ? session->lease.owners->prev : NULL;
    if (session->recorded && admission->n_owners && recording_check(call->connection->all, &call->refusal))
        return -1;
    for (size_t i = 0; i < admission->n_owners; i++) {
        struct nominee *nominee = &admission->nominees[i];
        int result = session_add_owner(session, &nominee->process, &call->refusal);
        if (result < 0) {
            while (session->lease.owners && session->lease.owners->prev != last)
                owner_remove(session->lease.owners->prev);
            return -1;
        }
        if (result && nominee->attached)
            *nominee->attached = OS_FD_NONE;
        if (result)
            nominee->process.fd = OS_FD_NONE;
        if (result && !nominee->attached)
            kept_hand_on(&nominee->opened);
    }
    recording_add_owners(session);
    return 0;
}

static int make_session(struct call *call, const Portd__V1__Hello *hello, struct admission *admission) {
    struct connection *connection = call->connection;
    struct session *session = session_new(connection->all, connection->user, hello->client, &call->refusal);
    if (!session)
        return -1;
    admission->session = session;
    session->separate = hello->new_;
    session->private = hello->private_;
    if (hello->ttl_us && lease_limit(&session->lease, connection->all->loop, (int64_t)hello->ttl_us))
        return refusal_memory(&call->refusal);
    if (hello->new_ || hello->ttl_us)
        session_keep(session);
    return 0;
}

/* Gives the connection its numbering and the session its owners; if that fails, a new session is ended. The numbering comes
 * first: it is easier to undo than an owner. */
static int admit(struct call *call, const Portd__V1__Hello *hello, struct admission *admission) {
    bool made = !admission->session;
    struct numberings *numberings;
    uint64_t place;
    if (made && make_session(call, hello, admission))
        goto fail;
    numberings = &admission->session->session_objects.numberings;
    if (numbering_get(numberings, admission->numbers, &place)) {
        refusal_memory(&call->refusal);
        goto fail;
    }
    if (hello->find || !add_owners(call, admission)) {
        call->connection->place = place;
        return 0;
    }
    numbering_unref(numberings, place);
fail:
    if (made && admission->session)
        session_end(admission->session, CAUSE_EXPIRED);
    return -1;
}

static int welcome(struct call *call, struct session *session, bool joined) {
    static char broker[] = PORTD_VERSION, resume[] = "resume", upgrade[] = "upgrade";
    Portd__V1__Welcome welcome = PORTD__V1__WELCOME__INIT;
    char token[SESSION_TOKEN_MAX];
    session_write_token(session, token);
    welcome.version = VERSION;
    welcome.broker = broker;
    welcome.session = session->id;
    welcome.token = token;
    welcome.joined = joined;
    welcome.window = CONNECTION_WINDOW;
    welcome.wait_targets = FRAME_TARGETS_MAX;
    char **listed = features_list(limit_is_admin(call->connection->user), &welcome.n_features);
    char *features[FEATURES_MAX] = {resume, upgrade};
    memcpy(features + KEPT_FEATURES, listed, welcome.n_features * sizeof *features);
    welcome.features = features + KEPT_FEATURES;
    if (recording_is_needed(call->connection->all)) {
        welcome.features = features;
        welcome.n_features += KEPT_FEATURES;
    }
    return call_answer(call, PORTD__V1__REPLY__RESULT_HELLO, &welcome);
}

int call_hello(struct call *call) {
    const Portd__V1__Hello *hello = call->request->hello;
    struct connection *connection = call->connection;
    struct admission admission = {0};
    bool joined;
    int result = check(hello, &call->refusal);
    if (!result)
        result = check_owners(hello, call->frame ? call->frame->n_fds : 0, &call->refusal);
    if (!result && hello->token[0])
        result = find_token(call, hello, &admission);
    if (!result)
        result = nominate_owners(call, hello, &admission);
    if (!result)
        result = nominate_numbers(call, hello, &admission);
    if (!result && admission.n_owners)
        result = find_owner(call, hello, &admission);
    joined = admission.session != NULL;
    if (!result)
        result = admit(call, hello, &admission);
    close_untaken(connection, &admission);
    if (result)
        return -1;
    if (joined)
        metrics_add(METRIC_SESSIONS_JOINED, 1);
    connection->session = call->session = admission.session;
    connection->session_id = call->session->id;
    connection->reach = hello->reach;
    notice_session_connected(connection);
    session_join(admission.session, connection);
    connection->channel.max = FRAME_LONG_MAX; /* of a write; see peek_may_be_long */
    return welcome(call, admission.session, joined);
}
