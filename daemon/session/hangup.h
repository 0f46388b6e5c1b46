/* hangup.h: whether the client of a connection that is not read is gone.
 *
 * A lane that rests does not read, and a connection that is not read does not tell when its client is gone. So while a lane rests, the
 * connections of such uids are asked, a few at a time, in rotation. That sends nothing and receives nothing. */
#ifndef HANGUP_H
#define HANGUP_H

#include "daemon/loop/loop.h"

#include <stdbool.h>

struct connection;
struct sessions;

struct hangups {
    struct loop_timer timer;
    void (*end)(struct connection *connection,
                const char *reason); /* called for those whose client is gone */
    bool set;
    struct connection *next; /* to be asked; NULL: the first */
};

/* 0 or -ENOMEM. */
int hangups_init(struct sessions *sessions, void (*end)(struct connection *connection, const char *reason));
void hangups_deinit(struct sessions *sessions);

/* At the end of a turn: a lane may rest from now on. */
void hangups_after(struct sessions *sessions);

/* The connection is being removed from the list of all. */
void hangups_forget(struct hangups *hangups, const struct connection *connection);

/* Whether its client has left: it has closed its end, or shut it down for writing, so that it cannot complete a request any more. */
bool hangup_has_left(const struct connection *connection);

#endif
