/* test_thread_alert_win.c: on Windows an interrupt ends an alertable wait, and an old one does not end a later wait. */
#include "tests/support/test.h"

#include "daemon/loop/thread.h"
#include "tests/support/native.h"

#include <stdatomic.h>
#include <windows.h>

struct task {
    struct thread thread;
    HANDLE go, event;
    DWORD drained, waited;
    atomic_bool started, over;
};

static void wait_alertably(void *context) {
    struct task *task = context;

    task->started = true;
    (void)WaitForSingleObject(task->go, INFINITE); /* no interrupt ends this */
    task->drained = SleepEx(0, TRUE);
    task->waited = WaitForSingleObjectEx(task->event, INFINITE, TRUE);
    task->over = true;
}

static void begin(struct task *task) {
    *task = (struct task){.go = CreateEventW(NULL, TRUE, FALSE, NULL),
                          .event = CreateEventW(NULL, TRUE, FALSE, NULL)};
    assert_true(task->go && task->event);
    assert_int_equal(thread_start(&task->thread, wait_alertably, task, true), 0);
    while (!task->started)
        native_yield();
}

static void end(struct task *task) {
    thread_join(&task->thread);
    (void)CloseHandle(task->go);
    (void)CloseHandle(task->event);
}

static void a_wait_is_interrupted(void **state) {
    struct task task;

    (void)state;
    begin(&task);
    (void)SetEvent(task.go);
    while (!task.over)
        thread_interrupt(&task.thread);
    end(&task);
    assert_int_equal(task.waited, WAIT_IO_COMPLETION);
}

static void an_old_interrupt_ends_no_later_wait(void **state) {
    struct task task;

    (void)state;
    begin(&task);
    thread_interrupt(&task.thread);
    (void)SetEvent(task.event);
    (void)SetEvent(task.go);
    end(&task);
    assert_int_equal(task.drained, WAIT_IO_COMPLETION);
    assert_int_equal(task.waited, WAIT_OBJECT_0);
}

TEST_MAIN(TEST_CASE(a_wait_is_interrupted), TEST_CASE(an_old_interrupt_ends_no_later_wait))
