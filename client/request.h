/* request.h: the requests of one client. submit.h starts them.
 *
 * A request is in the table under its id from its start until the broker has answered it. It stays in the queue while
 * the broker's window is full or another frame with a descriptor is not yet sent; queued requests are sent in the order
 * of their starts. Its callback is called once: with the reply, with the code of request_end, or when the connection is
 * lost (reply.h). A request whose callback has been called, or whose blocking call has returned, stays until its reply
 * comes; that reply is dropped, and what it brings is released. */
#ifndef REQUEST_H
#define REQUEST_H

#include "portd.h"
#include "table.h"

#include "proto/channel.h"

#include "portd.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills the result from the reply to a request, and returns its code. frame has the descriptors that came with the reply;
 * the function sets those that it takes to OS_FD_NONE. */
typedef int request_read(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                         struct channel_frame *frame, portd_result *result);

enum request_state {
    REQUEST_QUEUED, /* in the queue, not sent */
    REQUEST_SENT,   /* the broker will answer it */
    REQUEST_DROPPED /* taken out of the queue; the broker will not answer it */
};

struct portd_request {
    uint64_t id;
    portd_client *client;
    portd_request *next, *previous; /* in the queue, in the list of ended ones, or spare */
    portd_callback *callback;       /* NULL: called already, or abandoned */
    void *data;
    request_read *read; /* NULL: the reply has no content */
    Portd__V1__Request__MethodCase method;
    enum request_state state;
    bool cancelled; /* by portd_cancel */
    bool resync;    /* then: a wait, whose result is the cause resync for each of its ids */
    bool again;     /* its connection was lost, and it is sent again */
    bool ended;     /* in the list of ended ones, to be called back with code and os_errno */
    int code;
    int os_errno;
    void *
        kept; /* while queued, or to be repeated: own copies of the descriptors to attach, then the packed message; NULL: it is a wait, or not kept */
    size_t n_fds, length; /* of what is kept, as the next two */
    portd_id handle_of;   /* the object whose handle it asks for; 0: it is another method */
    bool by_hold;         /* it names a held descriptor: not for a broker that does not know such names */
    os_fd taken;          /* the caller's number, to be closed when the broker has accepted; OS_FD_NONE */
    /* A wait keeps its arguments: they are packed when it is sent, and reported when the connection is lost. Of a put, a
     * get or a show of holds n_ids is how many names it has; of a put that takes the caller's numbers they are the ids. */
    portd_id *ids; /* kept when the struct is reused */
    size_t n_ids, ids_room;
    unsigned flags; /* also of a wrap; of a put or get: not 0 if it takes */
    int64_t deadline;
    portd_id text;   /* of a read or write that text.h has made: the port */
    uint64_t cursor; /* of a monitor: the caller's */
    int64_t due;     /* when the library ends it if the broker has not; PORTD_FOREVER: never */
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
    size_t unanswered, window; /* requests sent that do not park; how many of them the broker allows */
    size_t bringing;           /* requests whose reply may bring a descriptor */
    size_t timed;              /* requests with a due time */
    int64_t due;               /* no due time is earlier; PORTD_FOREVER: there is none */
};

/* Makes a request that is in the table and in no list, or returns NULL. callback and read may be NULL. */
portd_request *request_new(portd_client *client, Portd__V1__Request__MethodCase method, request_read *read,
                           portd_callback *callback, void *data);

/* Frees what is kept: the copies of descriptors are closed. Nothing happens if nothing is. */
void request_unkeep(portd_request *request);

/* Copies the ids of a wait: 0 or -ENOMEM. */
int request_keep_ids(portd_request *request, const portd_id *ids, size_t n);

/* Sets request->due, some time after the deadline. The broker enforces the deadline; the library ends the request only
 * if the broker has not replied by then. */
void request_set_due(portd_request *request, int64_t deadline, int64_t now);

/* waits: a wait for ids. parks: the broker answers it when something happens; it does not count against the window, and
 * cancelling it is a request to the broker: wait, read, write, splice, monitor. transfers: read, write, splice. hands over:
 * put, and get that takes; once sent it is not given up, since nobody would have the descriptors, or know who has. moves:
 * those five and shutdown and position; if the connection is lost it is uncertain whether they were carried out. */
bool request_waits(const portd_request *request);
bool request_parks(const portd_request *request);
bool request_transfers(const portd_request *request);
bool request_hands_over(const portd_request *request);
bool request_moves(const portd_request *request);

/* Whether its reply may bring a descriptor. While no such request is in flight, the library receives without room for
 * descriptors. */
bool request_brings(const portd_request *request);

/* The maximum size of its body in bytes. */
size_t request_room(Portd__V1__Request__MethodCase method);

/* Takes the first request out of the list of ended ones; NULL: there is none. */
portd_request *request_take_ended(portd_client *client);

/* Takes this one out of that list. */
void request_unend(portd_request *request);

/* Puts it into the queue; takes it out and frees what was kept for sending. */
void request_enqueue(portd_request *request);
void request_unqueue(portd_request *request);

/* Puts it into the list of ended ones: its callback gets this code in the next round, unless the reply comes first. */
void request_end(portd_request *request, int code, int os_errno);

/* The connection on which it was sent is lost: it is put into the queue again; or, a wait, into the list of ended ones, with the cause resync. */
void request_repeat(portd_request *request);
void request_resync(portd_request *request);

/* Appends one list to another. */
void request_append_list(struct request_list *list, struct request_list *other);

/* Takes it out of every list and the table, and frees it. */
void request_forget(portd_request *request);

void requests_init(struct requests *requests);
void requests_deinit(portd_client *client); /* calls no callbacks */

#endif
