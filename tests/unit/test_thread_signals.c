/* test_thread_signals.c: threads get no signal but the one that interrupts them, also with all signals pending. */
#include "tests/support/test.h"

#include "daemon/loop/pending.h"
#include "daemon/loop/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

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

static void the_signal_is_as_it_was_before(void **state) {
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
    while (!task.over)
        thread_interrupt(&task.thread);
    thread_join(&task.thread);
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

TEST_MAIN(TEST_CASE(no_signal_is_for_a_thread), TEST_CASE(the_signal_is_as_it_was_before),
          TEST_CASE(one_with_all_signals_pending_is_interrupted_as_before),
          TEST_CASE(one_that_came_to_the_loop_ends_nothing))
