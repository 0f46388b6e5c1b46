/* offload_case.h: what the tests of offload.h share: the real loop, real threads, and jobs that note what happens to them. */
#ifndef OFFLOAD_CASE_H
#define OFFLOAD_CASE_H

#include "tests/support/test.h"

#include "daemon/loop/loop.h"
#include "daemon/loop/offload.h"
#include "tests/support/native.h"

#include <stdatomic.h>

extern struct loop *loop;
extern struct offload *offload;
extern size_t done_count, stop_at;
extern atomic_size_t running, most_running, work_count;

struct task {
    struct offload_job job;
    atomic_bool started, released, interrupted;
    os_fd fd;
    size_t done; /* when, among all */
    size_t worked;
};

/* A case begins and ends with these. */
void begin(void);
void end(void);

void task_init(struct task *task, uint32_t uid, void (*work)(struct offload_job *job));

/* Runs the loop until that many jobs are done. */
void run_until(size_t count);

void await_started(struct task *task);

/* What a job is done with. */
void on_done(struct offload_job *job);

/* Notes it as interrupted. */
void drop(struct offload_job *job);

/* Ends when it is released, whatever signals come. */
void work_until_released(struct offload_job *job);
void work_at_once(struct offload_job *job);

#endif
