/* test_thread.c: threads are started, interrupted and joined, get no signal, and wait for each other. */
#define _GNU_SOURCE
#include "tests/support/test.h"

#include "daemon/loop/pending.h"
#include "daemon/loop/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

enum { ROUNDS = 1000 };

struct task {
    struct thread thread;
    int ends[2];
    ssize_t got;
    int error;
    sigset_t mask;
    atomic_bool over;
};

static void read_one(void *context) {
    struct task *task = context;
    char byte;

    (void)pthread_sigmask(SIG_SETMASK, NULL, &task->mask);
    task->got = read(task->ends[0], &byte, 1);
    task->error = errno;
    task->over = true;
}

static void begin(struct task *task, bool interruptible) {
    *task = (struct task){.got = -2};
    assert_int_equal(pipe(task->ends), 0);
    assert_int_equal(thread_start(&task->thread, read_one, task, interruptible), 0);
}

static void end(const struct task *task) {
    (void)close(task->ends[0]);
    (void)close(task->ends[1]);
}

static void one_that_is_joined_has_ended(void **state) {
    struct task task;

    (void)state;
    begin(&task, false);
    assert_int_equal(write(task.ends[1], "x", 1), 1);
    thread_join(&task.thread);
    assert_true(task.over);
    assert_int_equal(task.got, 1);
    end(&task);
}

static void no_signal_is_for_a_thread(void **state) {
    struct task task;

    (void)state;
    for (int interruptible = 0; interruptible < 2; interruptible++) {
        begin(&task, interruptible);
        assert_int_equal(write(task.ends[1], "x", 1), 1);
        thread_join(&task.thread);
        for (int number = 1; number < 32;
             number++) /* then come the real-time ones, of which the C library has some */
            if (number != SIGKILL && number != SIGSTOP && (number != SIGUSR2 || !interruptible))
                assert_int_equal(sigismember(&task.mask, number), 1);
        end(&task);
    }
}

static void a_call_that_blocks_is_interrupted(void **state) {
    struct sigaction before, now;
    sigset_t mask_before, mask;
    struct task task;

    (void)state;
    assert_int_equal(sigaction(SIGUSR2, NULL, &before), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask_before), 0);
    assert_int_equal(thread_interrupts_begin(), 0);
    assert_int_equal(thread_interrupts_begin(), 0); /* somebody else as well */
    thread_interrupts_end();
    begin(&task, true);
    while (!task.over) /* the first one may come before the call */
        thread_interrupt(&task.thread);
    thread_join(&task.thread);
    assert_int_equal(task.got, -1);
    assert_int_equal(task.error, EINTR);
    thread_interrupts_end();
    assert_int_equal(sigaction(SIGUSR2, NULL, &now), 0);
    assert_true(now.sa_handler == before.sa_handler);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    assert_int_equal(sigismember(&mask, SIGUSR2), sigismember(&mask_before, SIGUSR2));
    end(&task);
}

struct pending_task {
    struct task task;
    sigset_t during[2], after[2], mask[2];
};

static void note_pending(void *context) { (void)sigpending(context); }

/* Twice, as the thread that calls is used again. Then its own signal interrupts it as before. */
static void call_and_read(void *context) {
    struct pending_task *pending = context;

    for (int i = 0; i < 2; i++) {
        pending_call(note_pending, &pending->during[i]);
        (void)sigpending(&pending->after[i]);
        (void)pthread_sigmask(SIG_SETMASK, NULL, &pending->mask[i]);
    }
    read_one(&pending->task);
}

static void one_with_all_signals_pending_is_interrupted_as_before(void **state) {
    struct pending_task pending = {.task = {.got = -2}};

    (void)state;
    assert_int_equal(thread_interrupts_begin(), 0);
    assert_int_equal(pipe(pending.task.ends), 0);
    assert_int_equal(thread_start(&pending.task.thread, call_and_read, &pending, true), 0);
    while (!pending.task.over)
        thread_interrupt(&pending.task.thread);
    thread_join(&pending.task.thread);
    assert_int_equal(pending.task.error, EINTR);
    for (int i = 0; i < 2; i++) {
        for (int number = 1; number < 32; number++)
            if (number != SIGKILL && number != SIGSTOP && number != SIGCONT)
                assert_int_equal(sigismember(&pending.during[i], number), 1);
        assert_int_equal(sigismember(&pending.after[i], SIGUSR2), 0);
        assert_int_equal(sigismember(&pending.mask[i], SIGUSR2), 0);
        assert_int_equal(sigismember(&pending.mask[i], SIGUSR1), 1);
    }
    thread_interrupts_end();
    end(&pending.task);
}

/* What it did by default would end the process, which has asked for nothing but to be left alone. */
static void one_that_came_to_the_loop_ends_nothing(void **state) {
    sigset_t pending;

    (void)state;
    assert_int_equal(thread_interrupts_begin(), 0);
    assert_int_equal(raise(SIGUSR2), 0);
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGUSR2), 1);
    thread_interrupts_end();
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGUSR2), 0);
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

/* A thread that was left behind ends later: it writes to the pipe. */
static void leave_word(void *context) {
    const int *end = context;
    (void)close(*end);
}

static void one_that_is_left_goes_on(void **state) {
    static struct thread thread;
    static int ends[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(thread_start(&thread, leave_word, &ends[1], false), 0);
    thread_leave(&thread);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
}

TEST_MAIN(TEST_CASE(one_that_is_joined_has_ended), TEST_CASE(no_signal_is_for_a_thread),
          TEST_CASE(a_call_that_blocks_is_interrupted),
          TEST_CASE(one_with_all_signals_pending_is_interrupted_as_before),
          TEST_CASE(one_that_came_to_the_loop_ends_nothing), TEST_CASE(two_take_turns),
          TEST_CASE(one_that_is_left_goes_on))
