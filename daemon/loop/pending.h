/* pending.h: lets a thread poll a client's epoll without losing the client's signals.
 *
 * A client's epoll may contain a signalfd. When another thread polls that epoll, the kernel checks the signals of the polling thread; if none
 * is pending it removes the signalfd from the epoll's ready list, and the client is not woken for its own signal. A thread with every signal
 * pending never causes that: the epoll stays ready from the client's signal until the client itself polls it and finds none. */
#ifndef PENDING_H
#define PENDING_H

/* Once per thread, with all signals blocked; the thread must never unblock one. */
void pending_begin_thread(void);

/* For a thread that can be interrupted (thread.h): calls work(context) with every signal pending, also the one that interrupts it, which is
 * blocked meanwhile. At the end that one is delivered, and so interrupts no later call. The other signals stay pending for the thread, at the
 * cost of one entry each under RLIMIT_SIGPENDING: so only threads that poll such an epoll call this. */
void pending_call(void (*work)(void *context), void *context);

#endif
