/* call_session.c: hello and the end of a session. */
#include "dispatch.h"
#include "noting.h"

#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "daemon/object/indicator.h"

#include "portd_version.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { VERSION = 1, TTL_MIN_US = 1000 };

/* What a hello asks for, once it is understood. */
struct admission {
    struct session *session; /* one that exists */
    os_fd owner;             /* for a new one; OS_FD_NONE: none */
    uint64_t owner_key;
    uint32_t owner_pid;
};

static int check(const Portd__V1__Hello *hello, bool attached, struct refusal *refusal) {
    bool token = hello->token[0] != 0, owner = hello->owner_attached || hello->owner_pid;
    if (hello->version_min > VERSION || hello->version_max < VERSION)
        return refusal_set(
            refusal, REFUSAL_VERSION, "version_min", "use a client of the same age as the broker",
            "the broker speaks version 1, the client %u to %u", hello->version_min, hello->version_max);
    if (strlen(hello->client) > SESSION_CLIENT_MAX)
        return refusal_set(refusal, REFUSAL_INVALID, "client", NULL, "a client's name has at most 64 bytes");
    if (attached != (hello->owner_attached != 0))
        return refusal_set(refusal, REFUSAL_MISMATCH, "owner_attached", NULL,
                           "owner_attached and the attached descriptor do not agree");
    if (token && (owner || hello->new_ || hello->ttl_us))
        return refusal_set(refusal, REFUSAL_INVALID, "token", NULL,
                           "a token names a session that exists: no owner, new or ttl goes with it");
    if (hello->owner_attached && hello->owner_pid)
        return refusal_set(refusal, REFUSAL_INVALID, "owner_pid", NULL, "the owner is named twice");
    if (hello->new_ && !owner && !hello->ttl_us)
        return refusal_set(refusal, REFUSAL_INVALID, "new", NULL,
                           "without an owner every session is a new one");
    if (hello->ttl_us > INT64_MAX)
        return refusal_set(refusal, REFUSAL_INVALID, "ttl_us", NULL, "too long");
    return 0;
}

static int find_token(struct call *call, const Portd__V1__Hello *hello, struct admission *admission) {
    admission->session = session_find_token(call->connection->all, hello->token);
    if (admission->session && admission->session->uid == call->connection->peer.uid)
        return 0;
    return refusal_set(&call->refusal, REFUSAL_NOT_FOUND, "token", "start a new session",
                       "no session with that token (any more) for this uid");
}

/* The owner's session, or what is needed to make one. */
static int find_owner(struct call *call, const Portd__V1__Hello *hello, struct admission *admission) {
    struct connection *connection = call->connection;
    struct refusal *refusal = &call->refusal;
    if (hello->owner_attached) {
        admission->owner = call->fd;
    } else {
        if (!slots_may_keep(connection->all->registry->slots, 1))
            return users_refuse_table(connection->user->users, refusal);
        admission->owner = inspect_open_pid(hello->owner_pid);
        if (admission->owner == OS_FD_NONE)
            return refusal_set(refusal, REFUSAL_INVALID, "owner_pid", NULL, "no process %u: %s",
                               hello->owner_pid, strerror(errno));
        slots_take(connection->all->registry->slots, 1);
    }
    if (!inspect_pidfd(admission->owner, &admission->owner_key, &admission->owner_pid))
        return refusal_set(refusal, REFUSAL_INVALID, "owner_attached", "attach what pidfd_open gives",
                           "the attached descriptor is no pidfd");
    if (!hello->new_)
        admission->session = session_find_owner(connection->all, connection->peer.uid, admission->owner_key);
    if (admission->session && hello->ttl_us)
        return refusal_set(refusal, REFUSAL_INVALID, "ttl_us", "ask for a new session",
                           "that process has a session already, whose time cannot be changed");
    return 0;
}

/* Gives the new session what it ends with. */
static int bind_lease(struct call *call, struct session *session, const Portd__V1__Hello *hello,
                      struct admission *admission) {
    struct loop *loop = call->connection->all->loop;
    struct account *account = &session->belongings.account;
    int error;
    session->separate = hello->new_;
    if (hello->ttl_us && lease_limit(&session->lease, loop, (int64_t)hello->ttl_us))
        return refusal_set(&call->refusal, REFUSAL_LIMIT, NULL, NULL, "the broker is out of memory");
    if (admission->owner == OS_FD_NONE)
        return 0;
    if (!slots_may_keep(call->connection->all->registry->slots, 0))
        return users_refuse_table(call->connection->user->users, &call->refusal);
    if (account_take(account, USER_DESCRIPTORS, 1, &call->refusal))
        return -1;
    error = lease_own(&session->lease, loop, admission->owner, admission->owner_key, admission->owner_pid);
    if (error)
        return refusal_system(&call->refusal, -error, "cannot watch the owner");
    if (admission->owner == call->fd)
        dispatch_take(call);
    admission->owner = OS_FD_NONE;
    return 0;
}

static int make_session(struct call *call, const Portd__V1__Hello *hello, struct admission *admission) {
    struct connection *connection = call->connection;
    struct session *session = session_new(connection->all, connection->user, hello->client, &call->refusal);
    if (!session)
        return -1;
    if (bind_lease(call, session, hello, admission)) {
        session_end(session, CAUSE_EXPIRED);
        return -1;
    }
    admission->session = session;
    return 0;
}

static int welcome(struct call *call, struct session *session, bool joined) {
    static char broker[] = PORTD_VERSION;
    static char *features[] = {"handle-eventfd", "handle-epoll", "wait-one", "owner-pidfd",
                               "ports",          "stats",        "monitor"};
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
    welcome.features = features;
    welcome.n_features = sizeof features / sizeof *features;
    return dispatch_answer(call, PORTD__V1__REPLY__RESULT_HELLO, &welcome);
}

int call_hello(struct call *call) {
    const Portd__V1__Hello *hello = call->request->hello;
    struct connection *connection = call->connection;
    struct admission admission = {.owner = OS_FD_NONE};
    bool joined;
    int result = check(hello, call->fd != OS_FD_NONE, &call->refusal);
    if (!result && hello->token[0])
        result = find_token(call, hello, &admission);
    if (!result && (hello->owner_attached || hello->owner_pid))
        result = find_owner(call, hello, &admission);
    joined = admission.session != NULL;
    if (!result && !joined)
        result = make_session(call, hello, &admission);
    if (!result && joined)
        metrics_add(METRIC_SESSIONS_JOINED, 1);
    if (admission.owner != OS_FD_NONE && admission.owner != call->fd) {
        os_close(admission.owner); /* a pidfd of our own making */
        slots_give(connection->all->registry->slots, 1);
    }
    if (result)
        return -1;
    connection->session = call->session = admission.session;
    connection->session_id = call->session->id;
    noting_connected(connection);
    session_join(admission.session, connection);
    connection->channel.max = FRAME_LONG_MAX; /* of a write; see dispatch_may_be_long */
    return welcome(call, admission.session, joined);
}

int call_end_session(struct call *call) {
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    const struct connection *connection = call->connection;
    uint64_t id = call->request->end_session->id;
    struct session *session = id ? session_find(connection->all, id) : call->session;
    if (!session || (session->uid != connection->peer.uid &&
                     !policy_is_admin(connection->all->policy, &connection->peer)))
        return refusal_set(&call->refusal, REFUSAL_NOT_FOUND, "id", "list tells the sessions of this user",
                           "no session %" PRIu64 " that this user may end", id);
    dispatch_answer(call, PORTD__V1__REPLY__RESULT_END_SESSION, &done);
    session_end(session, CAUSE_EXPIRED);
    return 0;
}
