/* gate.c: when gates wait, and when they are tried again. */
#include "gate.h"

#include "daemon/base/metrics.h"
#include "fd_table.h"
#include "limit.h"
#include "proto/container.h"
#include "refusal.h"

#include <assert.h>
#include <inttypes.h>

enum { USERS_A_TURN = 16 };

void gate_init(struct gate *gate, struct user *user, void (*opened)(struct gate *gate)) {
    *gate = (struct gate){.user = user, .opened = opened};
}

void gate_deinit(struct gate *gate) {
    if (ring_has(&gate->node))
        ring_remove(&gate->node);
}

/* Whether uids with discarded descriptors must wait until descriptors are closed. */
static bool is_short(const struct fd_table *fd_table) {
    return !fd_table_roomy(fd_table) || !fd_table_may_waste(fd_table, FD_TABLE_RECEIVE);
}

bool gates_may_receive(const struct user *user) {
    const struct fd_table *fd_table = user->users->fd_table;
    if (!fd_table_may_receive(fd_table))
        return false;
    if (!user->discards)
        return true;
    return !is_short(fd_table) &&
           (user->discards <= GATE_FEW ||
            limit_places(user) + user->discards + FD_TABLE_RECEIVE <= limit_of(user, USER_DESCRIPTORS));
}

int gates_admit(const struct user *user, struct refusal *refusal) {
    uint64_t places = limit_places(user) + user->discards, limit = limit_of(user, USER_DESCRIPTORS);
    if (user->discards <= GATE_FEW || places < limit)
        return 0;
    metrics_add(METRIC_LIMITS_TABLE, 1);
    return refusal_set(refusal, REFUSAL_LIMIT, NULL, "try again when some are closed",
                       "limit of descriptors: uid %" PRIu64 " has %" PRIu64 " of %" PRIu64
                       " in the broker's table, %u of which are being closed",
                       user->uid, places, limit, user->discards);
}

void gate_wait(struct gate *gate) {
    struct user *user = gate->user;
    if (!ring_has(&gate->node))
        ring_add(&user->gates, &gate->node);
    if (is_short(user->users->fd_table) && !ring_has(&user->starved))
        ring_add(&user->users->starved, &user->starved);
}

/* Tries each gate once: one that waits again is added to the other ring. */
static void try_gates(struct task *task) {
    struct user *user = CONTAINER_OF(task, struct user, look);
    struct ring *node;
    while (!turn_is_over(user->lane.turns) && (node = ring_first(&user->looked_at))) {
        struct gate *gate = CONTAINER_OF(node, struct gate, node);
        ring_remove(node);
        turn_spend(user->lane.turns, 1);
        gate->opened(gate);
    }
    if (!ring_is_empty(&user->looked_at))
        turn_queue(&user->lane, &user->look);
}

void gates_look(struct user *user) {
    if (ring_is_empty(&user->gates))
        return;
    ring_move_all(&user->looked_at, &user->gates);
    turn_queue(&user->lane, &user->look);
}

void gates_discard(struct user *user, unsigned n) {
    user->discards += n;
    fd_table_waste(user->users->fd_table, n);
}

void gates_discarded(struct user *user) {
    assert(user->discards);
    fd_table_give_wasted(user->users->fd_table, 1);
    user->discards--;
    if (gates_may_receive(user))
        gates_look(user);
}

void gates_discard_nobodys(struct fd_table *fd_table) { fd_table_waste(fd_table, 1); }

void gates_discarded_nobodys(struct fd_table *fd_table) { fd_table_give_wasted(fd_table, 1); }

void gates_after(struct users *users) {
    struct ring *node;
    for (int i = 0; i < USERS_A_TURN && (node = ring_first(&users->starved)); i++) {
        struct user *user = CONTAINER_OF(node, struct user, starved);
        if (!fd_table_may_receive(users->fd_table))
            return;
        ring_remove(node);
        if (gates_may_receive(user))
            gates_look(user);
        else if (is_short(users->fd_table))
            ring_add(&users->starved, node);
    }
}

void gates_init(struct user *user) {
    ring_init(&user->gates);
    ring_init(&user->looked_at);
    user->look.step = try_gates;
}

void gates_deinit(struct user *user) {
    assert(ring_is_empty(&user->gates) && ring_is_empty(&user->looked_at));
    turn_forget(&user->look);
    if (ring_has(&user->starved))
        ring_remove(&user->starved);
}
