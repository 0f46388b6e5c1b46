/* lanes.c: the queue of heads, and their chains. */
#include "lanes.h"

static uint64_t lane_of(const struct offload_job *job) { return job->uid << 1 | job->quick; }

static os_uid uid_of(uint64_t lane) { return lane >> 1; }

static void queue_add(struct lanes *lanes, struct offload_job *head) {
    head->next_uid = NULL;
    if (lanes->first)
        lanes->last->next_uid = head;
    else
        lanes->first = head;
    lanes->last = head;
    lanes->heads++;
}

static void chain_join(struct offload_job *head, struct offload_job *chain) {
    head->last->next = chain;
    head->last = chain->last;
}

/* Stuck jobs allowed per lane: fewer when many jobs are stuck, so that few uids do not use up the seats. */
static size_t stuck_most(const struct lanes *lanes) {
    return lanes->stuck < LANES_SEATS / 4 ? OFFLOAD_STUCK_MOST : 1;
}

/* The seat whose job the lane's other jobs must wait for, or NULL. */
static struct seat *seat_before(struct lanes *lanes, uint64_t lane) {
    struct seat *stuck = NULL;
    size_t n_stuck = 0;

    for (size_t i = 0; i < lanes->top; i++) {
        struct seat *seat = &lanes->seats[i];
        if (!seat->job || seat->lane != lane)
            continue;
        if (!seat->stuck)
            return seat;
        stuck = seat;
        n_stuck++;
    }
    return n_stuck < stuck_most(lanes) ? NULL : stuck;
}

void lanes_put(struct lanes *lanes, struct offload_job *chain) {
    uint64_t lane = lane_of(chain);
    struct seat *seat = seat_before(lanes, lane);

    if (seat && seat->chain) {
        chain_join(seat->chain, chain);
        return;
    }
    if (seat) {
        seat->chain = chain;
        return;
    }
    for (struct offload_job *head = lanes->first; head; head = head->next_uid) {
        if (lane_of(head) != lane)
            continue;
        chain_join(head, chain);
        return;
    }
    queue_add(lanes, chain);
}

/* Puts the jobs that waited for a stuck job of the lane where lanes_put now puts them. */
static void release_chains(struct lanes *lanes, uint64_t lane) {
    for (size_t i = 0; i < lanes->top; i++) {
        struct seat *seat = &lanes->seats[i];
        struct offload_job *chain = seat->chain;
        if (!seat->job || seat->lane != lane || !seat->stuck || !chain)
            continue;
        seat->chain = NULL;
        lanes_put(lanes, chain);
    }
}

bool lanes_are_scarce(const struct lanes *lanes) {
    return lanes->held + OFFLOAD_WORKERS + LANES_KEPT > LANES_SEATS;
}

bool lanes_seat_of(const struct lanes *lanes, os_uid uid) {
    for (size_t i = 0; i < lanes->top; i++)
        if (lanes->seats[i].job && uid_of(lanes->seats[i].lane) == uid)
            return true;
    return false;
}

static bool may_be_taken(const struct lanes *lanes, const struct offload_job *head) {
    return !lanes_are_scarce(lanes) || (!head->identity && !lanes_seat_of(lanes, head->uid));
}

size_t lanes_waiting(const struct lanes *lanes) {
    size_t n = 0;

    if (!lanes_are_scarce(lanes))
        return lanes->heads;
    for (const struct offload_job *head = lanes->first; head; head = head->next_uid)
        n += may_be_taken(lanes, head);
    return n;
}

static uint16_t *running_of(struct lanes *lanes, os_uid uid) { return &lanes->running[uid % LANES_UIDS]; }

/* The link to the head to run next: among the first LANES_LOOK, the first whose uid has nothing running, else the first. */
static struct offload_job **choose(struct lanes *lanes, struct offload_job **before) {
    struct offload_job **found = NULL, *previous = NULL;
    int looked = 0;

    *before = NULL;
    for (struct offload_job **link = &lanes->first; *link; link = &(*link)->next_uid) {
        if (may_be_taken(lanes, *link)) {
            bool fresh = !*running_of(lanes, (*link)->uid);
            if (!found || fresh) {
                found = link;
                *before = previous;
            }
            if (fresh || ++looked == LANES_LOOK)
                break;
        }
        previous = *link;
    }
    return found;
}

void lanes_take(struct lanes *lanes, struct seat *seat, int64_t now) {
    struct offload_job *before, **link = choose(lanes, &before), *job = *link;

    *link = job->next_uid;
    if (lanes->last == job)
        lanes->last = before;
    lanes->heads--;
    lanes->busy++;
    if ((size_t)(seat - lanes->seats) >= lanes->top)
        lanes->top = (size_t)(seat - lanes->seats) + 1;
    *seat = (struct seat){.job = job, .chain = job->next, .lane = lane_of(job), .started = now};
    ++*running_of(lanes, job->uid);
    if (seat->chain)
        seat->chain->last = job->last;
}

struct offload_job *lanes_finish(struct lanes *lanes, struct seat *seat) {
    struct seat was = *seat;

    *seat = (struct seat){0};
    lanes->busy--;
    lanes->stuck -= was.stuck;
    lanes->held -= was.held;
    if (!was.held)
        --*running_of(lanes, uid_of(was.lane));
    if (was.chain)
        lanes_put(lanes, was.chain);
    if (was.stuck)
        release_chains(lanes, was.lane);
    was.job->next = NULL;
    return was.job;
}

void lanes_hold(struct lanes *lanes, struct seat *seat) {
    if (seat->held)
        return;
    seat->held = true;
    lanes->held++;
    --*running_of(lanes, uid_of(seat->lane));
}

void lanes_stick(struct lanes *lanes, struct seat *seat) {
    if (seat->stuck)
        return;
    lanes_hold(lanes, seat);
    seat->stuck = true;
    lanes->stuck++;
    release_chains(lanes, seat->lane);
}
