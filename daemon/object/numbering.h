/* numbering.h: the processes whose numbers mean something in one session.
 *
 * A number is what one process calls its descriptor, so the key of a descriptor is a process and a number: two processes of a session can
 * both have a 3. Each process has a place in the session, which never comes back, for as long as a connection means its numbers or
 * a descriptor has one of them. */
#ifndef NUMBERING_H
#define NUMBERING_H

#include "daemon/base/table.h"

#include <stdbool.h>

/* A key has room for what a system calls a descriptor by: a number on Unix, a handle on Windows, of which 32 bits are significant. Above it is
 * which table that is a number of (always 0 where there is one), and above that the place. NUMBER_MAX is what a client may name. */
enum { NUMBER_BITS = 32, NUMBER_TABLE_BITS = 1, NUMBER_MAX = INT32_MAX };

struct numberings {
    struct table by_process, by_place;
    uint64_t issued;
};

/* What finds a descriptor of that process by its number; the number in it, and the place. */
static inline uint64_t number_key(uint64_t place, int64_t number) {
    return place << (NUMBER_BITS + NUMBER_TABLE_BITS) | (uint64_t)number;
}
static inline int64_t number_of_key(uint64_t key) {
    return (int64_t)(key & ((UINT64_C(1) << NUMBER_BITS) - 1));
}
static inline uint64_t number_place(uint64_t key) { return key >> (NUMBER_BITS + NUMBER_TABLE_BITS); }

static inline bool number_is_valid(int64_t number) { return number >= 0 && number <= NUMBER_MAX; }

void numberings_init(struct numberings *numberings, uint64_t seed);
void numberings_deinit(struct numberings *numberings); /* whoever still refers to one does so no more */

/* The place of that process, with a reference more; process 0: one that nobody else finds. 0 or -ENOMEM, also when
 * the session has had all places that there are. */
int numbering_get(struct numberings *numberings, uint64_t process, uint64_t *place);

/* References of those that have a key: of a place that there is. */
void numbering_ref(struct numberings *numberings, uint64_t place);
void numbering_unref(struct numberings *numberings, uint64_t place);

#endif
