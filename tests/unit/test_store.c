/* test_store.c: what a broker does without its keeper, and what with one that it cannot speak with. The keeper is the other end of a socket pair. */
#define _GNU_SOURCE

#include "closer_case.h"

#include "daemon/access/fd_table.h"
#include "daemon/store/store.h"
#include "keeper.pb-c.h"
#include "proto/channel.h"

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

/* ---- a keeper that does not read ---------------------------------------------------------------------------------- */

enum { N_TOLD = 200000 };

static struct loop_watch reading;
static struct channel channel;
static uint64_t n_read, n_orders;
static bool in_order;

static void on_orders(struct loop_watch *watch, unsigned events) {
    struct channel_frame frame;
    (void)watch, (void)events;
    if (channel_fill(&channel, NULL, NULL) != 1)
        return;
    while (channel_next(&channel, &frame) == 1) {
        Portd__Keeper__V1__Order *order = portd__keeper__v1__order__unpack(NULL, frame.length, frame.body);
        assert_non_null(order);
        for (size_t i = 0; i < order->n_forget; i++)
            in_order = in_order && order->forget[i] == ++n_read;
        n_orders += !order->more;
        portd__keeper__v1__order__free_unpacked(order, NULL);
    }
    assert_int_equal(channel_rest(&channel), 0);
    if (n_read == N_TOLD)
        loop_stop(loop);
}

static void tell(uint64_t key) {
    struct store_order *order = store_open(store);
    assert_non_null(order);
    assert_int_equal(store_forget(order, key), 0);
    store_tell(store, order);
}

/* All of it comes, once and in its order. */
static void what_is_told_meanwhile_is_one_order(void **state) {
    struct store_order order;
    struct channel_scratch scratch;
    (void)state;
    int keeper = set_up(&order);
    n_read = n_orders = 0;
    in_order = true;
    for (uint64_t key = 8; key < N_TOLD; key++)
        tell(key);
    assert_true(store_is_full(store));
    struct store_order late = {.done = on_order};
    assert_int_equal(store_forget(&late, N_TOLD), 0);
    assert_int_equal(store_commit(store, &late), 0); /* stays after what was told before */
    assert_int_equal(channel_scratch_init(&scratch), 0);
    channel_init(&channel, (struct transport){keeper}, &scratch, FRAME_LONG_MAX);
    reading = (struct loop_watch){.fd = keeper, .fn = on_orders};
    assert_int_equal(loop_watch(loop, &reading, LOOP_READ), 0);
    n_read = 6; /* set_up begins with 7 */
    assert_int_equal(loop_run(loop), 0);
    assert_true(in_order);
    assert_int_equal(n_read, N_TOLD);
    assert_true(n_orders < N_TOLD / 2);
    assert_false(store_is_full(store));
    loop_unwatch(&reading);
    channel_deinit(&channel, NULL, NULL);
    os_close(keeper);
    assert_int_equal(loop_run(loop), 0); /* until `late` is done */
    assert_int_equal(answered, 2);
    tear_down();
    channel_scratch_deinit(&scratch);
}

static void an_empty_order_is_done(void **state) {
    struct store_order order, nothing = {.done = on_order};
    (void)state;
    int keeper = set_up(&order);
    assert_int_equal(store_commit(store, &nothing), 1);
    store_tell(store, store_open(store));
    os_close(keeper);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(answered, 1);
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

TEST_MAIN(cmocka_unit_test(without_its_keeper_it_goes_on), cmocka_unit_test(with_a_keeper_that_lives_it_ends),
          cmocka_unit_test(what_is_told_meanwhile_is_one_order), cmocka_unit_test(an_empty_order_is_done))
