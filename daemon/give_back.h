/* give_back.h: what the keeper has of an earlier broker, restored; and the numbers that this one issues, given to the keeper, so that no id
 * is issued twice. */
#ifndef GIVE_BACK_H
#define GIVE_BACK_H

#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct heir;
struct sessions;

struct give_back {
    struct sessions *sessions;
    struct store *store;
    struct store_order order; /* the numbers */
    bool giving;              /* it is not done */
    uint64_t promised,
        next; /* ids below this number may be issued: as the keeper knows, and as it is told now */
};

/* Before the broker serves clients. Holds that cannot be restored are closed, and logged as lost; but if it takes over from another one, everything is restored, and all else too that the other
 * one had, or nothing is lost, and that one goes on. 0 or a negative errno: the broker cannot start. */
int give_back_begin(struct give_back *give_back, struct sessions *sessions, struct store *store,
                    struct heir *heir);

/* To be called after each turn: gives the keeper further numbers long before they are needed. */
void give_back_after(struct give_back *give_back);

#endif
