/* test_wait_walk.c: random walks of wake-one waits against a model that says which wait each activity answers.
 *
 * A few sockets have no room; waits of several clients are for their bytes, any or all of one or two of them, and are cancelled,
 * or time out. Bytes come one at a time and are taken or left; semaphores, other waits and room come and go meanwhile. An
 * activity answers the oldest wait-for-any that has it, else, of the waits-for-all that it completes, the one that has waited for
 * it longest, and no other. PORTD_WALK=N in the environment: one walk, from that seed. */
#include "ask.h"
#include "descriptors.h"

#include <poll.h>
#include <sys/socket.h>

enum { EVENTS = 4, CLIENTS = 3, WAITS = 10, STEPS = 400, WALKS = 6, NONE = -1 };

struct waiting {
    struct inflight *inflight; /* NULL: free */
    bool all;
    int targets[2];
    unsigned armed[2]; /* of one for all: an activity has to come yet, since that time */
    unsigned age;
};

struct walk {
    uint64_t random;
    portd_client *clients[CLIENTS];
    int ends[EVENTS][2];
    portd_id in[EVENTS], room[EVENTS];
    struct waiting waits[WAITS];
    unsigned age;
};

static unsigned draw(struct walk *walk, unsigned n) {
    walk->random ^= walk->random << 13;
    walk->random ^= walk->random >> 7;
    walk->random ^= walk->random << 17;
    return (unsigned)(walk->random >> 33) % n;
}

static bool is_ready(const struct walk *walk, int event) {
    struct pollfd one = {.fd = walk->ends[event][0], .events = POLLIN};

    return poll(&one, 1, 0) == 1;
}

/* Everything that was said to the clients has come. */
static void update(struct walk *walk) {
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(portd_ping(walk->clients[i], fixture_soon()), 1);
}

/* Only that one is answered (NONE: nobody), and no longer waits. */
static void check_answered(struct walk *walk, int who) {
    update(walk);
    for (int i = 0; i < WAITS; i++) {
        struct waiting *wait = &walk->waits[i];
        if (!wait->inflight)
            continue;
        assert_int_equal(wait->inflight->answers, i == who);
        if (i == who)
            assert_int_equal(wait->inflight->code, wait->all ? 2 : 1);
    }
    if (who != NONE)
        walk->waits[who].inflight = NULL;
}

static bool has(const struct waiting *wait, int event) {
    return wait->inflight && (wait->targets[0] == event || wait->targets[1] == event);
}

/* The oldest one for any that waits for it. */
static int oldest(const struct walk *walk, int event) {
    int found = NONE;

    for (int i = 0; i < WAITS; i++)
        if (has(&walk->waits[i], event) && !walk->waits[i].all &&
            (found == NONE || walk->waits[i].age < walk->waits[found].age))
            found = i;
    return found;
}

/* One for all is told of the activity; whether that completes it, unless another one was answered. */
static bool completes(struct walk *walk, struct waiting *wait, int event, bool taken) {
    bool complete = true;

    wait->armed[wait->targets[1] == event] = 0;
    if (wait->armed[0] || wait->armed[1])
        return false;
    for (int k = 0; k < 2; k++)
        if (!is_ready(walk, wait->targets[k]) || (taken && wait->targets[k] == event)) {
            wait->armed[k] = ++walk->age;
            complete = false;
        }
    return complete;
}

/* The one for all that has waited for it longest, but since `from` or later. */
static int next_for_all(const struct walk *walk, int event, unsigned from, unsigned *since) {
    int found = NONE;

    for (int i = 0; i < WAITS; i++) {
        const struct waiting *wait = &walk->waits[i];
        unsigned armed = has(wait, event) ? wait->armed[wait->targets[1] == event] : 0;
        if (!wait->all || armed < from || (found != NONE && armed > *since))
            continue;
        found = i;
        *since = armed;
    }
    return found;
}

static void byte_comes(struct walk *walk) {
    int event = (int)draw(walk, EVENTS), who = oldest(walk, event), next;
    unsigned last = walk->age, since = 0;

    put(walk->ends[event][1]);
    while ((next = next_for_all(walk, event, since + 1, &since)) != NONE && since <= last)
        if (completes(walk, &walk->waits[next], event, who != NONE))
            who = next;
    check_answered(walk, who);
}

static void bytes_are_taken(struct walk *walk) {
    (void)drain(walk->ends[draw(walk, EVENTS)][0]);
    check_answered(walk, NONE);
}

static void park(struct walk *walk) {
    int first = (int)draw(walk, EVENTS), second = (first + 1 + (int)draw(walk, EVENTS - 1)) % EVENTS, i = 0;
    bool all = draw(walk, 3) == 0;
    portd_id ids[2] = {walk->in[first], walk->in[second]};

    while (i < WAITS && walk->waits[i].inflight)
        i++;
    if (i == WAITS)
        return;
    struct waiting *wait = &walk->waits[i];
    bool ready[2] = {is_ready(walk, first), is_ready(walk, second)};
    unsigned now = ++walk->age;
    *wait = (struct waiting){.all = all,
                             .targets = {first, second},
                             .age = now,
                             .armed = {ready[0] ? 0 : now, ready[1] ? 0 : now},
                             .inflight = ask_park(walk->clients[draw(walk, CLIENTS)], ids, 2,
                                                  PORTD_WAIT_ONE | (all ? PORTD_WAIT_ALL : 0))};
    if (all ? ready[0] && ready[1] : ready[0] || ready[1]) {
        assert_int_equal(ask_answer(wait->inflight), ready[0] + ready[1]);
        wait->inflight = NULL;
    }
    check_answered(walk, NONE);
}

static void one_is_cancelled(struct walk *walk) {
    struct waiting *wait = &walk->waits[draw(walk, WAITS)];

    if (!wait->inflight)
        return;
    ask_cancel(wait->inflight);
    wait->inflight = NULL;
    check_answered(walk, NONE);
}

static void time_passes(struct walk *walk) {
    int event = (int)draw(walk, EVENTS);
    portd_ready ready;

    assert_int_equal(portd_wait(walk->clients[draw(walk, CLIENTS)], &walk->in[event], 1, PORTD_WAIT_ONE,
                                portd_now() + 1000, &ready),
                     is_ready(walk, event));
    check_answered(walk, NONE);
}

static void room_comes(struct walk *walk) {
    int event = (int)draw(walk, EVENTS);
    portd_client *client = walk->clients[draw(walk, CLIENTS)];
    struct inflight *writer = ask_park_one(client, walk->room[event], draw(walk, 2) ? PORTD_WAIT_ONE : 0);

    check_answered(walk, NONE);
    (void)drain(walk->ends[event][1]);
    assert_answer(writer, walk->room[event], READY);
    check_answered(walk, NONE);
    (void)fill(walk->ends[event][0]);
    check_answered(walk, NONE);
}

/* They fire or not; a wait without wake-one is answered and has taken nothing. */
static void others_come(struct walk *walk) {
    int event = (int)draw(walk, EVENTS);
    portd_client *client = walk->clients[draw(walk, CLIENTS)];

    if (draw(walk, 2)) {
        (void)ask_semaphore(client, walk->ends[event][0], draw(walk, 2) ? READ : WRITE);
    } else {
        struct inflight *plain = ask_park_one(client, walk->in[event], 0);
        if (!plain->answers)
            portd_cancel(plain->request);
        (void)ask_answer(plain);
    }
    check_answered(walk, NONE);
    ask_no_semaphores(client, walk->ends[event][0]);
    check_answered(walk, NONE);
}

static void step(struct walk *walk) {
    static void (*const steps[])(struct walk * walk) = {
        byte_comes, byte_comes, byte_comes,       byte_comes,  bytes_are_taken, bytes_are_taken,
        park,       park,       one_is_cancelled, time_passes, room_comes,      others_come};

    steps[draw(walk, sizeof(steps) / sizeof(*steps))](walk);
}

static void take_walk(uint64_t seed) {
    struct walk walk = {.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};

    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < CLIENTS; i++)
        walk.clients[i] = i ? fixture_joined(walk.clients[0]) : fixture_client(NULL);
    for (int i = 0; i < EVENTS; i++) {
        make_pair(SOCK_STREAM, walk.ends[i]);
        (void)fill(walk.ends[i][0]);
        walk.in[i] = ask_evt(walk.clients[0], walk.ends[i][0], READ);
        walk.room[i] = ask_evt(walk.clients[0], walk.ends[i][0], WRITE);
    }
    for (int i = 0; i < STEPS; i++)
        step(&walk);
    for (int i = 0; i < CLIENTS; i++)
        fixture_disconnect(walk.clients[i]);
    for (int i = 0; i < EVENTS; i++) {
        fixture_close(walk.ends[i][0]);
        fixture_close(walk.ends[i][1]);
    }
}

static void each_activity_answers_whom_the_model_says(void **state) {
    const char *seed = getenv("PORTD_WALK");

    (void)state;
    if (seed)
        take_walk(strtoull(seed, NULL, 10));
    for (uint64_t i = 1; i <= WALKS && !seed; i++)
        take_walk(i);
}

TEST_MAIN(FIXTURE_CASE(each_activity_answers_whom_the_model_says))
