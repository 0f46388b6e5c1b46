/* side_door.h: a listener for another protocol (session/visitor.h), or a socket for notifications (session/post.h), off unless it is configured. The broker that listens opens it, and with a keeper each one anew. */
#ifndef SIDE_DOOR_H
#define SIDE_DOOR_H

#include "config/config.h"
#include "proto/transport.h"
#include "session/listener.h"
#include "session/post.h"

#include <stdbool.h>

struct dialect;
struct heir;

struct side_door {
    const char *address; /* borrowed; NULL: there is none */
    os_fd fd;
    struct transport_file file;
    struct listener listener;
    struct post post;
    bool listens, takes; /* of these two, the one that is open */
};

/* Makes the socket file, if the key is set, or takes over that of another broker. 0, or a negative errno, which has been logged. */
int side_door_open(struct side_door *door, const struct config *config, enum config_key key,
                   struct heir *heir);

/* Opens it, and closes it: for a keeper, which has no use for it itself. */
int side_door_try(const struct config *config, enum config_key key);

/* From now on clients are accepted, who speak that dialect. 0 or a negative errno. */
int side_door_listen(struct side_door *door, const struct dialect *dialect, struct sessions *sessions,
                     struct users *users);

/* The same for notifications. */
int side_door_take(struct side_door *door, struct sessions *sessions, struct users *users);

/* Removes the socket file, and refuses further connections. The listener stays open until the process exits (door_close). Zeros are allowed. */
void side_door_close(struct side_door *door);

#endif
