/* post.h: a door for notifications (notification.h) of programs: what they store is held for their uid, as put does it, and what they remove is
 * dropped.
 *
 * A sender is who the kernel says. Nobody is answered; what is refused is in the log. All senders share the queue of the socket, from which is
 * taken in order: little is done then, and the rest in the sender's turns. What waits for them is charged to him, and what cannot be charged
 * is closed. What he sends beyond his rate waits; nothing of his is done before what he sent earlier, which the keeper has by then. */
#ifndef POST_H
#define POST_H

#include "daemon/loop/loop.h"
#include "proto/letter.h"

struct bag;
struct sessions;
struct user;
struct users;

struct post {
    struct sessions *sessions;
    struct users *users;
    struct loop_watch watch;
    struct loop_timer timer; /* tries again after a pause */
    struct user *payer;      /* who is charged for what an event does now; NULL: nobody */
    struct bag *bags;        /* of senders, with what is not done yet */
    struct letter letter;
};

/* The caller closes box, after post_close. 0 or a negative errno. */
int post_open(struct post *post, os_fd box, struct sessions *sessions, struct users *users);

/* What is not done is closed. Zeros are allowed. */
void post_close(struct post *post);

#endif
