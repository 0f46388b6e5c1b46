/* exchange.h: one request and its reply on a connection of portctl's own, for what the library has no call for. */
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

/* Connects. 1, or a code of PORTD_E_*, and fault. To be closed in any case. */
int exchange_open(struct exchange *exchange, const char *address, int64_t deadline);

/* Says hello, for the session of that token and the numbers of that process (0: nobody's). 1; or a code and fault, or reply->error. */
int exchange_hello(struct exchange *exchange, const char *token, uint32_t numbers);

/* Most bytes of a request. */
size_t exchange_room(uint32_t number);

/* Sends a request with the member `number` and waits for its reply. 1; or a code and fault, or reply->error. The
 * descriptors are borrowed. */
int exchange_ask(struct exchange *exchange, uint32_t number, const ProtobufCMessage *message,
                 const os_fd *fds, size_t n_fds);

/* A descriptor that came with the reply; the caller's from then on. OS_FD_NONE: there is no such. */
os_fd exchange_take(struct exchange *exchange, size_t i);

void exchange_close(struct exchange *exchange);

#endif
