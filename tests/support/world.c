/* world.c: puts the same parts together as broker.c. */
#define _GNU_SOURCE

#include "world.h"

#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/offload.h"
#include "daemon/loop/poller.h"
#include "daemon/object/binding.h"
#include "daemon/object/bound.h"
#include "daemon/object/cause.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/objects.h"
#include "daemon/object/pollable.h"
#include "daemon/object/split_watch.h"
#include "daemon/object/stream.h"
#include "daemon/session/connection.h"
#include "daemon/session/dispatch.h"
#include "proto/transport.h"
#include "tests/support/on_socket.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TURNS = 200, /* until nothing happens; more would be a loop without end */
    CLOSES = 65536,
    PATIENCE_US = 20000000,
    PAUSE_US = 200
};

struct world world;

static void on_pollers_have(void *context, size_t n_fds) {
    (void)context;
    kept_set_slots(&world.poller_fds, &world.fd_table, n_fds);
}

static void on_ready(void *context, uint64_t token, unsigned events) {
    struct object *object = registry_find(&world.registry, split_watch_id(token));

    (void)context;
    if (object)
        descriptor_on_ready(bound_of_object(object), token, events);
}

static void on_stop(struct loop_timer *timer) { loop_stop(timer->loop); }

static void after(void *context) {
    world.calls++;
    sessions_after(context);
}

bool world_turn(int64_t pause_us) {
    world.calls = 0;
    require(loop_timer_set(world.loop, &world.stop, os_now_us() + pause_us) == 0);
    require(loop_run(world.loop) == 0);
    if (turns_round(&world.users.turns, after, &world.sessions))
        return true;
    return world.calls > 1;
}

/* A lane rests for a moment: the machine was late once, under a sanitizer for instance. */
static bool rests_a_moment(void) {
    const struct turns *turns = &world.users.turns;
    int64_t now = os_now_us();

    for (const struct ring *node = turns->resting.next; node != &turns->resting; node = node->next)
        if (CONTAINER_OF((uintptr_t)node, struct lane, node)->rest_until < now + TURN_REST_FIRST_US)
            return true;
    return false;
}

static bool wait_for_rest(void) {
    bool rests = rests_a_moment();

    if (rests)
        (void)world_turn(PAUSE_US);
    return rests;
}

void world_until_idle(void) {
    do {
        for (int i = 0; world_turn(0); i++)
            require(i < TURNS);
    } while (wait_for_rest());
}

bool world_until(bool (*condition)(void)) {
    int64_t deadline = os_now_us() + PATIENCE_US;

    while (!condition() && os_now_us() < deadline)
        (void)world_turn(PAUSE_US);
    return condition();
}

size_t world_count_fds(void) {
    DIR *folder = opendir("/proc/self/fd");
    size_t n = 0;

    require(folder);
    while (readdir(folder))
        n++;
    (void)closedir(folder);
    return n;
}

static void make_parts(void) {
    world.loop = loop_new();
    require(world.loop);
    world.offload = offload_new(world.loop);
    world.closer = closer_new(world.loop, world.offload, CLOSES);
    world.pollers = pollers_new(world.loop, on_ready, on_pollers_have, NULL);
    require(world.offload && world.closer && world.pollers);
    inspect_init(OS_FD_NONE);
    require(stream_init() == 0 && pollable_init() == 0);
    policy_init(&world.policy, peer_self(), false);
    loop_ready(world.loop, on_ready, NULL);
}

void world_make(size_t free_slots) {
    size_t limit = world_count_fds() + 32 + FD_TABLE_KEEP + free_slots;

    (void)signal(SIGPIPE, SIG_IGN);
    memset(&world, 0, sizeof world);
    make_parts();
    const struct env env = {.own = peer_self(),
                            .loop = world.loop,
                            .engine = loop_engine(world.loop),
                            .offload = world.offload,
                            .closer = world.closer,
                            .pollers = world.pollers,
                            .fd_table = &world.fd_table,
                            .users = &world.users};
    require(objects_init(&world.registry, &env) == 0);
    require(sessions_init(&world.sessions, world.loop, &world.registry, &world.policy, dispatch_frame) == 0);
    world.stop.fn = on_stop;
    loop_after(world.loop, after, &world.sessions);
    fd_table_init(&world.fd_table, limit, world_count_fds());
    require(users_init(&world.users, peer_self(), &world.fd_table, 1) == 0);
    world.used = world.fd_table.used;
    world_until_idle();
}

static bool nothing_is_bound(void) { return world.registry.bounds.used == 0; }

void world_free(void) {
    require(world_until(nothing_is_bound));
    sessions_deinit(&world.sessions);
    closer_stop(world.closer);
    require(!pollers_free(world.pollers));
    require(!offload_free(world.offload));
    closer_free(world.closer);
    objects_deinit(&world.registry);
    if (world.owner)
        user_unref(world.owner);
    users_deinit(&world.users, false);
    loop_timer_free(&world.stop);
    loop_free(world.loop);
}

/* ---- what there is without connections --------------------------------------------------------------------------- */

void world_own(struct user *user) {
    world.owner = user;
    session_objects_init(&world.owners, &world.registry, user, 1, "owner", 1);
    require(numbering_get(&world.owners.numberings, 0, &world.place) == 0);
}

struct binding *world_bind(int64_t number, int fd) {
    struct binding_claim claim;
    struct refusal refusal;

    require(fd >= 0);
    fd_table_take(&world.fd_table, 1);
    require(binding_claim(&world.owners, number_key(world.place, number), fd, false, 1, &claim, &refusal) ==
            0);
    return claim.binding;
}

void world_turns(void) {
    while (turns_round(&world.users.turns, after, &world.sessions))
        continue;
}

void world_end(struct session_objects *session_objects) {
    struct turns *turns = &world.users.turns;
    turns->left = TURN_UNITS;
    turns->cut = false;
    while (!session_objects_end(session_objects, CAUSE_EXPIRED)) {
        turns_finish(turns);
        turns->left = TURN_UNITS;
        turns->cut = false;
    }
    session_objects_deinit(session_objects);
    turns_finish(turns);
}

void world_disown(void) { world_end(&world.owners); }

/* ---- and connections --------------------------------------------------------------------------------------------- */

int world_connect(void) {
    struct peer peer = {.uid = peer_self(), .pid = (unsigned)getpid()};
    struct refusal refusal;
    int pair[2], small = 4096; /* so that a client that does not read is soon noticed */

    require(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    for (int i = 0; i < 2; i++)
        require(fcntl(pair[i], F_SETFD, FD_CLOEXEC) == 0 && fcntl(pair[i], F_SETFL, O_NONBLOCK) == 0);
    require(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) == 0);
    struct user *user = user_ref(&world.users, peer.uid);
    require(user);
    struct accepted accepted = {.transport = on_socket(pair[0])};
    kept_set_slots(&accepted.socket, &world.fd_table, 1);
    charge_init(&accepted.charge, user, NULL);
    user_unref(user);
    if (!limit_may_connect(user) || charge_take(&accepted.charge, USER_CONNECTIONS, 1, &refusal)) {
        /* The listener would have turned it away. */
        kept_release(&accepted.socket);
        charge_deinit(&accepted.charge);
        os_close(pair[0]);
        os_close(pair[1]);
        return -1;
    }
    require(connection_new(&world.sessions, &accepted, &peer, &refusal));
    return pair[1];
}
