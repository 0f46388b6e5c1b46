/* test_growth.c: which cost grows with what. The same work is done with few and with many of something, and the instructions of
 * the broker are compared.
 *
 * A bound says how far the cost may grow, in percent of the cost with few. All of these costs are constant: measured, they differ
 * by 6 % at most, and a walk over all that exists, doing nothing with it, makes them 160 % and more. */
#include "counted.h"

#include "daemon/base/order.h"

#include <sys/eventfd.h>

enum { NAMES = 256, REQUESTS = 56, SAME = 125 };

static void assert_below(const char *what, uint64_t much, uint64_t little, unsigned percent) {
    print_message("%s: %.1f %%, below %u: %llu and %llu instructions\n", what,
                  100.0 * (double)much / (double)little, percent, (unsigned long long)little,
                  (unsigned long long)much);
    assert_true(little > 0);
    assert_true(much < little / 100 * percent);
}

/* ---- work -------------------------------------------------------------------------------------------------------------- */

struct asked {
    struct raw *raw;
    raw_request *request;
};

static void ask(void *data) {
    const struct asked *asked = data;

    for (int i = 0; i < REQUESTS; i++)
        assert_int_equal(raw_code(raw_ask(asked->raw, asked->request)), 0);
}

static uint64_t cost_of_asking(struct raw *raw, raw_request *request) {
    struct asked asked = {raw, request};
    return counted_work(raw, ask, &asked);
}

struct waits {
    struct raw *raw;
    uint64_t *ids;
    size_t n;
};

static void wait_for_names(void *data) {
    static struct batch batch;
    const struct waits *waits = data;

    batch_begin(&batch, waits->raw);
    for (int i = 0; i < REQUESTS; i++)
        batch_add_wait(&batch, waits->ids, waits->n, false, 1000);
    batch_send(&batch);
    batch_take_replies(waits->raw, REQUESTS);
}

/* ---- looking ----------------------------------------------------------------------------------------------------------- */

static void wrap_until(struct raw *raw, int fd, uint64_t *ids, size_t *n, size_t wanted) {
    while (*n < wanted)
        ids[(*n)++] = guest_wrap(raw, fd, "one of many");
}

/* Of a list behind a port that is gone, the third from the end. */
static uint64_t cost_behind_gone(struct raw *raw, uint64_t gone) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;

    guest_drop(raw, gone);
    request.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    request.list = &list;
    list.after = gone;
    return cost_of_asking(raw, &request);
}

/* The steps of a list that one member is kept of are the same at both ends: the lengths differ by so many whole stretches. */
static void a_cursor_that_is_gone_costs_no_walk(void **state) {
    enum { FEW = 2 * ORDER_STRETCH, MANY = FEW + 80 * ORDER_STRETCH };
    static uint64_t ids[MANY];
    struct raw raw;
    size_t n = 0;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_open_at(&raw, counted_start()->address);
    wrap_until(&raw, event, ids, &n, FEW);
    uint64_t little = cost_behind_gone(&raw, ids[FEW - 3]);
    wrap_until(&raw, event, ids, &n, MANY);
    assert_below("a list behind what is gone", cost_behind_gone(&raw, ids[MANY - 3]), little, SAME);
    guest_close(&raw);
}

static void totals_cost_no_walk(void **state) {
    enum { SAME_STATS = 105 /* so much is in them that a walk over the sessions adds a tenth */ };
    raw_request status = PORTD__V1__REQUEST__INIT, stats = PORTD__V1__REQUEST__INIT;
    Portd__V1__StatusOf status_of = PORTD__V1__STATUS_OF__INIT;
    Portd__V1__StatsOf stats_of = PORTD__V1__STATS_OF__INIT;
    struct raw raw;

    (void)state;
    const char *address = counted_start()->address;
    status.method_case = PORTD__V1__REQUEST__METHOD_STATUS;
    status.status = &status_of;
    stats.method_case = PORTD__V1__REQUEST__METHOD_STATS;
    stats.stats = &stats_of;
    guest_open_at(&raw, address);
    uint64_t status_little = cost_of_asking(&raw, &status), stats_little = cost_of_asking(&raw, &stats);
    guest_leave_sessions(address, 5000);
    guest_until_closed(&raw);
    assert_below("status", cost_of_asking(&raw, &status), status_little, SAME);
    assert_below("stats", cost_of_asking(&raw, &stats), stats_little, SAME_STATS);
    guest_close(&raw);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------------- */

struct toggled {
    struct raw *raw;
    int ends[2];
};

/* One of the objects becomes ready and is drained; the pings come behind whatever that is followed by. */
static void toggle(void *data) {
    const struct toggled *toggled = data;
    char byte;

    for (int i = 0; i < 4; i++) {
        assert_int_equal(write(toggled->ends[1], "x", 1), 1);
        guest_is_served(toggled->raw);
        assert_int_equal(read(toggled->ends[0], &byte, 1), 1);
        guest_is_served(toggled->raw);
    }
}

/* Waits for all of some objects, which are never all ready: what else they name costs nothing when one of them changes. */
static uint64_t cost_of_a_wake(const char *address, int names) {
    enum { WAITS = 100 };
    static struct batch batch;
    struct toggled toggled;
    struct raw raw;
    uint64_t ids[NAMES];
    int ends[2];

    guest_open_at(&raw, address);
    toggled.raw = &raw;
    guest_pipe(toggled.ends);
    ids[0] = guest_evt(&raw, toggled.ends[0], 0);
    guest_pipe(ends);
    for (int i = 1; i < names; i++)
        ids[i] = guest_evt(&raw, ends[0], i);
    batch_begin(&batch, &raw);
    for (int i = 0; i < WAITS; i++)
        batch_add_wait(&batch, ids, (size_t)names, true, -1);
    batch_send(&batch);
    guest_is_served(&raw);
    assert_int_equal(guest_quota(&raw, "waits", NULL), WAITS);
    uint64_t cost = counted_work(&raw, toggle, &toggled);
    guest_close(&raw);
    return cost;
}

static void a_wake_costs_no_more_when_waits_name_more(void **state) {
    (void)state;
    const char *address = counted_start()->address;
    uint64_t few = cost_of_a_wake(address, 4);
    assert_below("a wake of waits that name 256", cost_of_a_wake(address, NAMES), few, SAME);
}

/* Another wait for an event that many wait for, and the end of its limit. */
static void the_nth_wait_costs_as_the_first_ones(void **state) {
    enum { FEW = 100, MANY = 10000 };
    static struct batch batch;
    struct raw raw;
    int ends[2], n = 0;

    (void)state;
    guest_open_at(&raw, counted_start()->address);
    guest_pipe(ends);
    uint64_t id = guest_evt(&raw, ends[0], 1);
    struct waits waits = {&raw, &id, 1};
    batch_begin(&batch, &raw);
    for (; n < FEW; n++)
        batch_add_wait(&batch, &id, 1, false, -1);
    batch_send(&batch);
    uint64_t few = counted_work(&raw, wait_for_names, &waits);
    for (; n < MANY; n++)
        batch_add_wait(&batch, &id, 1, false, -1);
    batch_send(&batch);
    assert_int_equal(guest_quota(&raw, "waits", NULL), MANY);
    assert_below("a wait beside 10000", counted_work(&raw, wait_for_names, &waits), few, SAME);
    guest_close(&raw);
}

/* ---- one number -------------------------------------------------------------------------------------------------------- */

struct wraps {
    struct raw *raw;
    int fd;
    uint64_t *ids;
    size_t n;
};

static void wrap_some(void *data) {
    enum { STEP = 512 };
    struct wraps *wraps = data;

    for (int i = 0; i < STEP; i++)
        wraps->ids[wraps->n++] = guest_wrap(wraps->raw, wraps->fd, "one of many");
}

/* A number that is wrapped again and again: neither another wrap nor a wait that names some of them costs more. */
static void the_wraps_of_a_number_cost_nothing_more(void **state) {
    enum { MANY = 16384 };
    static uint64_t ids[MANY];
    struct raw raw;
    int ends[2];

    (void)state;
    guest_open_at(&raw, counted_start()->address);
    guest_pipe(ends);
    struct wraps wraps = {&raw, ends[0], ids, 0};
    struct waits waits = {&raw, ids, NAMES};
    uint64_t first = counted_work(&raw, wrap_some, &wraps);
    uint64_t few = counted_work(&raw, wait_for_names, &waits);
    while (wraps.n < MANY / 8 * 7)
        wrap_some(&wraps);
    assert_below("another wrap", counted_work(&raw, wrap_some, &wraps), first, SAME);
    assert_below("a wait for wraps", counted_work(&raw, wait_for_names, &waits), few, SAME);
    guest_close(&raw);
}

struct bytes {
    struct raw *raw;
    int end;
};

/* Each is for one of those who read. */
static void give_bytes(void *data) {
    const struct bytes *bytes = data;

    for (int i = 0; i < 8; i++) {
        assert_int_equal(write(bytes->end, "x", 1), 1);
        batch_take_replies(bytes->raw, 1);
    }
}

static void a_byte_costs_by_who_reads(void **state) {
    enum { FEW = 256, MANY = 4096 };
    static struct batch batch;
    struct raw raw;
    int ends[2];
    size_t n = 0;

    (void)state;
    guest_open_at(&raw, counted_start()->address);
    guest_pipe(ends);
    struct bytes bytes = {&raw, ends[1]};
    batch_begin(&batch, &raw);
    for (; n < FEW; n++)
        batch_add_read(&batch, guest_wrap(&raw, ends[0], "one of many"));
    batch_send(&batch);
    guest_is_served(&raw);
    uint64_t few = counted_work(&raw, give_bytes, &bytes);
    for (; n < MANY; n++)
        batch_add_read(&batch, guest_wrap(&raw, ends[0], "one of many"));
    batch_send(&batch);
    guest_is_served(&raw);
    assert_below("a byte for one of 4096 reads", counted_work(&raw, give_bytes, &bytes), few, SAME);
    guest_close(&raw);
}

/* ---- handles ----------------------------------------------------------------------------------------------------------- */

static int handle_of(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;

    handle.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    int code = raw_code(raw_ask(raw, &request));
    raw_close_fds(raw);
    return code;
}

static void reach(struct raw *raw, const char *address) {
    Portd__V1__Hello hello = raw_hello_make();

    hello.ttl_us = UINT64_C(3600000000);
    hello.reach = true;
    guest_connect_at(raw, address);
    assert_int_equal(raw_hello_with(raw, &hello, NULL, 0), 0);
}

struct handled {
    struct raw *raw;
    uint64_t id;
};

static void ask_for_handles(void *data) {
    const struct handled *handled = data;

    for (int i = 0; i < REQUESTS; i++)
        assert_int_equal(handle_of(handled->raw, handled->id), 0);
}

/* One session has handles of many objects of another one, and many sessions have one of the first of these objects. */
static void a_handle_is_found_without_a_walk(void **state) {
    enum { FEW = 4, MANY = 1024 };
    struct raw owner, asker, other;
    struct handled handled = {&asker, 0};
    uint64_t few = 0;
    int ends[2];

    (void)state;
    const char *address = counted_start()->address;
    guest_pipe(ends);
    guest_open_at(&owner, address);
    reach(&asker, address);
    for (int i = 0; i < MANY; i++) {
        uint64_t id = guest_evt(&owner, ends[0], i);
        if (i == FEW)
            few = counted_work(&asker, ask_for_handles, &handled); /* of the one before */
        if (i <= FEW || i == MANY / 2)                             /* in the middle of what the asker has */
            handled.id = id;
        assert_int_equal(handle_of(&asker, id), 0);
    }
    for (int i = 0; i < MANY; i++) {
        reach(&other, address);
        assert_int_equal(handle_of(&other, handled.id), 0);
        guest_close(&other);
    }
    assert_below("a handle beside 1024", counted_work(&asker, ask_for_handles, &handled), few, SAME);
    guest_close(&asker);
    guest_close(&owner);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------------- */

/* A refusal that names who has most looks at no more of them when there are more. */
static void a_refusal_costs_no_more_with_many_sessions(void **state) {
    enum { FEW = 20, MANY = 3000 };
    static struct batch batch;
    struct raw raw[3];
    uint64_t waits = 0, limit = 0, id;
    int ends[2];

    (void)state;
    const char *address = counted_start()->address;
    guest_pipe(ends);
    guest_leave_sessions(address, FEW);
    for (int i = 0; i < 2; i++) { /* no session may take all that its uid may */
        guest_open_at(&raw[i], address);
        id = guest_evt(&raw[i], ends[0], 1);
        (void)guest_quota(&raw[i], "waits", &limit);
        batch_begin(&batch, &raw[i]);
        for (uint64_t n = 0; n < (i == 0 ? limit - limit / 32 : limit / 32 + 64); n++)
            batch_add_wait(&batch, &id, 1, false, -1);
        batch_send(&batch);
    }
    guest_open_at(&raw[2], address);
    do
        waits = guest_quota(&raw[2], "waits", &limit);
    while (waits < limit);
    id = guest_evt(&raw[2], ends[0], 1);
    struct waits refused = {&raw[2], &id, 1};
    uint64_t few = counted_work(&raw[2], wait_for_names, &refused);
    guest_leave_sessions(address, MANY - FEW);
    guest_until_closed(&raw[2]);
    assert_below("a refusal", counted_work(&raw[2], wait_for_names, &refused), few, SAME);
    for (int i = 0; i < 3; i++)
        guest_close(&raw[i]);
}

/* ---- nothing to do ----------------------------------------------------------------------------------------------------- */

static void wait_in_vain(void *data) {
    static struct batch batch;
    const struct waits *waits = data;

    batch_begin(&batch, waits->raw);
    batch_add_wait(&batch, waits->ids, waits->n, false, 500000);
    batch_send(&batch);
    batch_take_replies(waits->raw, 1);
}

/* Descriptors until no more are taken. */
static void fill(struct raw *raw, int fd) {
    uint64_t id;

    for (int64_t number = 0; raw_evt(raw, fd, number, PORTD__V1__MODE__MODE_READ, &id) == 0; number++)
        continue;
}

/* While somebody waits in vain the table is full, and others stand before the door or were turned away and have not looked. */
static void a_full_table_costs_nothing(void **state) {
    enum { TABLE = 1100, CROWD = 20 };
    struct raw raw, more[2], crowd[CROWD];
    uint64_t id;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    const char *address = counted_start_limited(TABLE)->address;
    guest_open_at(&raw, address);
    id = guest_evt(&raw, event, 1);
    struct waits waits = {&raw, &id, 1};
    uint64_t before = counted_work(&raw, wait_in_vain, &waits);
    for (int i = 0; i < 2; i++) { /* no session may take all that its uid may */
        guest_open_at(&more[i], address);
        fill(&more[i], event);
    }
    for (int i = 0; i < CROWD; i++)
        guest_connect_at(&crowd[i], address);
    guest_is_served(&raw);
    guest_until_closed(&raw);
    assert_below("a wait beside a full table", counted_work(&raw, wait_in_vain, &waits), before, SAME);
    for (int i = 0; i < CROWD; i++)
        guest_close(&crowd[i]);
    for (int i = 0; i < 2; i++)
        guest_close(&more[i]);
    guest_close(&raw);
}

TEST_MAIN(COUNTED_CASE(a_cursor_that_is_gone_costs_no_walk), COUNTED_CASE(totals_cost_no_walk),
          COUNTED_CASE(a_wake_costs_no_more_when_waits_name_more),
          COUNTED_CASE(the_nth_wait_costs_as_the_first_ones),
          COUNTED_CASE(the_wraps_of_a_number_cost_nothing_more), COUNTED_CASE(a_byte_costs_by_who_reads),
          COUNTED_CASE(a_handle_is_found_without_a_walk),
          COUNTED_CASE(a_refusal_costs_no_more_with_many_sessions), COUNTED_CASE(a_full_table_costs_nothing))
