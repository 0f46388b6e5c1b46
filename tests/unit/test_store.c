/* test_store.c: what a broker does without its keeper, and what with one that it cannot speak with. The keeper is the other end of a socket pair. */
#define _GNU_SOURCE

#include "closer_case.h"

#include "daemon/access/fd_table.h"
#include "daemon/store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IS_DONE = 50, GOES_ON };

static struct fd_table fd_table;
static struct store *store;
static int answered, answer;

static void on_order(struct store_order *order, int error) {
    (void)order;
    answered++;
    answer = error;
    loop_stop(loop);
}

/* The keeper's end. */
static int set_up(struct store_order *order) {
    int ends[2];
    answered = 0;
    begin();
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), errno);
    fd_table_init(&fd_table, 1024, 16);
    store = store_new(loop, closer, &fd_table, ends[0]);
    assert_non_null(store);
    *order = (struct store_order){.done = on_order};
    assert_int_equal(store_forget(order, 7), 0);
    assert_int_equal(store_commit(store, order), 0);
    return ends[1];
}

static void tear_down(void) {
    store_free(store);
    closer_stop(closer);
    end();
}

static void without_its_keeper_it_goes_on(void **state) {
    struct store_order order;
    (void)state;
    int keeper = set_up(&order);
    assert_true(store_is_kept(store));
    os_close(keeper);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(answered, 1);
    assert_int_equal(answer, 0);
    assert_false(store_is_kept(store));
    order = (struct store_order){.done = on_order};
    assert_int_equal(store_forget(&order, 8), 0);
    assert_int_equal(store_commit(store, &order), 1);
    tear_down();
}

/* Nothing of what it was asked is answered, as the keeper may not have it. */
static void with_a_keeper_that_lives_it_ends(void **state) {
    struct store_order order;
    uint8_t nonsense[64];
    int status = 0;
    (void)state;
    memset(nonsense, 0xff, sizeof nonsense);
    pid_t child = fork();
    assert_return_code(child, errno);
    if (child == 0) {
        int keeper = set_up(&order);
        if (write(keeper, nonsense, sizeof nonsense) == (ssize_t)sizeof nonsense)
            (void)loop_run(loop);
        _exit(answered ? IS_DONE : GOES_ON);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
}

TEST_MAIN(cmocka_unit_test(without_its_keeper_it_goes_on), cmocka_unit_test(with_a_keeper_that_lives_it_ends))
