/* test_poller.c: what poller threads do between sleeps, in which order the loop gets their reports, and how they end; on the real
 * loop, engine and threads. */

#include "tests/support/test.h"

#include "daemon/loop/loop.h"
#include "daemon/loop/poller.h"
#include "daemon/loop/polls.h"
#include "daemon/readiness/engine.h"
#include "tests/support/native.h"

#include <stdatomic.h>

static struct loop *loop;
static struct pollers *pollers;
static size_t has_fds, done_count, stop_at;
static uint64_t heard[256]; /* tokens, and 0 for a job that is done */
static size_t n_heard;

static void hear(uint64_t token) {
    assert_true(n_heard < sizeof heard / sizeof *heard);
    heard[n_heard++] = token;
    if (++done_count == stop_at)
        loop_stop(loop);
}

static void on_ready(void *context, uint64_t token, unsigned events) {
    assert_ptr_equal(context, heard);
    assert_true(events & ENGINE_READ);
    hear(token);
}

/* How many they have from now on; that one has ended is heard. */
static void on_has(void *context, size_t n_fds) {
    assert_ptr_equal(context, heard);
    bool fewer = n_fds < has_fds;
    has_fds = n_fds;
    if (fewer)
        hear(UINT64_MAX);
}

static void begin(void) {
    has_fds = done_count = stop_at = n_heard = 0;
    loop = loop_new();
    assert_non_null(loop);
    pollers = pollers_new(loop, on_ready, on_has, heard);
    assert_non_null(pollers);
}

static void end(void) {
    pollers_free(pollers);
    loop_free(loop);
}

static void run_until(size_t count) {
    stop_at = count;
    if (done_count < count)
        assert_int_equal(loop_run(loop), 0);
    assert_int_equal(done_count, count);
}

struct task {
    struct poller_job job;
    struct engine_watch watch;
    struct polled poll;
    unsigned interest;
    bool edge;
    os_fd fd;
    uint64_t token;
    int result;
    bool dropped;
    atomic_bool started, released;
};

static void on_done(struct poller_job *job) {
    (void)job;
    hear(0);
}

static void on_dropped(struct poller_job *job) { ((struct task *)job)->dropped = true; }

static void submit(struct poller *poller, struct task *task,
                   void (*work)(struct poller_job *job, struct engine *engine)) {
    task->job = (struct poller_job){.work = work, .done = on_done, .drop = on_dropped};
    poller_submit(poller, &task->job);
}

static void work_arm(struct poller_job *job, struct engine *engine) {
    struct task *task = (struct task *)job;
    task->result = engine_arm(engine, &task->watch, task->fd, ENGINE_READ, false, task->token);
}

static void work_disarm(struct poller_job *job, struct engine *engine) {
    struct task *task = (struct task *)job;
    engine_disarm(engine, &task->watch, task->fd);
}

static void work_until_released(struct poller_job *job, struct engine *engine) {
    struct task *task = (struct task *)job;
    (void)engine;
    task->started = true;
    while (!task->released)
        native_yield();
}

static void await(const struct task *task) {
    while (!task->started)
        native_yield();
}

static void close_pipe(const os_fd ends[2]) {
    os_close(ends[0]);
    os_close(ends[1]);
}

static void what_is_armed_is_told(void **state) {
    struct task task = {.token = 17};
    os_fd ends[2];

    (void)state;
    begin();
    native_pipe(ends);
    task.fd = ends[0];
    struct poller *poller = poller_ref(pollers, 7);
    assert_non_null(poller);
    assert_int_equal(has_fds, POLLER_FDS);
    submit(poller, &task, work_arm);
    run_until(1);
    assert_int_equal(task.result, 0);
    assert_int_equal(native_write(ends[1], "x", 1), 1);
    run_until(2);
    assert_true(heard[1] == 17);
    submit(poller, &task, work_disarm);
    run_until(3);
    poller_unref(poller);
    run_until(4);
    assert_int_equal(has_fds, 0);
    close_pipe(ends);
    end();
}

static void work_poll(struct poller_job *job, struct engine *engine) {
    struct task *task = (struct task *)job;
    (void)engine;
    task->result = poller_poll(job->poller, &task->poll, task->interest, task->edge);
}

static void what_is_polled_is_told_once_or_by_edges_until_it_is_taken(void **state) {
    struct task once = {.poll = {.token = 17}, .interest = ENGINE_READ};
    struct task again = {.poll = {.token = 33}, .interest = ENGINE_READ, .edge = true};
    os_fd ends[2], others[2];
    char byte;

    (void)state;
    begin();
    native_pipe(ends);
    native_pipe(others);
    once.poll.fd = ends[0];
    again.poll.fd = others[0];
    struct poller *poller = poller_ref(pollers, 7);
    submit(poller, &once, work_poll);
    submit(poller, &again, work_poll);
    run_until(2);
    assert_int_equal(native_write(ends[1], "x", 1), 1);
    run_until(3);
    assert_true(heard[2] == 17);
    assert_int_equal(native_write(others[1], "x", 1), 1);
    run_until(5);
    assert_true(heard[3] == 33 && heard[4] == 33); /* it is ready still */
    assert_int_equal(native_read(others[0], &byte, 1), 1);
    again.interest = 0;
    submit(poller, &again, work_poll);
    run_until(6);
    poller_unref(poller);
    run_until(7);
    close_pipe(ends);
    close_pipe(others);
    end();
}

static void only_so_many_are_polled(void **state) {
    static struct task tasks[POLLS_MOST + 1];
    struct task other = {.token = 17};
    os_fd ends[2], others[2];

    (void)state;
    begin();
    n_heard = 0;
    native_pipe(ends);
    native_pipe(others);
    struct poller *poller = poller_ref(pollers, 7);
    for (size_t i = 0; i <= POLLS_MOST; i++) {
        tasks[i] = (struct task){.poll = {.fd = ends[0], .token = 1}, .interest = ENGINE_READ};
        submit(poller, &tasks[i], work_poll);
        n_heard = 0;
        run_until(i + 1);
        assert_int_equal(tasks[i].result, i < POLLS_MOST ? 0 : -ENOSPC);
    }
    /* What is in the engine is told of all the same. */
    other.fd = others[0];
    submit(poller, &other, work_arm);
    run_until(POLLS_MOST + 2);
    assert_int_equal(native_write(others[1], "x", 1), 1);
    run_until(POLLS_MOST + 3);
    assert_true(heard[n_heard - 1] == 17);
    poller_unref(poller);
    run_until(POLLS_MOST + 4);
    close_pipe(ends);
    close_pipe(others);
    end();
}

/* An event found before a job is reported before its done(): after a probe by a job no older event is reported. */
static void answers_keep_their_place_among_jobs(void **state) {
    static struct task tasks[40];
    struct task last = {.fd = OS_FD_NONE};
    os_fd ends[40][2];

    (void)state;
    begin();
    struct poller *poller = poller_ref(pollers, 7);
    for (size_t i = 0; i < 40; i++) {
        native_pipe(ends[i]);
        assert_int_equal(native_write(ends[i][1], "x", 1), 1);
        memset(&tasks[i], 0, sizeof tasks[i]);
        tasks[i].fd = ends[i][0];
        tasks[i].token = 8 * i + 1;
        submit(poller, &tasks[i], work_arm);
    }
    /* More than the stock of answers: all the same each is told, once. */
    run_until(80);
    submit(poller, &last, work_until_released);
    await(&last);
    last.released = true;
    run_until(81);
    size_t told[40] = {0};
    for (size_t i = 0; i < 80; i++)
        if (heard[i])
            told[heard[i] / 8]++;
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(told[i], 1);
    assert_true(heard[80] == 0);
    for (size_t i = 0; i < 40; i++)
        submit(poller, &tasks[i], work_disarm);
    run_until(121);
    for (size_t i = 0; i < 40; i++)
        close_pipe(ends[i]);
    poller_unref(poller);
    end();
}

static atomic_int poller_thread;

static void work_name_thread(struct poller_job *job, struct engine *engine) {
    (void)engine;
    poller_thread = native_thread();
    ((struct task *)job)->started = true;
}

/* More is ready than it has records for, and the loop does not run: it sleeps until the loop has given the records back, without any
 * other job waking it. */
static void what_the_stock_has_no_room_for_is_told_when_it_has(void **state) {
    enum { MANY = 40 };
    static struct task tasks[MANY];
    struct task last = {.fd = OS_FD_NONE};
    size_t told[MANY] = {0};
    os_fd ends[MANY][2];

    (void)state;
    if (native_sleeps_in_poll(native_thread()) < 0)
        test_skip("this system does not tell what a thread sleeps in");
    begin();
    struct poller *poller = poller_ref(pollers, 7);
    for (size_t i = 0; i < MANY; i++) {
        native_pipe(ends[i]);
        assert_int_equal(native_write(ends[i][1], "x", 1), 1);
        tasks[i] = (struct task){.fd = ends[i][0], .token = 8 * i + 1};
        submit(poller, &tasks[i], work_arm);
    }
    submit(poller, &last, work_name_thread);
    await(&last);
    while (!native_sleeps_in_poll(poller_thread))
        native_yield();
    run_until(2 * MANY + 1);
    for (size_t i = 0; i < n_heard; i++)
        if (heard[i])
            told[heard[i] / 8]++;
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(told[i], 1);
    for (size_t i = 0; i < MANY; i++)
        submit(poller, &tasks[i], work_disarm);
    run_until(3 * MANY + 1);
    for (size_t i = 0; i < MANY; i++)
        close_pipe(ends[i]);
    poller_unref(poller);
    run_until(3 * MANY + 2);
    end();
}

static void one_uid_holds_up_no_other(void **state) {
    struct task stuck = {.fd = OS_FD_NONE}, late = {.fd = OS_FD_NONE}, other = {.fd = OS_FD_NONE};

    (void)state;
    begin();
    struct poller *one = poller_ref(pollers, 1), *two = poller_ref(pollers, 2);
    assert_ptr_not_equal(one, two);
    assert_ptr_equal(poller_ref(pollers, 1), one);
    assert_int_equal(has_fds, 2 * POLLER_FDS);
    submit(one, &stuck, work_until_released);
    submit(one, &late, work_until_released);
    late.released = true;
    await(&stuck);
    other.released = true;
    submit(two, &other, work_until_released);
    run_until(1);
    assert_false(poller_is_late(two));
    while (!poller_is_late(one))
        native_yield();
    assert_false(late.started);
    stuck.released = true;
    run_until(3);
    assert_false(poller_is_late(one));
    poller_unref(one);
    poller_unref(one);
    poller_unref(two);
    run_until(5);
    assert_int_equal(has_fds, 0);
    end();
}

/* It stays as long as anybody refers to it. */
static void it_ends_with_the_last_reference(void **state) {
    struct task task = {.fd = OS_FD_NONE};

    (void)state;
    begin();
    struct poller *poller = poller_ref(pollers, 1);
    assert_ptr_equal(poller_ref(pollers, 1), poller);
    poller_unref(poller);
    assert_ptr_equal(poller_ref(pollers, 1), poller);
    assert_int_equal(has_fds, POLLER_FDS);
    poller_unref(poller);
    task.released = true;
    submit(poller, &task, work_until_released);
    run_until(1);
    assert_int_equal(has_fds, POLLER_FDS);
    poller_unref(poller);
    run_until(2);
    assert_int_equal(has_fds, 0);
    end();
}

/* The places of what is polled are given back. */
static void what_is_polled_no_longer_makes_room(void **state) {
    struct task task = {.poll = {.token = 1}};
    os_fd ends[2];

    (void)state;
    begin();
    native_pipe(ends);
    task.poll.fd = ends[0];
    struct poller *poller = poller_ref(pollers, 7);
    for (size_t i = 0; i < 2 * (POLLS_MOST + 1); i++) {
        task.interest = i % 2 ? 0 : ENGINE_READ;
        submit(poller, &task, work_poll);
        n_heard = 0;
        run_until(i + 1);
        assert_int_equal(task.result, 0);
    }
    poller_unref(poller);
    run_until(2 * (POLLS_MOST + 1) + 1);
    close_pipe(ends);
    end();
}

static void there_are_only_so_many(void **state) {
    struct poller *all[POLLER_MOST];

    (void)state;
    begin();
    for (uint32_t i = 0; i < POLLER_MOST; i++) {
        all[i] = poller_ref(pollers, i);
        assert_non_null(all[i]);
    }
    assert_null(poller_ref(pollers, POLLER_MOST));
    assert_int_equal(errno, EBUSY);
    assert_int_equal(has_fds, POLLER_MOST * POLLER_FDS);
    poller_unref(all[3]);
    run_until(1);
    all[3] = poller_ref(pollers, POLLER_MOST);
    assert_non_null(all[3]);
    for (size_t i = 0; i < POLLER_MOST; i++)
        poller_unref(all[i]);
    end();
}

static void ending_drops_what_is_not_done(void **state) {
    static struct task runs, waits;

    (void)state;
    begin();
    struct poller *poller = poller_ref(pollers, 7);
    memset(&runs, 0, sizeof runs);
    memset(&waits, 0, sizeof waits);
    submit(poller, &runs, work_until_released);
    submit(poller, &waits, work_until_released);
    await(&runs);
    runs.released = waits.released = true;
    pollers_free(pollers);
    assert_true(runs.dropped);
    assert_true(waits.dropped);
    assert_int_equal(done_count, 0);
    pollers_free(NULL);
    loop_free(loop);
}

TEST_MAIN(TEST_CASE(what_is_armed_is_told),
          TEST_CASE(what_is_polled_is_told_once_or_by_edges_until_it_is_taken),
          TEST_CASE(only_so_many_are_polled), TEST_CASE(answers_keep_their_place_among_jobs),
          TEST_CASE(what_the_stock_has_no_room_for_is_told_when_it_has), TEST_CASE(one_uid_holds_up_no_other),
          TEST_CASE(it_ends_with_the_last_reference), TEST_CASE(what_is_polled_no_longer_makes_room),
          TEST_CASE(there_are_only_so_many), TEST_CASE(ending_drops_what_is_not_done))
