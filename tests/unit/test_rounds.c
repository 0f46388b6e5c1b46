/* test_rounds.c: an unfinished splice goes on at once after a round that moved much, else when its uid may have another round. */
#include "tests/support/test.h"

#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/object/direction.h"
#include "daemon/object/port.h"
#include "daemon/object/transfer.h"
#include "tests/support/world.h"

#include <unistd.h>

enum { NUMBER = 5, MOST = 1 << 20 };

static const int64_t NEVER = INT64_MAX / 2;

static struct {
    int in[2], out[2];
    struct transfer transfer;
    size_t expected;
    bool done;
} moving;

static bool is_there_room(struct transfer *transfer) { return transfer == &moving.transfer; }

static void on_done(struct transfer *transfer) { moving.done = transfer == &moving.transfer; }

static void put(const char *bytes, size_t n) { assert_int_equal(write(moving.in[1], bytes, n), n); }

static bool is_slowed(void) { return moving.transfer.slowed; }

static bool has_come(void) {
    return !moving.transfer.working && moving.transfer.stream.count == moving.expected;
}

/* So many bytes come through, in all. */
static void expect(size_t n) {
    moving.expected = n;
    assert_true(world_until(has_come));
}

static int begin(void **state) {
    static const struct port_options options = {.name = "in", .ends = {[DIRECTION_READ] = true}};
    struct refusal refusal;
    struct port *ports[2];

    (void)state;
    world_make(64);
    world_own(user_ref(&world.users, 1));
    assert_int_equal(pipe(moving.in), 0);
    assert_int_equal(pipe(moving.out), 0);
    assert_int_equal(port_open(world_bind(NUMBER, moving.in[0]), &options, ports, &refusal), 0);
    assert_true(waitable_expect(&ports[DIRECTION_READ]->waitable));
    moving.done = false;
    moving.transfer = (struct transfer){
        .port = ports[DIRECTION_READ],
        .room = is_there_room,
        .done = on_done,
        .stream = {.what = STREAM_SPLICE_READ, .pipe = moving.out[1], .least = MOST, .size = MOST}};
    transfer_start(&moving.transfer);
    return 0;
}

static int end(void **state) {
    (void)state;
    const int64_t place = moving.transfer.slowed ? 1000000 / USER_ROUNDS : 0, next = world.owner->next_round;
    assert_true(transfer_cancel(&moving.transfer));
    assert_int_equal(world.owner->next_round, next - place); /* it is not used */
    assert_int_equal(moving.transfer.error, 0);              /* it has moved bytes */
    assert_false(moving.transfer.slowed || moving.done);
    world_disown();
    world_free();
    (void)close(moving.in[1]);
    (void)close(moving.out[0]);
    (void)close(moving.out[1]);
    return 0;
}

/* A byte that another splice sends back comes round no faster than that. */
static void after_little_it_waits_for_a_place(void **state) {
    (void)state;
    world.owner->next_round = NEVER;
    put("a", 1);
    expect(1);
    assert_true(world_until(is_slowed));
    put("b", 1);
    world_until_idle();
    assert_int_equal(moving.transfer.stream.count, 1);
}

static void when_its_place_comes_it_goes_on(void **state) {
    (void)state;
    world.owner->next_round = os_now_us() + 20000;
    put("a", 1);
    expect(1);
    put("b", 1);
    expect(2);
    put("c", 1);
    expect(3);
}

static void after_much_it_goes_on_at_once(void **state) {
    static const char much[TRANSFER_LITTLE];

    (void)state;
    world.owner->next_round = NEVER;
    for (size_t i = 1; i <= 4; i++) {
        put(much, sizeof much);
        expect(i * sizeof much);
        assert_false(is_slowed());
    }
}

TEST_MAIN(cmocka_unit_test_setup_teardown(after_little_it_waits_for_a_place, begin, end),
          cmocka_unit_test_setup_teardown(when_its_place_comes_it_goes_on, begin, end),
          cmocka_unit_test_setup_teardown(after_much_it_goes_on_at_once, begin, end))
