/* thread_unix.c: thread.h with POSIX threads. SIGUSR2 interrupts a thread; its handler does nothing. */
#define _GNU_SOURCE

#include "thread.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

enum { INTERRUPT = SIGUSR2, STACK_SIZE = 128 * 1024 };

static_assert(sizeof(pthread_t) <= THREAD_NATIVE, "no room for a thread");
static_assert(sizeof(pthread_mutex_t) <= THREAD_LOCK_NATIVE, "no room for a mutex");
static_assert(sizeof(pthread_cond_t) <= THREAD_QUEUE_NATIVE, "no room for a condition");

static pthread_t *thread_of(struct thread *thread) { return (pthread_t *)(void *)thread->native; }

static pthread_mutex_t *mutex_of(struct thread_lock *lock) { return (pthread_mutex_t *)(void *)lock->native; }

static pthread_cond_t *condition_of(struct thread_queue *queue) {
    return (pthread_cond_t *)(void *)queue->native;
}

static void *run(void *context) {
    struct thread *thread = context;

    thread->run(thread->context);
    return NULL;
}

int thread_start(struct thread *thread, void (*run_this)(void *context), void *context, bool interruptible) {
    pthread_attr_t attributes;
    sigset_t blocked, before;
    int error = pthread_attr_init(&attributes);

    if (error)
        return -error;
    thread->run = run_this;
    thread->context = context;
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    (void)sigfillset(&blocked);
    if (interruptible)
        (void)sigdelset(&blocked, INTERRUPT);
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before); /* the new thread inherits the mask */
    error = pthread_create(thread_of(thread), &attributes, run, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -error;
}

void thread_join(struct thread *thread) { (void)pthread_join(*thread_of(thread), NULL); }

void thread_leave(struct thread *thread) { (void)pthread_detach(*thread_of(thread)); }

/* ---- interrupts ------------------------------------------------------------------------------------------ */

static struct {
    unsigned users; /* the loop's thread alone uses this and the others */
    struct sigaction action_before;
    sigset_t mask_before;
} interrupts;

static void on_interrupt(int number) { (void)number; } /* its delivery interrupts the call */

int thread_interrupts_begin(void) {
    struct sigaction action = {.sa_handler = on_interrupt};
    sigset_t one;

    if (interrupts.users == 0) {
        (void)sigemptyset(&action.sa_mask);
        if (sigaction(INTERRUPT, &action, &interrupts.action_before) < 0)
            return -errno;
        (void)sigemptyset(&one);
        (void)sigaddset(&one, INTERRUPT);
        (void)pthread_sigmask(SIG_BLOCK, &one, &interrupts.mask_before);
    }
    interrupts.users++;
    return 0;
}

void thread_interrupts_end(void) {
    if (--interrupts.users)
        return;
    /* Unblock before the action is restored: a pending signal is delivered here and must find the empty handler. */
    (void)pthread_sigmask(SIG_SETMASK, &interrupts.mask_before, NULL);
    (void)sigaction(INTERRUPT, &interrupts.action_before, NULL);
}

void thread_interrupt(const struct thread *thread) {
    (void)pthread_kill(*(const pthread_t *)(const void *)thread->native, INTERRUPT);
}

/* ---- locks and queues: without attributes these calls cannot fail ------------------------------------------------- */

void thread_lock_init(struct thread_lock *lock) { (void)pthread_mutex_init(mutex_of(lock), NULL); }

void thread_lock_deinit(struct thread_lock *lock) { (void)pthread_mutex_destroy(mutex_of(lock)); }

void thread_lock_take(struct thread_lock *lock) { (void)pthread_mutex_lock(mutex_of(lock)); }

void thread_lock_give(struct thread_lock *lock) { (void)pthread_mutex_unlock(mutex_of(lock)); }

void thread_queue_init(struct thread_queue *queue) { (void)pthread_cond_init(condition_of(queue), NULL); }

void thread_queue_deinit(struct thread_queue *queue) { (void)pthread_cond_destroy(condition_of(queue)); }

void thread_queue_wait(struct thread_queue *queue, struct thread_lock *lock) {
    (void)pthread_cond_wait(condition_of(queue), mutex_of(lock));
}

void thread_queue_wake_one(struct thread_queue *queue) { (void)pthread_cond_signal(condition_of(queue)); }

void thread_queue_wake_all(struct thread_queue *queue) { (void)pthread_cond_broadcast(condition_of(queue)); }
