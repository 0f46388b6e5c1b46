/* announce.h: how a program is told which descriptors are its listeners: by the variables of socket activation, or by its own. */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H

#include "client/portctl/command.h"

struct announce {
    const struct invocation *in;
    const struct preset *preset; /* --preset; NULL: socket activation */
    char *names; /* socket activation: LISTEN_FDNAMES. Else the variables that are set, or their text */
    size_t n;    /* listeners that have been added */
};

/* The option --preset. */
#define ANNOUNCE_OPTION_PRESET                                                                               \
    { "preset", "PRESET", "tell of --listen-fds by a program's own variables", false, "nginx|haproxy" }

void announce_init(struct announce *announce, const struct invocation *in);

/* Parses --preset. Returns 0, or the exit code of an error that has been printed, as all of these. */
int announce_parse(struct announce *announce);

/* 0 if the program can be told that name of a held descriptor. */
int announce_check(const struct announce *announce, const char *name);

/* Tells of the next listener, from PROGRAM_LISTEN_FIRST on. In the name of a port what cannot be told is replaced, and "" is allowed. That of what is held was
 * checked, and is told as it is; only "NAME:2", under which the second is held that a program has stored as NAME, is NAME again, unless a preset tells. */
int announce_add(struct announce *announce, const char *name);
int announce_add_held(struct announce *announce, const char *name);

/* Sets the program's environment; does nothing if there is no listener. */
int announce_export(const struct announce *announce);

void announce_deinit(struct announce *announce);

#endif
