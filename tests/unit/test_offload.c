/* test_offload.c: which job runs when, on the real loop and real threads. Jobs wait for each other, so a wrong order shows as a
 * test that does not end. */

#include "offload_case.h"

static void jobs_of_one_uid_run_one_after_the_other_in_order(void **state) {
    enum { JOBS = 10000 };
    struct task *tasks = calloc(JOBS, sizeof(*tasks));

    (void)state;
    assert_non_null(tasks);
    begin();
    for (size_t i = 0; i < JOBS; i++) {
        task_init(&tasks[i], 1000, work_at_once);
        offload_submit(offload, &tasks[i].job);
    }
    assert_int_equal(offload_pending(offload), JOBS);
    run_until(JOBS);
    assert_int_equal(offload_pending(offload), 0);
    assert_int_equal(most_running, 1);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(tasks[i].worked, i + 1);
        assert_int_equal(tasks[i].done, i + 1);
    }
    end();
    free(tasks);
}

static size_t turns, done_in_turn, most_in_turn;

static void after_turn(void *context) {
    (void)context;
    turns++;
    if (done_in_turn > most_in_turn)
        most_in_turn = done_in_turn;
    done_in_turn = 0;
}

static void on_done_in_turn(struct offload_job *job) {
    done_in_turn++;
    on_done(job);
}

static void await_worked(size_t count) {
    while (work_count < count)
        native_yield();
}

static void others_have_their_turn_between_many_that_are_done(void **state) {
    enum { JOBS = 10 * OFFLOAD_DONE_MOST };
    static struct task tasks[JOBS];

    (void)state;
    begin();
    turns = done_in_turn = most_in_turn = 0;
    loop_after(loop, after_turn, NULL);
    for (size_t i = 0; i < JOBS; i++) {
        task_init(&tasks[i], 1000, work_at_once);
        tasks[i].job.done = on_done_in_turn;
        offload_submit(offload, &tasks[i].job);
    }
    await_worked(JOBS); /* all of them wait to be done */
    run_until(JOBS);
    assert_int_equal(most_in_turn, OFFLOAD_DONE_MOST);
    assert_true(turns >= JOBS / OFFLOAD_DONE_MOST);
    end();
}

static void different_uids_run_at_the_same_time(void **state) {
    struct task tasks[OFFLOAD_WORKERS];

    (void)state;
    begin();
    for (size_t i = 0; i < OFFLOAD_WORKERS; i++) {
        task_init(&tasks[i], (uint32_t)i, work_until_released);
        offload_submit(offload, &tasks[i].job);
    }
    for (size_t i = 0; i < OFFLOAD_WORKERS; i++)
        await_started(&tasks[i]); /* all of them, while none is released */
    assert_int_equal(running, OFFLOAD_WORKERS);
    for (size_t i = 0; i < OFFLOAD_WORKERS; i++)
        tasks[i].released = true;
    run_until(OFFLOAD_WORKERS);
    end();
}

static void one_uid_holds_up_no_other(void **state) {
    struct task blocked, waiting[20], other[20];

    (void)state;
    begin();
    task_init(&blocked, 1, work_until_released);
    offload_submit(offload, &blocked.job);
    for (size_t i = 0; i < 20; i++) {
        task_init(&waiting[i], 1, work_at_once);
        offload_submit(offload, &waiting[i].job);
        task_init(&other[i], 2, work_at_once);
        offload_submit(offload, &other[i].job);
    }
    run_until(20); /* those of the other, all of them */
    for (size_t i = 0; i < 20; i++) {
        assert_true(other[i].done);
        assert_false(waiting[i].started);
    }
    blocked.released = true;
    run_until(41);
    for (size_t i = 1; i < 20; i++)
        assert_true(waiting[i].worked == waiting[i - 1].worked + 1);
    end();
}

/* With all workers busy, what waits is taken uid by uid and not in the order of submission. */
static void uids_take_turns(void **state) {
    struct task busy[OFFLOAD_WORKERS], many[10], few[2];

    (void)state;
    begin();
    for (size_t i = 0; i < OFFLOAD_WORKERS; i++) {
        task_init(&busy[i], (uint32_t)i, work_until_released);
        offload_submit(offload, &busy[i].job);
        await_started(&busy[i]);
    }
    for (size_t i = 0; i < 10; i++) {
        task_init(&many[i], 100, work_at_once);
        offload_submit(offload, &many[i].job);
    }
    for (size_t i = 0; i < 2; i++) {
        task_init(&few[i], 200, work_at_once);
        offload_submit(offload, &few[i].job);
    }
    busy[0].released = true; /* a single worker for all of them: */
    while (work_count < 13)  /* the loop, which would see that the others take long, does not run yet */
        native_yield();
    run_until(13);
    assert_int_equal(many[0].worked, 2);
    assert_int_equal(few[0].worked, 3);
    assert_int_equal(many[1].worked, 4);
    assert_int_equal(few[1].worked, 5);
    assert_int_equal(many[2].worked, 6);
    for (size_t i = 1; i < OFFLOAD_WORKERS; i++)
        busy[i].released = true;
    run_until(12 + OFFLOAD_WORKERS);
    end();
}

/* Blocks in a call; only an interruption ends it. */
static void work_reading(struct offload_job *job) {
    struct task *task = (struct task *)job;
    char byte;

    task->started = true;
    task->interrupted = native_read(task->fd, &byte, 1) == -EINTR;
}

/* It runs as long as others that are interrupted, and ends when it can. */
static void a_patient_job_is_not_interrupted(void **state) {
    struct task patient, other;
    os_fd ends[2], others[2];

    (void)state;
    begin();
    native_pipe(ends);
    native_pipe(others);
    task_init(&patient, 1, work_reading);
    patient.job.patient = true;
    patient.fd = ends[0];
    task_init(&other, 2, work_reading);
    other.fd = others[0];
    offload_submit(offload, &patient.job);
    await_started(&patient);
    offload_submit(offload, &other.job);
    run_until(1);
    assert_true(other.interrupted);
    assert_false(patient.done);
    assert_int_equal(native_write(ends[1], "x", 1), 1);
    run_until(2);
    assert_false(patient.interrupted);
    end();
    for (int i = 0; i < 2; i++) {
        os_close(ends[i]);
        os_close(others[i]);
    }
}

static void a_blocking_call_is_interrupted(void **state) {
    struct task tasks[8];
    os_fd ends[2];

    (void)state;
    begin();
    native_pipe(ends);
    for (size_t i = 0; i < 8; i++) {
        task_init(&tasks[i], (uint32_t)i % 5, work_reading);
        tasks[i].fd = ends[0];
        offload_submit(offload, &tasks[i].job);
    }
    run_until(8);
    for (size_t i = 0; i < 8; i++)
        assert_true(tasks[i].interrupted);
    end();
    os_close(ends[0]);
    os_close(ends[1]);
}

/* More uids than workers whose jobs no signal ends: one that comes later gets a thread all the same. */
static void stuck_jobs_do_not_use_up_the_workers(void **state) {
    enum { STUCK = OFFLOAD_WORKERS + 2 };
    struct task stuck[STUCK], late;

    (void)state;
    begin();
    for (size_t i = 0; i < STUCK; i++) {
        task_init(&stuck[i], (uint32_t)i, work_until_released);
        offload_submit(offload, &stuck[i].job);
    }
    task_init(&late, 99, work_at_once);
    offload_submit(offload, &late.job);
    run_until(1);
    assert_int_equal(late.done, 1);
    for (size_t i = 0; i < STUCK; i++)
        stuck[i].released = true;
    run_until(1 + STUCK);
    /* And afterwards there are as many as ever. */
    for (size_t i = 0; i < STUCK; i++) {
        task_init(&stuck[i], (uint32_t)i, work_at_once);
        offload_submit(offload, &stuck[i].job);
    }
    run_until(1 + 2 * STUCK);
    end();
}

/* The other jobs of its uid do not wait for a stuck job either, but only so many jobs of a uid may be stuck. */
static void a_stuck_job_holds_up_its_uid_for_a_while_only(void **state) {
    static struct task stuck[OFFLOAD_STUCK_MOST + 1];
    struct task last;

    (void)state;
    begin();
    for (size_t i = 0; i <= OFFLOAD_STUCK_MOST; i++) {
        task_init(&stuck[i], 7, work_until_released);
        offload_submit(offload, &stuck[i].job);
    }
    task_init(&last, 7, work_at_once);
    offload_submit(offload, &last.job);
    stuck[0].released = false;
    /* Each of them is begun while those before it are stuck; the one above the bound is not. */
    struct task other;
    for (size_t i = 0; i < OFFLOAD_STUCK_MOST; i++)
        while (!stuck[i].started) {
            task_init(&other, 8, work_at_once);
            offload_submit(offload, &other.job);
            run_until(done_count + 1);
        }
    size_t others = done_count;
    assert_false(stuck[OFFLOAD_STUCK_MOST].started);
    assert_false(last.started);
    for (size_t i = 0; i <= OFFLOAD_STUCK_MOST; i++)
        stuck[i].released = true;
    run_until(others + OFFLOAD_STUCK_MOST + 2);
    assert_true(last.worked > stuck[OFFLOAD_STUCK_MOST].worked);
    end();
}

/* What waits for peers does not hold up what does not. */
static void quick_jobs_are_apart(void **state) {
    struct task slow, slower, quick[2];

    (void)state;
    begin();
    task_init(&slow, 7, work_until_released);
    task_init(&slower, 7, work_at_once);
    for (size_t i = 0; i < 2; i++) {
        task_init(&quick[i], 7, work_at_once);
        quick[i].job.quick = true;
    }
    offload_submit(offload, &slow.job);
    offload_submit(offload, &slower.job);
    offload_submit(offload, &quick[0].job);
    offload_submit(offload, &quick[1].job);
    run_until(2);
    assert_true(quick[0].done == 1 && quick[1].done == 2);
    assert_false(slower.started);
    slow.released = true;
    run_until(4);
    end();
}

static void what_is_dropped_is_told(void **state) {
    struct task runs, waits[2];

    (void)state;
    begin();
    task_init(&runs, 1, work_until_released);
    runs.job.drop = drop;
    offload_submit(offload, &runs.job);
    for (size_t i = 0; i < 2; i++) {
        task_init(&waits[i], 1, work_at_once);
        waits[i].job.drop = drop;
        offload_submit(offload, &waits[i].job);
    }
    await_started(&runs);
    runs.released = true;
    offload_free(offload);
    assert_true(runs.interrupted && waits[0].interrupted && waits[1].interrupted);
    assert_int_equal(done_count, 0);
    loop_free(loop);
}

static void on_done_submit_again(struct offload_job *job) {
    on_done(job);
    if (done_count < 1000)
        offload_submit(offload, job);
}

static void done_may_submit_the_job_again(void **state) {
    struct task task;

    (void)state;
    begin();
    task_init(&task, 7, work_at_once);
    task.job.done = on_done_submit_again;
    offload_submit(offload, &task.job);
    run_until(1000);
    assert_int_equal(offload_pending(offload), 0);
    end();
}

static void ending_interrupts_what_runs_and_drops_what_waits(void **state) {
    struct task runs, waits;
    os_fd ends[2];

    (void)state;
    begin();
    native_pipe(ends);
    task_init(&runs, 1, work_reading);
    runs.fd = ends[0];
    task_init(&waits, 1, work_at_once);
    offload_submit(offload, &runs.job);
    offload_submit(offload, &waits.job);
    await_started(&runs);
    offload_free(offload);
    assert_true(runs.interrupted);
    assert_false(waits.started);
    assert_int_equal(done_count, 0);
    loop_free(loop);
    os_close(ends[0]);
    os_close(ends[1]);
}

static const char *worker_thread;

static void work_noting_its_thread(struct offload_job *job) {
    static _Thread_local char of_this_thread;

    worker_thread = &of_this_thread;
    work_at_once(job);
}

/* The first case, so that no thread of another one is still ending. */
static void threads_are_started_by_jobs_and_only_as_needed(void **state) {
    const char *seen[50];
    struct task task;

    (void)state;
    size_t before = native_threads(), used = 0;
    if (!before)
        test_skip("this system lists no threads");
    begin();
    assert_int_equal(native_threads(), before);
    for (size_t i = 0; i < 50; i++) {
        size_t known = 0;
        task_init(&task, (uint32_t)i, work_noting_its_thread);
        offload_submit(offload, &task.job);
        run_until(i + 1);
        while (known < used && seen[known] != worker_thread)
            known++;
        if (known == used)
            seen[used++] = worker_thread;
    }
    assert_in_range(used, 1, OFFLOAD_WORKERS);
    end();
}

/* A stuck one counts for nothing. */
static void a_worker_is_started_beside_one_that_is_stuck(void **state) {
    struct task stuck, other;

    (void)state;
    begin();
    task_init(&stuck, 7, work_until_released);
    offload_submit(offload, &stuck.job);
    await_started(&stuck);
    for (size_t is_stuck = 0; !is_stuck;) {
        task_init(&other, 8, work_at_once);
        offload_submit(offload, &other.job);
        run_until(done_count + 1);
        (void)offload_running(offload, &is_stuck);
    }
    assert_int_equal(offload_check(offload, 9), OFFLOAD_ACCEPTS);
    stuck.released = true;
    run_until(done_count + 1);
    end();
}

TEST_MAIN(TEST_CASE(threads_are_started_by_jobs_and_only_as_needed),
          TEST_CASE(jobs_of_one_uid_run_one_after_the_other_in_order),
          TEST_CASE(others_have_their_turn_between_many_that_are_done),
          TEST_CASE(different_uids_run_at_the_same_time), TEST_CASE(one_uid_holds_up_no_other),
          TEST_CASE(uids_take_turns), TEST_CASE(a_blocking_call_is_interrupted),
          TEST_CASE(a_patient_job_is_not_interrupted), TEST_CASE(stuck_jobs_do_not_use_up_the_workers),
          TEST_CASE(a_stuck_job_holds_up_its_uid_for_a_while_only), TEST_CASE(what_is_dropped_is_told),
          TEST_CASE(quick_jobs_are_apart), TEST_CASE(done_may_submit_the_job_again),
          TEST_CASE(ending_interrupts_what_runs_and_drops_what_waits),
          TEST_CASE(a_worker_is_started_beside_one_that_is_stuck))
