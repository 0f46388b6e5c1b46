/* connection_again.h: a connection that another broker has had. */
#ifndef CONNECTION_AGAIN_H
#define CONNECTION_AGAIN_H

#include "proto/channel.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct dialect;
struct refusal;
struct sessions;

struct connection_again {
    struct transport transport;
    uint64_t session, place; /* of that id, and as in struct connection; 0: no hello was answered */
    uint64_t last_one;
    uint32_t serial;
    bool reach, answered_one, keeps;
    const struct dialect *dialect; /* NULL: the broker's own */
    struct channel_parts parts;
};

/* Makes it; its descriptors are counted in the fd table, and it takes them. What it keeps is charged by sessions_thaw. 0; or -1 and the refusal: then the broker can only end. */
int connection_restore(struct sessions *sessions, struct connection_again *again, struct refusal *refusal);

/* Before that: no request is read, nor is anything taken from what is held. And after it. */
void sessions_freeze(struct sessions *sessions);
void sessions_thaw(struct sessions *sessions);

#endif
