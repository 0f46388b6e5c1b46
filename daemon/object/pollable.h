/* pollable.h: what a platform gives clients to poll instead of asking the broker. handle.h has its lifecycle.
 *
 * A semaphore's handle is an eventfd that reads cannot drain: it is posted with the largest count, and a read
 * takes one. It does not fire when the broker dies. An event's handle is an epoll descriptor that contains the
 * target: the kernel keeps it exact, even after the broker's death. The client makes either: the kernel charges
 * a descriptor to its maker's control group, as long as anybody keeps it, and every watch in an epoll to the user
 * who made it. But the memory of an entry in an epoll is charged to the group of the process that adds it.
 *
 * A holder of a handle can block a thread that changes it: an eventfd by filling it and clearing O_NONBLOCK,
 * which all copies share; an epoll by keeping its lock while it waits for it. So a handle is made ready in two
 * steps. First the loop does so in a way that cannot block: the kernel itself adds one to the eventfd, or the
 * epoll's wakeup is made readable, which needs no epoll lock and lasts until the wakeup is closed. Then a
 * worker makes it ready forever.
 *
 * On Windows a handle is an event object; *readable* means signalled there, and nothing blocks (pollable_win.c).
 *
 * Where no descriptor that can be passed on follows another one, the handle of an event is a hint: the broker waits
 * for the event (hint.h) and makes the handle readable. */
#ifndef POLLABLE_H
#define POLLABLE_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>

/* How a handle tells its holder that the object is ready. Values of the wire protocol (HandleOf.Form). The
 * others are exact: readable means ready. POLLABLE_HINT is for systems on which no descriptor can follow
 * another: it becomes readable when the object is first ready or ends, and then stays so until its client
 * requests it again (`handle`), which makes it unreadable and checks again. */
enum pollable_form {
    POLLABLE_EVENTFD = 1,
    POLLABLE_EPOLL = 2,
    POLLABLE_PIPE = 3,
    POLLABLE_HINT = 4,
    POLLABLE_EVENT_OBJECT = 5
};

/* The forms of the handles made below. Of events it is POLLABLE_EPOLL or POLLABLE_HINT, and only the functions for that are called. */
enum pollable_form pollable_semaphore_form(void);
enum pollable_form pollable_evt_form(void);

/* Call once, at the start: makes the first always-ready descriptor and the mechanism of
 * pollable_semaphore_ring. Returns 0 or a negative errno. */
int pollable_init(void);

/* An always-ready descriptor, to be shared by many handles: the first one, which stays open, and a new one.
 * OS_FD_NONE with errno. */
os_fd pollable_always(void);
os_fd pollable_always_new(void);

/* How many descriptors a semaphore's handle is: 1, or 2 with a wakeup. */
size_t pollable_semaphore_fds(void);

/* Makes a semaphore's handle. *wakeup: OS_FD_NONE, or what makes it readable; closing that, on a worker, makes it readable forever.
 * OS_FD_NONE with errno; *wakeup is then OS_FD_NONE or what a worker must close. */
os_fd pollable_semaphore_new(bool fired, os_fd *wakeup);

/* Whether a client has made, or left, it so that writes block; false where the broker does not write to it. */
bool pollable_semaphore_blocks(os_fd handle);

/* Makes it readable forever, at once. Returns false if a client has made writes block; then use the functions
 * below. A holder could still do that in between, so only for handles of users that the broker trusts. */
bool pollable_semaphore_fire(os_fd handle);

/* Makes it readable until it is read. Never blocks. Returns false if only a worker can
 * (pollable_semaphore_end). */
bool pollable_semaphore_ring(os_fd handle, os_fd wakeup);

/* Runs on a worker: makes it readable forever. A signal interrupts it if it blocks, and it goes on. Returns 0
 * or a negative errno. */
int pollable_semaphore_end(os_fd handle);

/* Makes an empty epoll, for a user that the broker trusts. OS_FD_NONE with errno. */
os_fd pollable_evt_new(void);

/* Makes a wakeup, to be put into an epoll. OS_FD_NONE with errno. */
os_fd pollable_wakeup_new(void);

/* The next three take the epoll's lock, which a holder can keep: for a client's epoll they run on workers. */

/* Runs on a worker: whether the entries that are added for an untrusted user would be charged to a control group that is full (cgroup.h). They
 * stay, also when the broker has closed its copy of the epoll, as long as the client keeps it and the target. */
bool pollable_evt_is_full(void);

/* Whether the control group has no room for a semaphore's handle that the broker makes. */
bool pollable_semaphore_is_full(void);

/* Adds the wakeup, and `always` switched off. Returns 0; -EEXIST (it is the handle of another event); -ENOSPC
 * (its maker has used up its watches); or another negative errno. On an error it contains neither. */
int pollable_evt_fill(os_fd handle, os_fd wakeup, os_fd always);

/* Adds the target, for direction ENGINE_READ or ENGINE_WRITE. Returns 0; -EPERM (the target cannot be watched,
 * so the event is ready forever); -ELOOP (a cycle); -EEXIST or -ENOSPC as above; or another negative errno. */
int pollable_evt_follow(os_fd handle, os_fd target, unsigned direction);

/* Removes what pollable_evt_fill has added. */
void pollable_evt_clear(os_fd handle, os_fd wakeup, os_fd always);

/* Makes the epoll readable until the wakeup is closed. Never blocks, cannot fail. */
void pollable_evt_ring(os_fd wakeup);

/* Runs on a worker: makes the epoll readable forever. Returns 0 (also if its client has removed `always`) or a
 * negative errno. */
int pollable_evt_end(os_fd handle, os_fd always);

/* The same of one that another broker has filled: the kernel finds an entry only by the number that its maker used. */
int pollable_evt_end_moved(os_fd handle, os_fd always);

/* Makes a hint, unreadable. *wakeup is what makes it readable; closing that makes it readable forever. OS_FD_NONE with errno. */
os_fd pollable_hint_new(os_fd *wakeup);

/* Makes it readable. Never blocks. Returns false if the system has no memory for that. */
bool pollable_hint_ring(os_fd wakeup);

/* Makes it unreadable. Never blocks. It may stay readable if a holder receives from it meanwhile. */
void pollable_hint_clear(os_fd handle, os_fd wakeup);

#endif
