/* thread.h: threads beside the loop's, and what they wait for each other with.
 *
 * A thread has 128 kB of stack and gets no signal of the process. Whoever starts it lets go of it once, by thread_join or thread_leave, and
 * says to it by means of its own that it is to end. All structs are the caller's memory; none is moved while it is in use. Nothing here
 * fails but what says so. */
#ifndef THREAD_H
#define THREAD_H

#include <stdbool.h>

enum {
    THREAD_NATIVE = 8,
    THREAD_LOCK_NATIVE = 64,
    THREAD_QUEUE_NATIVE = 64
}; /* room for what the system has */

struct thread {
    void (*run)(void *context); /* private from here */
    void *context;
    _Alignas(8) unsigned char native[THREAD_NATIVE];
};

/* Has run(context) called by a new thread, which ends when that returns. interruptible: see thread_interrupt. 0 or a negative errno. The
 * struct must stay until the thread was joined, or, if it was left, has ended. */
int thread_start(struct thread *thread, void (*run)(void *context), void *context, bool interruptible);

/* Waits until it has ended. */
void thread_join(struct thread *thread);

/* Nobody will join it: it ends when it can, or with the process. */
void thread_leave(struct thread *thread);

/* Ends the call that it is blocked in, if that is one that can be ended: it fails with EINTR. A call that begins later is not ended, so whoever
 * wants to be sure does it again and again. Only for one that was started as interruptible, between the two calls below. */
void thread_interrupt(const struct thread *thread);

/* Between these two threads can be interrupted, and the calling thread, the loop's, cannot, by whoever may send it signals. Each begin has an
 * end; after the last one all is as it was. begin: 0 or a negative errno. */
int thread_interrupts_begin(void);
void thread_interrupts_end(void);

struct thread_lock {
    _Alignas(16) unsigned char native[THREAD_LOCK_NATIVE];
};

void thread_lock_init(struct thread_lock *lock);
void thread_lock_deinit(struct thread_lock *lock);
void thread_lock_take(struct thread_lock *lock);
void thread_lock_give(struct thread_lock *lock);

/* Threads that wait for something that the lock thread watches. */
struct thread_queue {
    _Alignas(16) unsigned char native[THREAD_QUEUE_NATIVE];
};

void thread_queue_init(struct thread_queue *queue);
void thread_queue_deinit(struct thread_queue *queue);

/* Gives the lock, and has it again afterwards. May return for nothing. */
void thread_queue_wait(struct thread_queue *queue, struct thread_lock *lock);
void thread_queue_wake_one(struct thread_queue *queue);
void thread_queue_wake_all(struct thread_queue *queue);

#endif
