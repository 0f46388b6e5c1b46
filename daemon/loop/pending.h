/* pending.h: a thread that takes nobody's signals by asking about them.
 *
 * A program's own epoll descriptor may have a signalfd in it. Whoever polls that epoll has the kernel look for signals of his own; where it
 * finds none, it takes the signalfd off the epoll's list of what is ready, and the program, whose signal it was, is not woken for it. A
 * thread that has every signal pending sees what the program sees: the epoll is ready from the moment that the program has a signal until the
 * program itself has looked and found none. Nothing is taken off. */
#ifndef PENDING_H
#define PENDING_H

/* Once, by a thread that is never to handle a signal: all of them are blocked. */
void pending_begin_thread(void);

#endif
