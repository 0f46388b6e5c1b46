/* test_thread.c: threads are started, interrupted and joined, and wait for each other. */
#include "tests/support/test.h"

#include "daemon/loop/thread.h"
#include "tests/support/native.h"

#include <stdatomic.h>

enum { ROUNDS = 1000 };

struct task {
    struct thread thread;
    os_fd ends[2];
    ptrdiff_t got;
    atomic_bool over;
};

static void read_one(void *context) {
    struct task *task = context;
    char byte;

    task->got = native_read(task->ends[0], &byte, 1);
    task->over = true;
}

static void begin(struct task *task, bool interruptible) {
    *task = (struct task){.got = 2};
    native_pipe(task->ends);
    assert_int_equal(thread_start(&task->thread, read_one, task, interruptible), 0);
}

static void end(const struct task *task) {
    os_close(task->ends[0]);
    os_close(task->ends[1]);
}

static void one_that_is_joined_has_ended(void **state) {
    struct task task;

    (void)state;
    begin(&task, false);
    assert_int_equal(native_write(task.ends[1], "x", 1), 1);
    thread_join(&task.thread);
    assert_true(task.over);
    assert_int_equal(task.got, 1);
    end(&task);
}

static void a_call_that_blocks_is_interrupted(void **state) {
    struct task task;

    (void)state;
    assert_int_equal(thread_interrupts_begin(), 0);
    assert_int_equal(thread_interrupts_begin(), 0); /* somebody else as well */
    thread_interrupts_end();
    begin(&task, true);
    while (!task.over) /* the first one may come before the call */
        thread_interrupt(&task.thread);
    thread_join(&task.thread);
    assert_int_equal(task.got, -EINTR);
    thread_interrupts_end();
    end(&task);
}

static struct thread_lock lock;
static struct thread_queue queue;
static int turn, turns;

static void take_turns(void *context) {
    const int *mine = context;

    thread_lock_take(&lock);
    while (turns < ROUNDS) {
        if (turn == *mine) {
            turn = !turn;
            turns++;
            thread_queue_wake_all(&queue);
        } else {
            thread_queue_wait(&queue, &lock);
        }
    }
    thread_queue_wake_one(&queue);
    thread_lock_give(&lock);
}

static void two_take_turns(void **state) {
    static int numbers[2] = {0, 1};
    struct thread threads[2];

    (void)state;
    thread_lock_init(&lock);
    thread_queue_init(&queue);
    turn = turns = 0;
    for (int i = 0; i < 2; i++)
        assert_int_equal(thread_start(&threads[i], take_turns, &numbers[i], false), 0);
    for (int i = 0; i < 2; i++)
        thread_join(&threads[i]);
    assert_int_equal(turns, ROUNDS);
    thread_queue_deinit(&queue);
    thread_lock_deinit(&lock);
}

/* A thread that was left behind ends later: it closes the pipe. */
static void leave_word(void *context) {
    const os_fd *end = context;
    os_close(*end);
}

static void one_that_is_left_goes_on(void **state) {
    static struct thread thread;
    static os_fd ends[2];
    char byte;

    (void)state;
    native_pipe(ends);
    assert_int_equal(thread_start(&thread, leave_word, &ends[1], false), 0);
    thread_leave(&thread);
    assert_int_equal(native_read(ends[0], &byte, 1), 0);
    os_close(ends[0]);
}

TEST_MAIN(TEST_CASE(one_that_is_joined_has_ended), TEST_CASE(a_call_that_blocks_is_interrupted),
          TEST_CASE(two_take_turns), TEST_CASE(one_that_is_left_goes_on))
