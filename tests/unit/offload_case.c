/* offload_case.c: offload_case.h. */
#include "offload_case.h"

struct loop *loop;
struct offload *offload;
size_t done_count, stop_at;

atomic_size_t running, most_running, work_count;

void on_done(struct offload_job *job) {
    struct task *task = (struct task *)job;

    task->done = ++done_count;
    if (done_count == stop_at)
        loop_stop(loop);
}

void task_init(struct task *task, uint32_t uid, void (*work)(struct offload_job *job)) {
    memset(task, 0, sizeof(*task));
    task->job = (struct offload_job){.work = work, .done = on_done, .uid = uid};
    task->fd = OS_FD_NONE;
}

void begin(void) {
    done_count = stop_at = 0;
    running = most_running = work_count = 0;
    loop = loop_new();
    assert_non_null(loop);
    offload = offload_new(loop);
    assert_non_null(offload);
}

void end(void) {
    offload_free(offload);
    loop_free(loop);
}

void run_until(size_t count) {
    stop_at = count;
    if (done_count < count)
        assert_int_equal(loop_run(loop), 0);
    assert_int_equal(done_count, count);
}

void work_until_released(struct offload_job *job) {
    struct task *task = (struct task *)job;
    size_t now = atomic_fetch_add(&running, 1) + 1, most = most_running;

    while (now > most && !atomic_compare_exchange_weak(&most_running, &most, now))
        ;
    task->started = true;
    while (!task->released)
        native_yield();
    atomic_fetch_sub(&running, 1);
    task->worked = atomic_fetch_add(&work_count, 1) + 1;
}

void work_at_once(struct offload_job *job) {
    ((struct task *)job)->released = true;
    work_until_released(job);
}

void await_started(struct task *task) {
    while (!task->started)
        native_yield();
}

void drop(struct offload_job *job) { ((struct task *)job)->interrupted = true; }
