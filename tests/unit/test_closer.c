/* test_closer.c: closing on real threads. */

#include "closer_case.h"

#include "daemon/loop/placeholder.h"

static void a_closed_descriptor_is_gone_when_done_runs(void **state) {
    os_fd ends[2];
    int context;
    char byte;

    (void)state;
    begin();
    native_pipe(ends);
    closer_close(closer, ends[1], 1000, on_done, &context);
    assert_int_equal(closer_pending(closer), 1);
    run_until(1);
    assert_ptr_equal(done_order[0], &context);
    assert_int_equal(closer_pending(closer), 0);
    assert_int_equal(native_read(ends[0], &byte, 1), 0); /* end of file: nobody has the writing end */
    os_close(ends[0]);
    end();
}

static void many_of_several_uids_are_closed(void **state) {
    enum { PAIRS = 250 };
    os_fd ends[PAIRS][2];

    (void)state;
    begin();
    size_t open_before = test_fds_count();
    for (size_t i = 0; i < PAIRS; i++) {
        native_pipe(ends[i]);
        closer_close(closer, ends[i][0], (uint32_t)i % 7, on_done, &ends[i]);
        closer_close(closer, ends[i][1], (uint32_t)i % 3, on_done, &ends[i]);
    }
    run_until(2 * PAIRS);
    assert_int_equal(closer_pending(closer), 0);
    assert_int_equal(test_fds_count(), open_before);
    end();
}

static void nobody_needs_to_be_told(void **state) {
    os_fd ends[2], others[2];

    (void)state;
    begin();
    size_t open_before = test_fds_count();
    native_pipe(ends);
    native_pipe(others);
    closer_close(closer, ends[0], 1, NULL, NULL);
    closer_close(closer, ends[1], 1, NULL, NULL);
    closer_close(closer, others[0], 1, NULL, NULL);
    closer_close(closer, others[1], 1, on_done, NULL);
    run_until(1);
    assert_int_equal(closer_pending(closer), 0);
    assert_int_equal(test_fds_count(), open_before);
    end();
}

/* No worker is woken for one, but for as many as are worth it; fewer are closed a little later. */
static void what_is_discarded_waits_for_others(void **state) {
    enum { MORE = CLOSER_LATER_MOST + 3 };
    struct discard_queue queues[2];
    os_fd fds[MORE];

    (void)state;
    begin();
    size_t open_before = test_fds_count();
    for (size_t i = 0; i < 2; i++)
        discard_queue_init(&queues[i]);
    for (size_t i = 0; i < MORE; i++) {
        fds[i] = native_null();
        closer_discard(closer, &queues[i % 2], fds[i], (uint32_t)i % 2, on_done, NULL);
        assert_int_equal(closer_pending(closer), i + 1);
        assert_int_equal(offload_pending(offload), i + 1 < CLOSER_LATER_MOST ? 0 : CLOSER_LATER_MOST);
    }
    run_until(MORE);
    assert_int_equal(test_fds_count(), open_before);
    /* Its close would not close the open file, if that is one of these. */
    fds[0] = native_null();
    fds[1] = os_dup(fds[0]);
    closer_discard(closer, &queues[0], fds[0], 0, on_done, &fds[0]);
    closer_close(closer, fds[1], 0, on_done, &fds[1]);
    assert_int_equal(offload_pending(offload), 2);
    run_until(MORE + 2);
    assert_ptr_equal(done_order[MORE], &fds[0]);
    assert_ptr_equal(done_order[MORE + 1], &fds[1]);
    /* What waits at the end is told as well. */
    fds[0] = native_null();
    closer_discard(closer, &queues[0], fds[0], 0, on_done, NULL);
    assert_int_equal(offload_pending(offload), 0);
    end();
    assert_int_equal(done_count, MORE + 3);
    os_close(fds[0]);
}

/* Of several kinds and uids, and again and again with the same numbers. */
static void piles_of_pipes_and_files(void **state) {
    enum { ROUNDS = 20, EACH = 16, PILES = 3, KINDS = 4 };
    struct discard_queue discard_queues[PILES];
    size_t n = 0;

    (void)state;
    begin();
    for (size_t i = 0; i < PILES; i++)
        discard_queue_init(&discard_queues[i]);
    for (size_t round = 0; round < ROUNDS; round++) {
        done_count = n = 0;
        for (size_t i = 0; i < EACH; i++) {
            os_fd fds[KINDS];
            native_pipe(fds);
            fds[2] = native_null();
            fds[3] = os_dup(fds[2]);
            for (size_t k = 0; k < KINDS; k++, n++)
                closer_discard(closer, &discard_queues[i % PILES], fds[k], (uint32_t)(i % PILES), on_done,
                               NULL);
        }
        run_until(n);
        assert_int_equal(closer_pending(closer), 0);
    }
    end();
}

/* What was discarded before the stop is closed, though it has waited for others. */
static void what_comes_before_the_stop_is_closed(void **state) {
    struct discard_queue discard_queue;
    os_fd ends[2];
    char byte;

    (void)state;
    begin();
    discard_queue_init(&discard_queue);
    native_pipe(ends);
    closer_discard(closer, &discard_queue, ends[1], 1000, on_done, NULL);
    closer_stop(closer);
    assert_int_equal(native_read(ends[0], &byte, 1), 0); /* end of file: nobody has the writing end */
    end();
    assert_int_equal(done_count, 1);
    placeholder_drop(ends[1]); /* the loop has not come to it */
    os_close(ends[0]);
}

/* The offload may be gone by then. */
static void what_comes_after_the_stop_is_left_open(void **state) {
    struct discard_queue discard_queue;
    os_fd ends[2];

    (void)state;
    begin();
    discard_queue_init(&discard_queue);
    native_pipe(ends);
    closer_stop(closer);
    closer_close(closer, ends[0], 1000, on_done, &ends[0]);
    assert_int_equal(done_count, 1);
    closer_discard(closer, &discard_queue, ends[1], 1000, on_done, &ends[1]);
    assert_int_equal(done_count, 2);
    assert_ptr_equal(done_order[0], &ends[0]);
    assert_ptr_equal(done_order[1], &ends[1]);
    closer_close(closer, ends[1], 1000, NULL, NULL);
    assert_int_equal(closer_pending(closer), 0);
    end();
    for (int i = 0; i < 2; i++) {
        assert_true(native_is_open(ends[i]));
        os_close(ends[i]);
    }
}

TEST_MAIN(TEST_CASE(what_comes_after_the_stop_is_left_open), TEST_CASE(what_comes_before_the_stop_is_closed),
          TEST_CASE(a_closed_descriptor_is_gone_when_done_runs), TEST_CASE(many_of_several_uids_are_closed),
          TEST_CASE(nobody_needs_to_be_told), TEST_CASE(what_is_discarded_waits_for_others),
          TEST_CASE(piles_of_pipes_and_files))
