/* test_order.c: whatever is added and removed, seek ends within a few steps of the place asked for. */
#include "tests/support/test.h"

#include "daemon/base/order.h"
#include "utlist.h"

enum { MEMBERS = 5000 };

struct member {
    uint64_t number; /* 0: not in the list */
    struct member *prev, *next;
};

static struct member members[MEMBERS];

struct world {
    struct order order;
    struct member *list;
    size_t n;
    uint64_t last, seed;
};

static size_t draw(struct world *world, size_t below) {
    world->seed = world->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (size_t)(world->seed >> 33) % below;
}

static void add(struct world *world, struct member *member) {
    member->number = world->last += 1 + draw(world, 9);
    assert_int_equal(order_reserve(&world->order), 0);
    order_add(&world->order, member->number, member);
    DL_APPEND(world->list, member);
    world->n++;
}

static void drop(struct world *world, struct member *member) {
    order_remove(&world->order, member->number, member, member->next);
    DL_DELETE(world->list, member);
    member->number = 0;
    world->n--;
}

/* From what is found to the first one behind the number. */
static void check(const struct world *world, uint64_t number) {
    const struct member *found = order_seek(&world->order, number), *expected = world->list;
    size_t steps = 0;
    while (expected && expected->number <= number)
        expected = expected->next;
    if (!found) {
        assert_ptr_equal(expected, world->list);
        return;
    }
    for (; found && found->number <= number; found = found->next)
        steps++;
    assert_ptr_equal(found, expected);
    assert_true(steps <= ORDER_STRETCH);
}

static void check_some(struct world *world) {
    for (int i = 0; i < 20; i++)
        check(world, draw(world, (size_t)world->last + 10));
    /* Neighbours that are short are one, so two have more than half a stretch between them. */
    assert_true(world->order.n <= 4 * world->n / ORDER_STRETCH + 2);
    assert_true(world->order.capacity <= 4 * world->order.n);
}

static void end(struct world *world) {
    for (size_t i = 0; i < MEMBERS; i++)
        if (members[i].number)
            drop(world, &members[i]);
    assert_null(world->list);
    assert_null(world->order.stretches);
    check(world, 5);
}

static void what_comes_and_goes_at_random_is_found(void **state) {
    struct world world = {.seed = 1};
    (void)state;
    for (int round = 0; round < 60000; round++) {
        struct member *member = &members[draw(&world, MEMBERS)];
        bool grows = round / 10000 % 2 == 0;
        if (!member->number && (grows || draw(&world, 3) == 0))
            add(&world, member);
        else if (member->number && (!grows || draw(&world, 3) == 0))
            drop(&world, member);
        if (round % 50 == 0)
            check_some(&world);
    }
    end(&world);
}

/* One of each stretch is left, again and again. */
static void few_that_are_left_cost_little(void **state) {
    struct world world = {.seed = 2};
    (void)state;
    for (size_t begin = 0; begin < MEMBERS / 1000; begin++) {
        for (size_t i = 0; i < MEMBERS; i++)
            if (!members[i].number)
                add(&world, &members[i]);
        check_some(&world);
        for (size_t i = 0; i < MEMBERS; i++)
            if (members[i].number && i % ORDER_STRETCH != begin)
                drop(&world, &members[i]);
        check_some(&world);
    }
    end(&world);
}

static void both_ends_can_be_taken_off(void **state) {
    struct world world = {.seed = 3};
    (void)state;
    for (size_t i = 0; i < MEMBERS; i++)
        add(&world, &members[i]);
    while (world.n) {
        drop(&world, world.n % 3 ? world.list : world.list->prev);
        if (world.n % 100 == 0)
            check_some(&world);
    }
    end(&world);
}

static void room_that_was_not_used_is_given_back(void **state) {
    struct order order = {0};
    (void)state;
    assert_int_equal(order_reserve(&order), 0);
    assert_null(order_seek(&order, 0));
    order_deinit(&order);
    assert_null(order.stretches);
}

TEST_MAIN(TEST_CASE(what_comes_and_goes_at_random_is_found), TEST_CASE(few_that_are_left_cost_little),
          TEST_CASE(both_ends_can_be_taken_off), TEST_CASE(room_that_was_not_used_is_given_back))
