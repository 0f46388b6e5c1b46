/* thread_win.c: thread.h with Windows' threads.
 *
 * A thread is interrupted by CancelSynchronousIo, which ends a call that is blocked on a synchronous handle: it fails with ERROR_OPERATION_ABORTED. Nothing
 * waits for an overlapped operation but for the end of one that is cancelled. So no APC is needed, which would end an alertable wait: it stays
 * queued until there is one, and a call that is stuck is interrupted again and again. */
#include "thread.h"

#include <assert.h>
#include <errno.h>
#include <process.h>
#include <windows.h>

enum { STACK_SIZE = 128 * 1024 };

static_assert(sizeof(HANDLE) <= THREAD_NATIVE, "no room for a thread");
static_assert(sizeof(SRWLOCK) <= THREAD_LOCK_NATIVE, "no room for a lock");
static_assert(sizeof(CONDITION_VARIABLE) <= THREAD_QUEUE_NATIVE, "no room for a condition");

static HANDLE *handle_of(struct thread *thread) { return (HANDLE *)(void *)thread->native; }

static SRWLOCK *native_lock(struct thread_lock *lock) { return (SRWLOCK *)(void *)lock->native; }

static CONDITION_VARIABLE *condition_of(struct thread_queue *queue) {
    return (CONDITION_VARIABLE *)(void *)queue->native;
}

static unsigned __stdcall run(void *context) {
    const struct thread *thread = context;

    thread->run(thread->context);
    return 0;
}

/* Every thread can be interrupted, but nobody does that to one that is not. */
int thread_start(struct thread *thread, void (*run_this)(void *context), void *context, bool interruptible) {
    uintptr_t handle;

    (void)interruptible;
    thread->run = run_this;
    thread->context = context;
    /* It starts when its handle is stored: thread_leave may come while it runs. */
    handle = _beginthreadex(NULL, STACK_SIZE, run, thread,
                            CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (!handle)
        return errno == EACCES ? -EAGAIN : -errno; /* the C library's name for a lack of resources */
    *handle_of(thread) = (HANDLE)handle;
    if (ResumeThread((HANDLE)handle) != (DWORD)-1)
        return 0;
    (void)TerminateThread((HANDLE)handle, 0); /* it has done nothing yet */
    (void)CloseHandle((HANDLE)handle);
    return -EAGAIN;
}

void thread_join(struct thread *thread) {
    (void)WaitForSingleObject(*handle_of(thread), INFINITE);
    (void)CloseHandle(*handle_of(thread));
}

void thread_leave(struct thread *thread) { (void)CloseHandle(*handle_of(thread)); }

/* ---- interrupts ------------------------------------------------------------------------------------------ */

int thread_interrupts_begin(void) { return 0; }

void thread_interrupts_end(void) {}

void thread_interrupt(const struct thread *thread) {
    (void)CancelSynchronousIo(
        *(const HANDLE *)(const void *)thread->native); /* it fails when there is no such call */
}

/* ---- locks and queues: these calls cannot fail ---------------------------------------------------------------------- */

void thread_lock_init(struct thread_lock *lock) { InitializeSRWLock(native_lock(lock)); }

void thread_lock_deinit(struct thread_lock *lock) { (void)lock; }

void thread_lock_take(struct thread_lock *lock) { AcquireSRWLockExclusive(native_lock(lock)); }

void thread_lock_give(struct thread_lock *lock) { ReleaseSRWLockExclusive(native_lock(lock)); }

void thread_queue_init(struct thread_queue *queue) { InitializeConditionVariable(condition_of(queue)); }

void thread_queue_deinit(struct thread_queue *queue) { (void)queue; }

void thread_queue_wait(struct thread_queue *queue, struct thread_lock *lock) {
    (void)SleepConditionVariableSRW(condition_of(queue), native_lock(lock), INFINITE, 0);
}

void thread_queue_wake_one(struct thread_queue *queue) { WakeConditionVariable(condition_of(queue)); }

void thread_queue_wake_all(struct thread_queue *queue) { WakeAllConditionVariable(condition_of(queue)); }
