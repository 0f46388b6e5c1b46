/* test_registry.c: ids have a kind, never equal a number, and reveal the order of creation to the broker only. */

#include "tests/support/test.h"

#include "daemon/access/fd_table.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/object/registry.h"
#include "daemon/object/session_objects.h"

#include <errno.h>

enum { MANY = 20000, HALF = MANY / 2, FAR = 600 };

/* Only what ids are made of. */
static struct registry registry;

static void begin(uint64_t epoch, uint64_t issued) {
    registry = (struct registry){.epoch = epoch, .issued = issued};
    assert_int_equal(shuffle_init(&registry.shuffle), 0);
}

static void ids_are_in_their_range(void **state) {
    static const uint64_t epochs[] = {1, 2, 9000, (1 << 14) - 1};
    (void)state;
    for (size_t e = 0; e < sizeof epochs / sizeof *epochs; e++) {
        begin(epochs[e], 0);
        for (int i = 0; i < MANY; i++) {
            enum object_kind kind = (enum object_kind)(1 + i % 5);
            uint64_t id = registry_issue(&registry, kind);
            assert_int_equal(object_kind_of(id), kind);
            assert_true(id > UINT64_C(1) << 32 && id < UINT64_C(1) << 53);
            assert_int_equal(registry_number(&registry, id), i);
        }
    }
}

/* Also where an epoch ends, the last one too. */
static void the_broker_knows_their_order(void **state) {
    static const uint64_t epochs[] = {1, 77, (1 << 14) - 2, (1 << 14) - 1};
    (void)state;
    for (size_t e = 0; e < sizeof epochs / sizeof *epochs; e++)
        for (uint64_t passed = 1; passed < 5; passed++) {
            begin(epochs[e], (passed << SHUFFLE_BITS) - 100);
            for (uint64_t i = registry.issued; i < (passed << SHUFFLE_BITS) + 100; i++) {
                uint64_t id = registry_issue(&registry, OBJECT_EVT);
                assert_true(id > UINT64_C(1) << 32 && id < UINT64_C(1) << 53);
                assert_int_equal(registry_number(&registry, id), i);
            }
        }
}

static void others_do_not(void **state) {
    unsigned above = 0;
    (void)state;
    begin(5, 0);
    registry.shuffle.key[0] = registry.shuffle.key[1] = 1; /* counted alike in each run */
    uint64_t last = registry_issue(&registry, OBJECT_EVT);
    for (int i = 0; i < MANY; i++) {
        uint64_t id = registry_issue(&registry, OBJECT_EVT);
        above += id > last;
        assert_true((id > last ? id - last : last - id) > 8);
        last = id;
    }
    assert_in_range(above, HALF - FAR, HALF + FAR);
}

static void anything_has_a_number(void **state) {
    (void)state;
    begin((1 << 14) - 1, 0);
    registry_number(&registry, 0);
    registry_number(&registry, 1);
    registry_number(&registry, UINT64_MAX);
}

/* ---- restoring ------------------------------------------------------------------------------------------------------ */

static struct fd_table fd_table = {.limit = 1000 + FD_TABLE_KEEP};
static struct users users;
static struct user *user;
static struct session_objects owner;

static void begin_owner(void) {
    table_init(&registry.objects, offsetof(struct object, id), 1);
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    user = user_ref(&users, 1);
    session_objects_init(&owner, &registry, user, 1, "client", 1);
}

static void end_owner(void) {
    while (owner.objects) {
        struct object *object = owner.objects;
        registry_forget(&registry, object);
        session_objects_remove(object);
    }
    for (int slot = 0; slot < USER_QUOTAS; slot++)
        assert_int_equal(owner.account.used[slot], 0);
    session_objects_deinit(&owner);
    registry_deinit(&registry);
    user_unref(user);
    users_deinit(&users, false);
}

static void add(struct object *object, enum object_kind kind) {
    struct refusal refusal;
    assert_int_equal(registry_reserve(&owner, kind, &refusal), 0);
    registry_add(&registry, object, kind, &owner);
}

static int restore(struct object *object, uint64_t id) {
    struct refusal refusal;
    assert_int_equal(registry_reserve(&owner, object_kind_of(id), &refusal), 0);
    int error = registry_restore(&registry, object, id, &owner);
    if (error)
        registry_cancel(&owner, object_kind_of(id));
    return error;
}

/* As a broker that comes after another one, and has been told of its epoch and shuffle. */
static void what_was_issued_before_is_restored(void **state) {
    enum { SOME = 5 };
    static struct object before[SOME], after[SOME], fresh, same;
    uint64_t ids[SOME];

    (void)state;
    begin(9, (UINT64_C(1) << SHUFFLE_BITS) - 2); /* an epoch ends among them */
    begin_owner();
    for (int i = 0; i < SOME; i++) {
        add(&before[i], i % 2 ? OBJECT_EVT : OBJECT_DESCRIPTOR);
        ids[i] = before[i].id;
    }
    end_owner();

    registry.issued = 0;
    begin_owner();
    for (int i = 0; i < SOME; i += 2)
        assert_int_equal(restore(&after[i], ids[i]), 0);
    for (int i = 0; i < SOME; i++)
        assert_ptr_equal(registry_find(&registry, ids[i]), i % 2 ? NULL : &after[i]);
    assert_ptr_equal(session_objects_next(&owner, ids[1]), &after[2]);
    assert_int_equal(owner.counts[OBJECT_DESCRIPTOR], 3);
    assert_int_equal(registry.counts[OBJECT_EVT], 0);

    assert_int_equal(restore(&same, ids[2]), -EEXIST);
    assert_int_equal(restore(&same, ids[3]), -EINVAL);
    assert_int_equal(registry.objects.used, 3);
    assert_ptr_equal(registry_find(&registry, ids[2]), &after[2]);

    /* What is made now stands behind all that was restored. */
    add(&fresh, OBJECT_EVT);
    assert_int_equal(registry_number(&registry, fresh.id), registry_number(&registry, ids[SOME - 1]) + 1);
    assert_ptr_equal(session_objects_next(&owner, ids[SOME - 1]), &fresh);
    end_owner();
}

/* Neither is one that was issued here already, and has gone, counted twice. */
static void a_restored_id_is_not_issued_again(void **state) {
    static struct object one, other;
    uint64_t id;

    (void)state;
    begin(77, 0);
    begin_owner();
    for (int i = 0; i < MANY; i++)
        id = registry_issue(&registry, OBJECT_EVT);
    assert_int_equal(restore(&one, id), 0);
    assert_int_equal(registry.issued, MANY);
    add(&other, OBJECT_EVT);
    assert_true(other.id != id);
    end_owner();
}

static void what_is_no_id_of_an_object_is_not_restored(void **state) {
    static struct object object;
    (void)state;
    begin(77, 100);
    begin_owner();
    assert_int_equal(restore(&object, 0), -EINVAL);
    assert_int_equal(restore(&object, 3), -EINVAL);
    assert_int_equal(restore(&object, UINT64_MAX), -EINVAL);
    assert_int_equal(restore(&object, registry_issue(&registry, OBJECT_SESSION)), -EINVAL);
    assert_int_equal(registry.issued, 101);
    assert_null(owner.objects);
    end_owner();
}

TEST_MAIN(TEST_CASE(what_was_issued_before_is_restored), TEST_CASE(a_restored_id_is_not_issued_again),
          TEST_CASE(what_is_no_id_of_an_object_is_not_restored), TEST_CASE(ids_are_in_their_range),
          TEST_CASE(the_broker_knows_their_order), TEST_CASE(others_do_not), TEST_CASE(anything_has_a_number))
