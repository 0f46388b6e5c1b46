/* test_fd_table.c: the bounds of the descriptor table, to the last slot. */
#include "tests/support/test.h"

#include "daemon/access/fd_table.h"

#include <sys/socket.h>

enum { LIMIT = 4096, OWN = 16 };

static struct fd_table fd_table;

static void begin(size_t left) { fd_table_init(&fd_table, LIMIT, LIMIT - left); }

static void a_message_is_received_while_all_that_it_can_bring_has_room(void **state) {
    (void)state;
    begin(FD_TABLE_RECEIVE);
    assert_true(fd_table_may_receive(&fd_table));
    fd_table_take(&fd_table, 1);
    assert_false(fd_table_may_receive(&fd_table));
    fd_table_give(&fd_table, 1);
    assert_true(fd_table_may_receive(&fd_table));
}

static void it_is_roomy_while_two_have(void **state) {
    (void)state;
    begin((size_t)2 * FD_TABLE_RECEIVE);
    assert_true(fd_table_roomy(&fd_table));
    fd_table_take(&fd_table, 1);
    assert_false(fd_table_roomy(&fd_table));
    assert_true(fd_table_may_receive(&fd_table));
}

/* What is kept leaves that margin; what is counted already needs no more. */
static void what_is_kept_leaves_the_margin(void **state) {
    (void)state;
    begin(FD_TABLE_KEEP + 3);
    assert_int_equal(fd_table_free(&fd_table), 3);
    assert_true(fd_table_may_keep(&fd_table, 0));
    assert_true(fd_table_may_keep(&fd_table, 3));
    assert_false(fd_table_may_keep(&fd_table, 4));
    fd_table_take(&fd_table, 3);
    assert_int_equal(fd_table_free(&fd_table), 0);
    assert_true(fd_table_may_keep(&fd_table, 0));
    assert_false(fd_table_may_keep(&fd_table, 1));
    fd_table_take(&fd_table, 1);
    assert_int_equal(fd_table_free(&fd_table), 0);
    assert_false(fd_table_may_keep(&fd_table, 0));
    fd_table_give(&fd_table, 2);
    assert_int_equal(fd_table_free(&fd_table), 1);
}

/* The three bounds are in this order, so what is kept never stops a message, and one message never all others. */
static void each_bound_leaves_room_for_the_next(void **state) {
    (void)state;
    fd_table_init(&fd_table, LIMIT, OWN);
    while (fd_table_may_keep(&fd_table, 1))
        fd_table_take(&fd_table, 1);
    assert_int_equal(fd_table.used, LIMIT - FD_TABLE_KEEP);
    assert_true(fd_table_roomy(&fd_table));
    fd_table_take(&fd_table, FD_TABLE_WASTE - FD_TABLE_RECEIVE);
    assert_true(fd_table_roomy(&fd_table));
    fd_table_take(&fd_table, FD_TABLE_RECEIVE);
    assert_false(fd_table_roomy(&fd_table));
    assert_true(fd_table_may_receive(&fd_table));
    fd_table_take(&fd_table, FD_TABLE_RECEIVE);
    assert_false(fd_table_may_receive(&fd_table));
    assert_int_equal(fd_table.used, LIMIT);
}

/* What is thrown away lies in the margin, up to FD_TABLE_WASTE of it; beyond that it takes room for keeping, and is let in only while there is
 * any. */
static void what_is_thrown_away_lies_in_the_margin(void **state) {
    (void)state;
    begin(FD_TABLE_KEEP);
    assert_true(fd_table_may_waste(&fd_table, FD_TABLE_WASTE));
    assert_false(fd_table_may_waste(&fd_table, FD_TABLE_WASTE + 1));
    fd_table_take(&fd_table, FD_TABLE_WASTE);
    assert_false(fd_table_may_keep(&fd_table, 0));
    fd_table_waste(&fd_table, FD_TABLE_WASTE);
    assert_true(fd_table_may_keep(&fd_table, 0));
    assert_false(fd_table_may_keep(&fd_table, 1));
    assert_false(fd_table_may_waste(&fd_table, 1));
    fd_table_take(&fd_table, 1);
    fd_table_waste(&fd_table, 1);
    assert_false(fd_table_may_keep(&fd_table, 0));
    fd_table_give_wasted(&fd_table, 2);
    assert_true(fd_table_may_waste(&fd_table, 1));
    assert_false(fd_table_may_waste(&fd_table, 2));
    fd_table_give_wasted(&fd_table, FD_TABLE_WASTE - 1);
    assert_int_equal(fd_table.wasted, 0);
    assert_int_equal(fd_table.used, LIMIT - FD_TABLE_KEEP);
    begin(FD_TABLE_KEEP + 7); /* and to the room for keeping all may be added that one message brings */
    fd_table_waste(&fd_table, FD_TABLE_WASTE);
    assert_true(fd_table_may_waste(&fd_table, FD_TABLE_RECEIVE + 7));
    assert_false(fd_table_may_waste(&fd_table, FD_TABLE_RECEIVE + 8));
}

/* Sends n copies of a descriptor in one message, in one control message or in two, and receives them. */
static bool passes(const int ends[2], size_t n, size_t parts) {
    union {
        struct cmsghdr header;
        unsigned char room[CMSG_SPACE(sizeof(int) * (FD_TABLE_RECEIVE + 1)) + CMSG_SPACE(0) + 64];
    } control;
    char byte = 0;
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control};
    unsigned char *at = control.room;

    memset(&control, 0, sizeof(control));
    for (size_t part = 0; part < parts; part++) {
        size_t share = n / parts + (part < n % parts ? 1 : 0);
        struct cmsghdr header = {.cmsg_level = SOL_SOCKET,
                                 .cmsg_type = SCM_RIGHTS,
                                 .cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * share)};
        memcpy(at, &header, sizeof(header));
        for (size_t i = 0; i < share; i++)
            memcpy(at + CMSG_LEN(0) + i * sizeof(int), &ends[0], sizeof(int));
        at += CMSG_SPACE(sizeof(int) * share);
    }
    message.msg_controllen = (socklen_t)(at - control.room);
    if (sendmsg(ends[0], &message, 0) != 1)
        return false;
    assert_int_equal(recv(ends[1], &byte, 1, 0), 1); /* without room for them the kernel closes them */
    return true;
}

static void the_kernel_passes_no_more_in_one_message(void **state) {
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_true(passes(ends, FD_TABLE_RECEIVE, 1) || passes(ends, FD_TABLE_RECEIVE, 2));
    assert_false(passes(ends, FD_TABLE_RECEIVE + 1, 1));
    assert_false(passes(ends, FD_TABLE_RECEIVE + 1, 2));
    close(ends[0]);
    close(ends[1]);
}

TEST_MAIN(TEST_CASE(what_is_thrown_away_lies_in_the_margin),
          TEST_CASE(the_kernel_passes_no_more_in_one_message),
          TEST_CASE(a_message_is_received_while_all_that_it_can_bring_has_room),
          TEST_CASE(it_is_roomy_while_two_have), TEST_CASE(what_is_kept_leaves_the_margin),
          TEST_CASE(each_bound_leaves_room_for_the_next))
