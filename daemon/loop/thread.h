/* thread.h: threads beside the loop's, locks and condition variables.
 *
 * A thread has 128 kB of stack and handles no signal of the process. The caller tells it to end by its own means, and calls thread_join or
 * thread_leave once. The caller owns all structs, and must not move them while they are in use. Only calls that return an error can fail. */
#ifndef THREAD_H
#define THREAD_H

#include <stdbool.h>

enum {
    THREAD_NATIVE = 8,
    THREAD_LOCK_NATIVE = 64,
    THREAD_QUEUE_NATIVE = 64
}; /* sizes of the system's types, at most */

struct thread {
    void (*run)(void *context); /* private from here */
    void *context;
    _Alignas(8) unsigned char native[THREAD_NATIVE];
};

/* Starts a thread that calls run(context). interruptible: see thread_interrupt. The struct must stay valid until thread_join returns, or, after
 * thread_leave, until the thread ends. 0 or a negative errno. */
int thread_start(struct thread *thread, void (*run)(void *context), void *context, bool interruptible);

/* Waits until the thread has ended. */
void thread_join(struct thread *thread);

/* Detaches the thread: it ends when it can, or with the process. */
void thread_leave(struct thread *thread);

/* Makes the system call in which the thread is blocked fail with EINTR, if the call is interruptible. Has no effect on a call that begins
 * later, so the caller must repeat it. Only for an interruptible thread, between the two calls below. */
void thread_interrupt(const struct thread *thread);

/* Between these two calls threads can be interrupted, and the calling thread (the loop's) has the signal blocked. Calls nest; the last end
 * restores the signal's action and mask. begin returns 0 or a negative errno. */
int thread_interrupts_begin(void);
void thread_interrupts_end(void);

struct thread_lock {
    _Alignas(16) unsigned char native[THREAD_LOCK_NATIVE];
};

void thread_lock_init(struct thread_lock *lock);
void thread_lock_deinit(struct thread_lock *lock);
void thread_lock_take(struct thread_lock *lock);
void thread_lock_give(struct thread_lock *lock);

/* A condition variable, for state that the lock guards. */
struct thread_queue {
    _Alignas(16) unsigned char native[THREAD_QUEUE_NATIVE];
};

void thread_queue_init(struct thread_queue *queue);
void thread_queue_deinit(struct thread_queue *queue);

/* Releases the lock while it waits. Spurious returns are possible. */
void thread_queue_wait(struct thread_queue *queue, struct thread_lock *lock);
void thread_queue_wake_one(struct thread_queue *queue);
void thread_queue_wake_all(struct thread_queue *queue);

#endif
