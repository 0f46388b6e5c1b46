/* test_slots.c: where the bounds of the table of descriptors are, to the last slot. */
#include "tests/support/test.h"

#include "daemon/access/slots.h"

#include <sys/socket.h>

enum { LIMIT = 4096, OWN = 16 };

static struct slots slots;

static void begin(size_t left) { slots_init(&slots, LIMIT, LIMIT - left); }

static void a_message_is_received_while_all_that_it_can_bring_has_room(void **state) {
    (void)state;
    begin(SLOTS_RECEIVE);
    assert_true(slots_may_receive(&slots));
    slots_take(&slots, 1);
    assert_false(slots_may_receive(&slots));
    slots_give(&slots, 1);
    assert_true(slots_may_receive(&slots));
}

static void it_is_roomy_while_two_have(void **state) {
    (void)state;
    begin((size_t)2 * SLOTS_RECEIVE);
    assert_true(slots_roomy(&slots));
    slots_take(&slots, 1);
    assert_false(slots_roomy(&slots));
    assert_true(slots_may_receive(&slots));
}

/* What is kept leaves that margin; what is counted already needs no more. */
static void what_is_kept_leaves_the_margin(void **state) {
    (void)state;
    begin(SLOTS_KEEP + 3);
    assert_int_equal(slots_free(&slots), 3);
    assert_true(slots_may_keep(&slots, 0));
    assert_true(slots_may_keep(&slots, 3));
    assert_false(slots_may_keep(&slots, 4));
    slots_take(&slots, 3);
    assert_int_equal(slots_free(&slots), 0);
    assert_true(slots_may_keep(&slots, 0));
    assert_false(slots_may_keep(&slots, 1));
    slots_take(&slots, 1);
    assert_int_equal(slots_free(&slots), 0);
    assert_false(slots_may_keep(&slots, 0));
    slots_give(&slots, 2);
    assert_int_equal(slots_free(&slots), 1);
}

/* The three bounds are in this order, so what is kept never stops a message, and one message never all others. */
static void each_bound_leaves_room_for_the_next(void **state) {
    (void)state;
    slots_init(&slots, LIMIT, OWN);
    while (slots_may_keep(&slots, 1))
        slots_take(&slots, 1);
    assert_int_equal(slots.used, LIMIT - SLOTS_KEEP);
    assert_true(slots_roomy(&slots));
    slots_take(&slots, SLOTS_RECEIVE);
    assert_true(slots_roomy(&slots));
    slots_take(&slots, SLOTS_RECEIVE);
    assert_false(slots_roomy(&slots));
    assert_true(slots_may_receive(&slots));
    slots_take(&slots, SLOTS_RECEIVE);
    assert_false(slots_may_receive(&slots));
    assert_int_equal(slots.used, LIMIT);
}

/* What is thrown away lies in the margin, up to SLOTS_WASTE of it; beyond that it takes room for keeping, and is let in only while there is
 * any. */
static void what_is_thrown_away_lies_in_the_margin(void **state) {
    (void)state;
    begin(SLOTS_KEEP);
    assert_true(slots_may_waste(&slots, SLOTS_WASTE));
    assert_false(slots_may_waste(&slots, SLOTS_WASTE + 1));
    slots_take(&slots, SLOTS_WASTE);
    assert_false(slots_may_keep(&slots, 0));
    slots_waste(&slots, SLOTS_WASTE);
    assert_true(slots_may_keep(&slots, 0));
    assert_false(slots_may_keep(&slots, 1));
    assert_false(slots_may_waste(&slots, 1));
    slots_take(&slots, 1);
    slots_waste(&slots, 1);
    assert_false(slots_may_keep(&slots, 0));
    slots_give_wasted(&slots, 2);
    assert_true(slots_may_waste(&slots, 1));
    assert_false(slots_may_waste(&slots, 2));
    slots_give_wasted(&slots, SLOTS_WASTE - 1);
    assert_int_equal(slots.wasted, 0);
    assert_int_equal(slots.used, LIMIT - SLOTS_KEEP);
    begin(SLOTS_KEEP + 7); /* and to the room for keeping all may be added that one message brings */
    slots_waste(&slots, SLOTS_WASTE);
    assert_true(slots_may_waste(&slots, SLOTS_RECEIVE + 7));
    assert_false(slots_may_waste(&slots, SLOTS_RECEIVE + 8));
}

/* Sends n copies of a descriptor in one message, and receives them. */
static bool passes(const int ends[2], size_t n) {
    union {
        struct cmsghdr header;
        unsigned char room[CMSG_SPACE(sizeof(int) * (SLOTS_RECEIVE + 1))];
    } control = {
        .header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * n)}};
    char byte = 0;
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(sizeof(int) * n)};

    for (size_t i = 0; i < n; i++)
        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &ends[0], sizeof(int));
    if (sendmsg(ends[0], &message, 0) != 1)
        return false;
    assert_int_equal(recv(ends[1], &byte, 1, 0), 1); /* without room for them the kernel closes them */
    return true;
}

static void the_kernel_passes_no_more_in_one_message(void **state) {
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_true(passes(ends, SLOTS_RECEIVE));
    assert_false(passes(ends, SLOTS_RECEIVE + 1));
    close(ends[0]);
    close(ends[1]);
}

TEST_MAIN(TEST_CASE(what_is_thrown_away_lies_in_the_margin),
          TEST_CASE(the_kernel_passes_no_more_in_one_message),
          TEST_CASE(a_message_is_received_while_all_that_it_can_bring_has_room),
          TEST_CASE(it_is_roomy_while_two_have), TEST_CASE(what_is_kept_leaves_the_margin),
          TEST_CASE(each_bound_leaves_room_for_the_next))
