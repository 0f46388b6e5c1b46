/* looking.h: what the system told of a held descriptor (daemon/object/look.h), as members of a reply. */
#ifndef LOOKING_H
#define LOOKING_H

#include "daemon/object/look.h"
#include "given.h"
#include "portd.pb-c.h"

#include <stdbool.h>

struct call;
struct connection;
struct held;

enum { LOOKING_WATCHERS = 16 };

/* The members of one row: what it points to. */
struct looking_row {
    Portd__V1__Look look;
    Portd__V1__Now now;
    Portd__V1__AtPut at_put;
    Portd__V1__Flags flags, flags_at_put;
    Portd__V1__Address local, peer;
    Portd__V1__Poison poisons[LOOK_POISONS];
    Portd__V1__Receiver *receivers[GIVEN_MOST], receiver[GIVEN_MOST];
    char receiver_uids[GIVEN_MOST][24];
    Portd__V1__Watcher *watchers[LOOKING_WATCHERS], watcher[LOOKING_WATCHERS];
    char watcher_uids[LOOKING_WATCHERS][24];
};

/* Writes the bits of look_poison. Returns how many there are. */
size_t looking_poisons(unsigned bits, Portd__V1__Poison poisons[LOOK_POISONS]);

/* Fills in what show_hold tells. `look` and `row` must outlive the item. all: the connection may see the sessions of all uids. */
void looking_write(Portd__V1__HoldItem *item, struct looking_row *row, const struct held *held,
                   struct look *look, const struct connection *connection, bool all);

#endif
