/* test_offload_process.c: what the threads of offload.h have to do with their process: its signals, its limits, its end. */
#include "offload_case.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Run in a process of its own, which the thread, its memory and its wakeup are left to. */
static bool drops_behind_one_that_stays(void) {
    static struct task stays, waits[2];

    begin();
    task_init(&stays, 1, work_until_released);
    stays.job.drop = drop;
    offload_submit(offload, &stays.job);
    await_started(&stays);
    for (size_t i = 0; i < 2; i++) {
        task_init(&waits[i], 1, work_at_once);
        waits[i].job.drop = drop;
        offload_submit(offload, &waits[i].job);
    }
    return offload_free(offload) && !stays.interrupted && waits[0].interrupted && waits[1].interrupted;
}

/* Nobody will ever take them, although a thread of theirs runs on. */
static void what_waits_behind_one_that_stays_is_dropped(void **state) {
    pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0)
        _exit(drops_behind_one_that_stays() ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void ending_restores_the_signal(void **state) {
    struct sigaction before, after;

    (void)state;
    offload_free(NULL);
    assert_int_equal(sigaction(SIGUSR2, NULL, &before), 0);
    begin();
    end();
    assert_int_equal(sigaction(SIGUSR2, NULL, &after), 0);
    assert_ptr_equal(before.sa_handler, after.sa_handler);
}

static pthread_t worker_thread;

static void work_noting_signals(struct offload_job *job) {
    sigset_t blocked;

    worker_thread = pthread_self();
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    ((struct task *)job)->interrupted = sigismember(&blocked, SIGTERM) == 1 &&
                                        sigismember(&blocked, SIGCHLD) == 1 &&
                                        sigismember(&blocked, SIGUSR2) == 0;
}

static void workers_leave_signals_to_the_loop(void **state) {
    struct task task;
    sigset_t blocked;

    (void)state;
    begin();
    task_init(&task, 1, work_noting_signals);
    offload_submit(offload, &task.job);
    run_until(1);
    assert_true(task.interrupted);
    assert_false(pthread_equal(worker_thread, pthread_self()));
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    assert_int_equal(sigismember(&blocked, SIGTERM), 0);
    end();
}

static void *return_at_once(void *context) { return context; }

enum { NOT_LIMITED = 77 };

/* In a child, whose user may have no more threads. */
static int check_without_threads(void) {
    struct rlimit limit;
    struct task task;
    pthread_t thread;

    begin();
    if (getrlimit(RLIMIT_NPROC, &limit) < 0 || (geteuid() == 0 && setuid(4711) < 0))
        return 2;
    if (setrlimit(RLIMIT_NPROC, &(struct rlimit){0, limit.rlim_max}) < 0)
        return 3;
    if (pthread_create(&thread, NULL, return_at_once, NULL) == 0)
        return NOT_LIMITED;
    for (int i = 0; i < 3; i++)
        if (offload_check(offload, 7) != OFFLOAD_HAS_NO_THREAD)
            return 4;
    if (setrlimit(RLIMIT_NPROC, &limit) < 0)
        return 5;
    if (offload_check(offload, 7) != OFFLOAD_ACCEPTS || setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0}) < 0)
        return 6;
    /* That worker stays. */
    for (size_t i = 1; i <= 3; i++) {
        if (offload_check(offload, 7) != OFFLOAD_ACCEPTS)
            return 7;
        task_init(&task, 7, work_at_once);
        offload_submit(offload, &task.job);
        stop_at = i;
        if (loop_run(loop) || done_count != i)
            return 8;
    }
    end();
    return 0;
}

static void no_job_is_accepted_that_no_thread_would_run(void **state) {
    pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0)
        _exit(check_without_threads());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_LIMITED)
        test_skip("this system's limit of processes does not count threads");
    assert_int_equal(WEXITSTATUS(status), 0);
}

TEST_MAIN(TEST_CASE(what_waits_behind_one_that_stays_is_dropped), TEST_CASE(ending_restores_the_signal),
          TEST_CASE(workers_leave_signals_to_the_loop),
          TEST_CASE(no_job_is_accepted_that_no_thread_would_run))
