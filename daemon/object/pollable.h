/* pollable.h: what the system gives to be polled instead of asking; handle.h has its life.
 *
 * Of a semaphore: an eventfd that reading cannot drain, since it is posted with the largest count and read
 * one at a time. It does not fire by itself when the broker dies. Of an event: an epoll descriptor with the
 * target in it, which the kernel keeps exact, and which goes on following the target after the broker's
 * death. The client makes it: the kernel charges whatever anybody puts into it to the user who made it.
 *
 * Whoever has a handle can make it hold up who changes it: the eventfd by filling it and clearing O_NONBLOCK,
 * which all copies share, the epoll by keeping its lock while he waits for it. So either is made ready in two
 * steps. First in the loop, by what nobody can hold up: the kernel itself counts the eventfd up by one, and
 * the epoll has a wakeup in it, which makes it ready without the lock for as long as the wakeup is not closed. Then
 * by a worker, for ever. */
#ifndef POLLABLE_H
#define POLLABLE_H

#include "proto/os.h"

#include <stdbool.h>

/* How whoever has a handle learns from it that the object is ready. The values are those of the wire (HandleOf.Form). The first three are
 * exact: what is readable is ready. A hint is for systems that have nothing that follows another descriptor: it is readable from the first time
 * that the object is ready or ends, and says nothing more until its client asks for it again (`handle`), which makes it unreadable and looks
 * anew. */
enum pollable_form { POLLABLE_EVENTFD = 1, POLLABLE_EPOLL = 2, POLLABLE_PIPE = 3, POLLABLE_HINT = 4 };

/* Of what the functions below make. */
enum pollable_form pollable_semaphore_form(void);
enum pollable_form pollable_evt_form(void);

/* Once, at the start: the first of what is ready for ever, and what rings. 0 or a negative errno. */
int pollable_init(void);

/* What is ready for ever, so that no handle needs one more descriptor: the first, which stays, and a new one. OS_FD_NONE with errno. */
os_fd pollable_always(void);
os_fd pollable_always_new(void);

/* OS_FD_NONE with errno. */
os_fd pollable_semaphore_new(bool fired);

/* Readable for ever, at once. False: a client has made writing wait, so only the others can. Who has the handle could still do so in between:
 * for whom the broker trusts. */
bool pollable_semaphore_fire(os_fd handle);

/* Readable from now on, until somebody reads. Never blocks. False: only a worker can (pollable_semaphore_end). */
bool pollable_semaphore_ring(os_fd handle);

/* On a worker: readable for ever. A signal interrupts it where it blocks, and it goes on. 0 or a negative errno. */
int pollable_semaphore_end(os_fd handle);

/* An empty epoll, for whom the broker trusts. OS_FD_NONE with errno. */
os_fd pollable_evt_new(void);

/* What rings an epoll that it lies in. OS_FD_NONE with errno. */
os_fd pollable_wakeup_new(void);

/* The three below take the epoll's lock, which whoever has it can keep: of a client's epoll they are for workers. */

/* The wakeup and what is ready for ever (always), switched off, are in it. 0, -EEXIST (it is the handle of another event), -ENOSPC (its maker has all
 * the watches that a user may have) or another negative errno, and neither is in it. */
int pollable_evt_fill(os_fd handle, os_fd wakeup, os_fd always);

/* It follows the target: ENGINE_READ or ENGINE_WRITE. 0, -EPERM (cannot be watched: ready for ever), -ELOOP (a cycle), as above or
 * another negative errno. */
int pollable_evt_follow(os_fd handle, os_fd target, unsigned direction);

/* What filling has put into it is taken out. */
void pollable_evt_clear(os_fd handle, os_fd wakeup, os_fd always);

/* Readable while the wakeup is open. Never blocks, cannot fail. */
void pollable_evt_ring(os_fd wakeup);

/* On a worker: readable for ever. 0 (also if its client has managed to take out what makes it so) or a negative errno. */
int pollable_evt_end(os_fd handle, os_fd always);

#endif
