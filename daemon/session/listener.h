/* listener.h: accepts connections: who it is, whether there is room, and then, in a turn of its uid, a connection of its own.
 *
 * So however fast one uid connects, others wait for that uid's share of the accepting, which is a few system calls for each, and not for what is made
 * of its connections. From when it is accepted each is one of the uid's connections.
 *
 * What is turned away is told why in a reply with the id 0 and closed by a worker, for its queue may hold descriptors whose closing
 * takes time. While the process has too few free slots, or the kernel gives none out of its queue, nothing is accepted and the listener rests: it is not
 * watched, and looked at again after a while. One that was shut down is not watched any more; who is connected stays. */
#ifndef LISTENER_H
#define LISTENER_H

#include "daemon/loop/loop.h"
#include "proto/os.h"

struct sessions;
struct users;

struct listener {
    struct sessions *sessions;
    struct users *users;
    struct loop_watch watch;
    struct loop_timer timer; /* looks again while resting */
};

/* fd is the caller's to close after listener_close. 0 or a negative errno. */
int listener_open(struct listener *listener, os_fd fd, struct sessions *sessions, struct users *users);
void listener_close(struct listener *listener);

#endif
