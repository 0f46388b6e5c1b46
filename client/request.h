/* request.h: the requests of one client, until they are forgotten. submit.h starts them.
 *
 * A request is in the table under its id from its start until the broker has answered it. It waits in the queue while
 * the broker's window is full or another frame with a descriptor blocks the way; queued requests go out in the order
 * of their starts. Its callback is called once: with the reply, with what request_end said, or when the connection is
 * lost (reply.h). A request whose callback has been called, or whose blocking caller has gone, stays until its reply
 * comes; the reply is then swallowed, and what it brought is given back. */
#ifndef REQUEST_H
#define REQUEST_H

#include "portd.h"
#include "table.h"

#include "proto/channel.h"

#include "portd.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Turns the reply to a request into a result, whose code it returns. frame has the descriptors that came with the
 * reply; those it takes over it sets to OS_FD_NONE. */
typedef int request_read(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                         struct channel_frame *frame, portd_result *result);

enum request_state {
    REQUEST_QUEUED, /* not sent yet: in the queue */
    REQUEST_SENT,   /* to be answered by the broker */
    REQUEST_DROPPED /* in no queue, and will not be answered */
};

struct portd_request {
    uint64_t id;
    portd_client *client;
    portd_request *next, *previous; /* in the queue, in the list of ended ones, or spare */
    portd_callback *callback;       /* NULL: nobody asks any more */
    void *data;
    request_read *read; /* NULL: there is nothing in the reply */
    Portd__V1__Request__MethodCase method;
    enum request_state state;
    bool cancelled; /* portd_cancel has been here */
    bool ended;     /* in the list of those to be called back with this: */
    int code;
    int os_errno;
    uint8_t *body; /* while queued, if it is no wait */
    size_t length;
    os_fd fd;    /* while queued: own copy of the descriptor to attach */
    os_fd taken; /* a number to close when it is done; OS_FD_NONE */
    /* A wait keeps what it is about, to be packed when it is sent and to be answered when the connection is lost. */
    portd_id *ids; /* stays with the struct when that is used again */
    size_t n_ids, ids_room;
    unsigned flags;
    int64_t deadline;
    uint64_t cursor; /* of a monitor: that it was asked with */
    int64_t due;     /* when the broker must have answered; PORTD_FOREVER */
};

struct request_list {
    portd_request *first, *last;
};

struct requests {
    struct table table;
    portd_request *spare;
    size_t n_spare;
    struct request_list queue;
    struct request_list ended;
    size_t unanswered, window; /* sent and not parked; how many of them the broker allows */
    size_t bringing;           /* whose answer may bring a descriptor */
    size_t timed;              /* waits and monitors with a time limit */
    int64_t due;               /* none of them is overdue before this */
};

/* A request that is in the table and nowhere else, or NULL. callback and read may be NULL. */
portd_request *request_new(portd_client *client, Portd__V1__Request__MethodCase method, request_read *read,
                           portd_callback *callback, void *data);

/* Keeps the ids of a wait: 0 or -ENOMEM. */
int request_keep_ids(portd_request *request, const portd_id *ids, size_t n);

/* The broker judges the deadline; only if it says nothing for long after it, this side does: at request->due. */
void request_set_due(portd_request *request, int64_t deadline, int64_t now);

/* A wait is made of ids. It is one of those that park, which are not counted against the window and are cancelled by the
 * broker: wait, read, write, splice, monitor. Reads, writes and splices transfer. Of those that move, they among them, nobody knows after the connection is
 * lost. */
bool request_waits(const portd_request *request);
bool request_parks(const portd_request *request);
bool request_transfers(const portd_request *request);
bool request_moves(const portd_request *request);

/* Its answer may bring a descriptor. While there is none of these, none is received. */
bool request_brings(const portd_request *request);

/* Most bytes of its body. */
size_t request_room(Portd__V1__Request__MethodCase method);

/* The next one to be called back without a reply, out of the list of the ended; or NULL. */
portd_request *request_take_ended(portd_client *client);

/* Out of that list. */
void request_unend(portd_request *request);

/* Into the queue, and out of it with what was kept for sending. */
void request_enqueue(portd_request *request);
void request_unqueue(portd_request *request);

/* Its callback gets this code in the next round, unless the reply is there before. */
void request_end(portd_request *request, int code, int os_errno);

/* Out of every list and the table, and freed. */
void request_forget(portd_request *request);

void requests_init(struct requests *requests);
void requests_deinit(portd_client *client); /* calls nobody back */

#endif
