/* client.h: one connection to a broker; internal to the library.
 *
 * The files call each other in this direction: those of the procedures (admin, held, hold, io, monitor, port, ready,
 * stats, wait) -> call -> round -> resume -> connect, reply, cancel -> submit -> send -> client -> request -> table. A client that a callback disconnects
 * exists until the outermost call that entered it leaves it. */
#ifndef CLIENT_H
#define CLIENT_H

#include "error.h"
#include "portd.h"
#include "process.h"
#include "request.h"
#include "wakeup.h"

#include "proto/address.h"
#include "proto/arena.h"
#include "proto/channel.h"
#include "proto/frame.h"
#include "proto/memory.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct portd_client {
    struct wakeup wakeup; /* all that other threads may touch; not initialized with the option no_wakeup */
    struct process_mark mark;
    struct transport transport;
    const os_fd *attached; /* while hello or a put is started: the descriptors to attach */
    size_t n_attached;
    bool greeted;       /* the broker's welcome has come: other requests may be sent */
    bool lost;          /* the connection is lost; all requests have been called back, or are being */
    bool garbled;       /* it is lost because of a malformed message */
    bool closing;       /* portd_disconnect was called inside a call: free the client when that leaves */
    bool calling;       /* inside a callback */
    bool sleeps;        /* blocking calls sleep in the read; the wakeup has no descriptor */
    bool in_vain;       /* the last sleep in the read brought nothing: the next one polls */
    bool blocked;       /* the last flush could not send everything */
    unsigned entered;   /* nesting depth of calls on the client */
    int write_errno;    /* sending failed: lost once everything that has arrived is read; 0: none */
    int64_t now;        /* the clock as last read; 0: to be read */
    int64_t limit;      /* of a sleep in the read, as last set; below 0: none */
    const char *reason; /* why it is lost */
    struct requests requests;
    struct channel channel;
    struct channel_scratch scratch;
    struct arena arena;
    struct memory memory;
    void (*log)(void *context, const char *line); /* with the context of memory */
    void *extra;                                  /* memory of the result being called back */
    portd_id session;
    bool joined;
    bool attaches_epolls, attaches_eventfds; /* to requests for handles: of events and ports; of semaphores */
    bool resumes; /* if the connection is lost, the next broker may know the session */
    bool refused; /* it does not */
    bool
        by_hold; /* the session has, or had, something that the next broker gives back: requests are kept to be repeated */
    bool is_polled;        /* the program has asked for the number of the connection */
    unsigned resume_tries; /* since the last welcome */
    uint64_t hello;        /* that was sent last */
    struct {               /* of the options, for the next hello */
        char name[65];
        bool reach, numbers_nobody, off, fd_changes;
        uint32_t numbers_pid;
    } again;
    bool holds;    /* the broker takes names of held descriptors in place of numbers */
    char *welcome; /* one block: the token, each feature, an empty string; NULL before hello is answered */
    char address[ADDRESS_MAX];
    unsigned flags; /* of the last blocking call */
    /* Wake-one: the request whose answer was called back last (0: none), and whether an answer was dropped. */
    uint64_t answered_one;
    bool dropped_one;
    struct failure failure;
    struct text *text; /* text.h; NULL: no port in text mode is known */
    void (*text_free)(portd_client *client);
    union { /* of the result being called back */
        portd_ready ready[FRAME_TARGETS_MAX];
        portd_native fds[FRAME_FDS_MAX];
    };
};

/* Makes a client without a connection: 0 and *client, or a negative errno. */
int client_new(const portd_options *options, portd_client **client);

/* Gives the client its connection; the client owns it from now on. */
void client_attach(portd_client *client, struct transport transport, const char *address);

/* Lets blocking calls sleep in the read itself, where the transport can. For a client without a wakeup, and a connection that no other
 * process shares. */
void client_sleep_in_read(portd_client *client);

/* 0, or the PORTD_E_* code why no request can be started on this client. */
int client_check(portd_client *client);

/* Records a failure (client may be NULL) and returns its code. field and message may be NULL. */
int client_fail(portd_client *client, int code, int os_errno, const char *field, const char *message);

/* Records that the connection is lost, and why; returns PORTD_E_DISCONNECTED, or PORTD_E_FORKED in a forked child. */
int client_fail_lost(portd_client *client);

/* 0, or PORTD_E_INVALID: not an array of 1 to 256 ids. */
int client_check_ids(portd_client *client, const portd_id *ids, size_t n);

void client_log(const portd_client *client, const char *line);

/* Whether a descriptor is attached to the `handle` of that object. True before hello is answered: such a request is queued, and
 * send_queued leaves out what the broker does not take, or need not. */
bool client_may_attach(const portd_client *client, portd_id id);

/* The time; the clock is read at most once between two sleeps of a call. */
int64_t client_now(portd_client *client);

/* Microseconds from now to the deadline; 0 if it has passed. */
uint64_t client_left(portd_client *client, int64_t deadline);

/* Sends as much of the pending output as the socket takes. A failure is stored in write_errno and handled in the next
 * round. */
void client_flush(portd_client *client);

/* Closes a received descriptor that belongs to no reply; for channel_fill and channel_deinit. */
void client_discard(void *context, os_fd fd);

/* Every call that runs rounds is between these two. client_leave returns code, and may have freed the client. */
void client_enter(portd_client *client);
int client_leave(portd_client *client, int code);

#endif
