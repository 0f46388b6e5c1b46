/* listener.h: accepts connections: determines the uid, checks for room, and creates the connection later, in a turn of its uid.
 *
 * So a uid that connects fast delays others only by a few system calls per connection, and not by the work on its connections. An
 * accepted connection counts as its uid's from the start.
 *
 * A connection that is turned away gets a reply with id 0 that says why (none while its uid rests, turn.h, or leaves too many unread, turned_away.h), and a
 * worker closes it: its queue may contain descriptors whose close blocks. While the process has too few free slots, or the kernel returns an error, the listener is not
 * watched, and tried again after a pause. A listener that was shut down is not watched any more; existing connections stay. */
#ifndef LISTENER_H
#define LISTENER_H

#include "daemon/loop/loop.h"
#include "proto/os.h"
#include "turned_away.h"

struct dialect;
struct sessions;
struct user;
struct users;

struct listener {
    struct sessions *sessions;
    struct users *users;
    struct loop_watch watch;
    struct loop_timer timer; /* tries again after a pause */
    struct turned_away turned_away;
    const struct dialect *dialect; /* of who comes here; NULL: the broker's own protocol */
    struct user *payer;            /* who is charged for what an event does now; NULL: nobody */
};

/* The caller closes fd, after listener_close. 0 or a negative errno. */
int listener_open(struct listener *listener, os_fd fd, struct sessions *sessions, struct users *users);

/* From now on those who come speak that dialect (visitor.h): each has a session of its own from the start, and who is turned away is told nothing. */
static inline void listener_speak(struct listener *listener, const struct dialect *dialect) {
    listener->dialect = dialect;
}
void listener_close(struct listener *listener);

#endif
