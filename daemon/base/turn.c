/* turn.c: runs the lanes round robin. */
#include "turn.h"

#include "proto/container.h"
#include "proto/os.h"

#include <assert.h>

void turns_init(struct turns *turns) {
    *turns = (struct turns){.left = TURN_UNITS};
    ring_init(&turns->lanes);
    ring_init(&turns->resting);
}

void lane_init(struct lane *lane, struct turns *turns) {
    *lane = (struct lane){.turns = turns};
    ring_init(&lane->tasks);
    ring_init(&lane->giving);
}

static bool has_tasks(const struct lane *lane) {
    return !ring_is_empty(&lane->tasks) || !ring_is_empty(&lane->giving);
}

void lane_deinit(struct lane *lane) {
    assert(!has_tasks(lane));
    if (ring_has(&lane->node))
        ring_remove(&lane->node);
    if (lane->turns->last == lane)
        lane->turns->last = NULL;
}

/* The tasks that may run now. */
static struct ring *runnable(struct lane *lane) { return lane->rest_until ? &lane->giving : &lane->tasks; }

static void put(struct lane *lane) {
    if (ring_has(&lane->node))
        ring_remove(&lane->node);
    ring_add(ring_is_empty(runnable(lane)) ? &lane->turns->resting : &lane->turns->lanes, &lane->node);
}

void turn_queue(struct lane *lane, struct task *task) {
    if (ring_has(&task->node))
        return;
    bool gives = lane->rest_until && task->gives, first = ring_is_empty(&lane->giving);
    ring_add(gives ? &lane->giving : &lane->tasks, &task->node);
    if (!ring_has(&lane->node) || (gives && first))
        put(lane);
}

void turn_give(struct lane *lane, struct task *task) {
    task->gives = true;
    if (lane->rest_until) /* it may be among those that wait */
        turn_forget(task);
    turn_queue(lane, task);
}

void turn_forget(struct task *task) {
    if (ring_has(&task->node))
        ring_remove(&task->node);
}

void turn_cut_if_long(struct turns *turns) {
    turns->cut = turns->cut || os_coarse_us() - turns->tick >= TURN_LONG_US;
}

/* Runs at least one step. A step that ends the last object of a uid frees the lane, too: then turns->last is no longer this lane. Any step
 * may make a long call, so the clock is read before a further one. */
static void run(struct turns *turns, struct lane *lane) {
    struct ring *first = ring_first(runnable(lane));
    turns->left = TURN_UNITS;
    turns->cut = false;
    while (first && !turn_is_over(turns)) {
        ring_remove(first);
        struct task *task = CONTAINER_OF(first, struct task, node);
        turn_spend(turns, 1);
        task->step(task);
        if (turns->last != lane)
            break;
        first = ring_first(runnable(lane));
        if (first)
            turn_cut_if_long(turns);
    }
}

static int64_t lower(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t higher(int64_t a, int64_t b) { return a > b ? a : b; }

bool lane_owes(const struct lane *lane) {
    int64_t until = higher(lane->owes_until, lane->rest_until);
    return until && until > os_now_us();
}

static void part_giving(struct lane *lane) {
    for (struct ring *node = lane->tasks.next, *next; node != &lane->tasks; node = next) {
        next = node->next;
        if (!CONTAINER_OF(node, struct task, node)->gives)
            continue;
        ring_remove(node);
        ring_add(&lane->giving, node);
    }
}

static void end_rest(struct lane *lane) {
    lane->rest_until = 0;
    ring_move_all(&lane->tasks, &lane->giving);
}

static void rest_until(struct lane *lane, int64_t until) {
    if (!lane->rest_until)
        part_giving(lane);
    lane->rest_until = until;
    lane->turns->rests_until = higher(lane->turns->rests_until, until);
    if (ring_has(&lane->node))
        put(lane);
}

static void rest(struct lane *lane, int64_t us) {
    int64_t now = os_now_us(), before = lane->owes_until > now ? lane->owes_until - now : 0;
    int64_t owed = lower(before + us * TURN_REST, TURN_REST_MOST_US);
    lane->owes_until = now + owed;
    rest_until(lane, now + (before ? owed : lower(owed, TURN_REST_FIRST_US)));
    if (lane->turns->rested)
        lane->turns->rested(lane, us, lane->rest_until - now);
}

/* For what was set apart. */
static void rest_briefly(struct lane *lane, int64_t us) {
    int64_t until = os_now_us() + us * TURN_REST_APART;
    if (until > lane->rest_until)
        rest_until(lane, until);
}

/* Reads the thread's CPU time, as the coarse clock has moved. Called at the beginning of a round, too, so that no lane is charged for
 * the time between rounds. */
static void read_times(struct turns *turns, int64_t tick) {
    turns->tick = tick;
    turns->spent = os_thread_us();
    turns->kernel = os_thread_kernel_us();
    turns->units = 0;
}

/* If the coarse clock has moved far, the turn was long, or another process had the processor: the thread's CPU time decides, in the kernel, because
 * the broker's own code is cut into steps, and only slow where it is emulated or instrumented. The kernel's share is sampled and jumps by some
 * ticks. So of the three times the shortest one counts, also in case a clock is wrong. 0: it was not long. */
static int64_t read_cost(struct turns *turns, int64_t tick) {
    int64_t passed = tick - turns->tick, spent = turns->spent, kernel = turns->kernel;
    int64_t units = turns->units + TURN_UNITS - turns->left;
    read_times(turns, tick);
    int64_t cost = lower(passed, lower(turns->spent - spent, turns->kernel - kernel));
    return passed >= TURN_LONG_US && cost > TURN_LONG_US + units * TURN_UNIT_MOST_US ? cost : 0;
}

void turn_set_apart(struct turns *turns) {
    int64_t tick = os_coarse_us();
    if (tick - turns->tick < TURN_LONG_US)
        return;
    turns->cut = true;
    turns->apart += read_cost(turns, tick);
}

static bool charge_lane(struct turns *turns, struct lane *lane, int64_t tick) {
    bool far = tick - turns->tick >= TURN_LONG_US;
    int64_t cost = read_cost(turns, tick), apart = turns->apart;
    turns->apart = 0;
    if (lane && cost)
        rest(lane, cost + apart);
    else if (lane && apart)
        rest_briefly(lane, apart);
    return far;
}

bool turn_charge(struct turns *turns, struct lane *lane) {
    int64_t tick = os_coarse_us();
    return (tick != turns->tick || turns->apart) && charge_lane(turns, lane, tick);
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
        end_rest(lane);
        ring_remove(node);
        ring_add(&turns->lanes, node);
    }
}

static void take_turn(struct turns *turns, struct lane *lane) {
    turns->last = lane;
    if (lane->rest_until && !lane_rests(lane))
        end_rest(lane);
    run(turns, lane);
    if (turns->last == lane && has_tasks(lane) && !ring_has(&lane->node))
        put(lane);
}

static void count_units(struct turns *turns) {
    turns->units += TURN_UNITS - turns->left;
    turns->left = TURN_UNITS;
}

bool turns_round(struct turns *turns, void (*after)(void *context), void *context) {
    struct ring round, *node;
    int64_t tick;
    turns->rounds++;
    turns->apart = 0;
    count_units(turns);
    end_rests(turns);
    if (!turns_have_work(turns))
        return false;
    tick = os_coarse_us();
    if (tick != turns->tick)
        read_times(turns, tick);
    ring_init(&round);
    ring_move_all(&round, &turns->lanes);
    while ((node = ring_first(&round))) {
        ring_remove(node);
        take_turn(turns, CONTAINER_OF(node, struct lane, node));
        after(context);
        count_units(turns);
        (void)turn_charge(turns, turns->last);
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
        end_rest(lane);
        take_turn(turns, lane);
    }
}
