/* exchange.h: one request and its reply on a connection of portctl's own, or on the inherited one, for what the library has
 * no call for. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "proto/arena.h"
#include "proto/channel.h"

#include "portd.pb-c.h"

struct exchange {
    struct transport connection;
    struct channel_scratch scratch;
    struct channel channel;
    struct arena arena;
    uint64_t last_id;
    int64_t deadline;
    const char *fault;          /* what failed in portctl, or "" */
    Portd__V1__Reply *reply;    /* to the last request, until the next */
    struct channel_frame frame; /* its descriptors, which exchange_close closes unless they are taken */
};

/* Connects. 1; or PORTD_E_* and fault. Call exchange_close in either case. */
int exchange_open(struct exchange *exchange, const char *address, int64_t deadline);

/* The same on an inherited connection (address "fd:N") which a client of the library has, and has said hello on: a duplicate of it. The client
 * has no request in flight, and makes none before exchange_close. */
int exchange_share(struct exchange *exchange, const char *address, int64_t deadline);

/* Sends hello for the session with that token; numbers are those of that process (0: of none). 1; or a code and fault, or
 * reply->error. */
int exchange_hello(struct exchange *exchange, const char *token, uint32_t numbers);

/* Sends a request with the member `number` and waits for its reply. 1; or a code and fault, or reply->error. The
 * descriptors are borrowed. */
int exchange_ask(struct exchange *exchange, uint32_t number, const ProtobufCMessage *message,
                 const os_fd *fds, size_t n_fds);

/* Takes the i-th descriptor of the reply, which the caller then owns. OS_FD_NONE: there is none. */
os_fd exchange_take(struct exchange *exchange, size_t i);

void exchange_close(struct exchange *exchange);

#endif
