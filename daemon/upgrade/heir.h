/* heir.h: a broker that takes over from another one (giver.h). It reads what that one gives, before it serves clients, and ends if it cannot make all of it. */
#ifndef HEIR_H
#define HEIR_H

#include "daemon/store/store.h"
#include "link.h"
#include "proto/transport.h"

#include <stdbool.h>
#include <stddef.h>

struct heir_connection;
struct sessions;

enum { HEIR_DOORS = 2, HEIR_ADDRESS_MAX = 256 };

struct heir_door {
    char address[HEIR_ADDRESS_MAX];
    os_fd fd; /* OS_FD_NONE: taken */
    struct transport_file file;
};

struct heir {
    bool is_one; /* there is a broker that it takes over from */
    struct link link;
    struct heir_door doors[HEIR_DOORS];
    size_t n_doors;
    struct heir_connection *connections;
};

/* Says that this broker can begin, and waits for the other one's doors. link: OS_FD_NONE: there is no other. 0 or a negative errno. */
int heir_begin(struct heir *heir, os_fd link);

/* The door with that address, if the other broker has one: its socket, which is the caller's. OS_FD_NONE: not. */
os_fd heir_take_door(struct heir *heir, const char *address, struct transport_file *file);

/* Reads all the rest. Calls fn for each entry, whose descriptors are the callee's; those of connections are kept. 0 or a negative errno. */
int heir_read(struct heir *heir, void (*fn)(void *context, struct store_entry *entry), void *context);

/* Makes the connections. 0, or a negative errno: what was wrong is in the log. */
int heir_connect(struct heir *heir, struct sessions *sessions);

/* All is made. Waits until the other broker has let go. 0, or a negative errno: it goes on. */
int heir_take_over(struct heir *heir);

/* Tells it why this broker cannot take over. */
void heir_fail(struct heir *heir, const char *why);

/* Closes what was not taken. Zeros are allowed. */
void heir_deinit(struct heir *heir);

#endif
