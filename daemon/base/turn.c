/* turn.c: runs the lanes round robin. */
#include "turn.h"

#include "proto/container.h"
#include "proto/os.h"

#include <assert.h>

void turns_init(struct turns *turns) {
    *turns = (struct turns){0};
    ring_init(&turns->lanes);
    ring_init(&turns->resting);
}

void lane_init(struct lane *lane, struct turns *turns) {
    *lane = (struct lane){.turns = turns};
    ring_init(&lane->tasks);
}

void lane_deinit(struct lane *lane) {
    assert(ring_is_empty(&lane->tasks));
    if (ring_has(&lane->node))
        ring_remove(&lane->node);
    if (lane->turns->last == lane)
        lane->turns->last = NULL;
}

void turn_queue(struct lane *lane, struct task *task) {
    if (ring_has(&task->node))
        return;
    ring_add(&lane->tasks, &task->node);
    if (!ring_has(&lane->node))
        ring_add(lane->rest_until ? &lane->turns->resting : &lane->turns->lanes, &lane->node);
}

void turn_forget(struct task *task) {
    if (ring_has(&task->node))
        ring_remove(&task->node);
}

/* Runs at least one step. A step that ends the last object of a uid frees the lane, too: then turns->last is no longer this lane. */
static void run(struct turns *turns, struct lane *lane) {
    turns->left = TURN_UNITS;
    do {
        struct ring *first = ring_first(&lane->tasks);
        if (!first)
            break;
        ring_remove(first);
        struct task *task = CONTAINER_OF(first, struct task, node);
        turn_spend(turns, 1);
        task->step(task);
    } while (turns->last == lane && !turn_is_over(turns));
    turns->cut = false;
}

void turn_cut_if_long(struct turns *turns) { turns->cut = os_coarse_us() - turns->tick >= TURN_LONG_US; }

static void rest(struct lane *lane, int64_t us) {
    int64_t pause = us * TURN_REST;
    lane->rest_until = os_now_us() + (pause < TURN_REST_MOST_US ? pause : TURN_REST_MOST_US);
    if (!ring_has(&lane->node))
        return;
    ring_remove(&lane->node);
    ring_add(&lane->turns->resting, &lane->node);
}

/* Reads the thread's CPU time when the coarse clock has moved. Called at the beginning of a round, too, so that no lane is charged for
 * the time between rounds. */
static void read_times(struct turns *turns, int64_t tick) {
    if (tick == turns->tick)
        return;
    turns->tick = tick;
    turns->spent = os_thread_us();
}

/* Reads the coarse clock after each turn. If it has moved far, the turn was long, or another process had the processor: the thread's CPU
 * time decides. */
static void rest_if_long(struct turns *turns) {
    int64_t tick = os_coarse_us(), before = turns->spent, units = TURN_UNITS - turns->left;
    bool far = tick - turns->tick >= TURN_LONG_US;
    read_times(turns, tick);
    if (far && turns->last && turns->spent - before > TURN_LONG_US + units * TURN_UNIT_MOST_US)
        rest(turns->last, turns->spent - before);
}

/* Returns the lanes whose rest is over to turns->lanes. */
static void end_rests(struct turns *turns) {
    struct ring *node = turns->resting.next, *next;
    int64_t now = node == &turns->resting ? 0 : os_now_us();
    for (; node != &turns->resting; node = next) {
        struct lane *lane = CONTAINER_OF(node, struct lane, node);
        next = node->next;
        if (lane->rest_until > now)
            continue;
        lane->rest_until = 0;
        ring_remove(node);
        ring_add(&turns->lanes, node);
    }
}

static void take_turn(struct turns *turns, struct lane *lane) {
    turns->last = lane;
    run(turns, lane);
    if (turns->last == lane && !ring_is_empty(&lane->tasks) && !ring_has(&lane->node))
        ring_add(lane->rest_until ? &turns->resting : &turns->lanes, &lane->node);
}

bool turns_round(struct turns *turns, void (*after)(void *context), void *context) {
    struct ring round, *node;
    turns->rounds++;
    end_rests(turns);
    if (!turns_have_work(turns))
        return false;
    read_times(turns, os_coarse_us());
    ring_init(&round);
    ring_move_all(&round, &turns->lanes);
    while ((node = ring_first(&round))) {
        ring_remove(node);
        take_turn(turns, CONTAINER_OF(node, struct lane, node));
        after(context);
        rest_if_long(turns);
    }
    turns->last = NULL;
    return !ring_is_empty(&turns->lanes);
}

int64_t turns_rest(struct turns *turns) {
    int64_t first = INT64_MAX;
    for (struct ring *node = turns->resting.next; node != &turns->resting; node = node->next) {
        const struct lane *lane = CONTAINER_OF(node, struct lane, node);
        if (lane->rest_until < first)
            first = lane->rest_until;
    }
    return first;
}

void turns_finish(struct turns *turns) {
    struct ring *node;
    ring_move_all(&turns->lanes, &turns->resting);
    while ((node = ring_first(&turns->lanes))) {
        struct lane *lane = CONTAINER_OF(node, struct lane, node);
        ring_remove(node);
        lane->rest_until = 0;
        take_turn(turns, lane);
    }
}
