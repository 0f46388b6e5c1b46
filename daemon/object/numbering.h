/* numbering.h: the processes whose descriptor numbers one session knows.
 *
 * A number is a process's name for its descriptor, and two processes of a session can both have a 3. So the key
 * of a descriptor consists of a process and a number. Each process gets a place in the session, which is never
 * reused. It keeps the place while a connection uses its numbers or a binding has one of them. */
#ifndef NUMBERING_H
#define NUMBERING_H

#include "daemon/base/table.h"

#include <stdbool.h>

/* The lowest 32 bits of a key are the system's name for a descriptor: a number on Unix, the significant bits of
 * a handle on Windows. The next bit selects the number's table (0 if the system has only one). The rest is the
 * place. NUMBER_MAX limits what a client may name. */
enum { NUMBER_BITS = 32, NUMBER_TABLE_BITS = 1, NUMBER_MAX = INT32_MAX };

struct numberings {
    struct table by_process, by_place;
    uint64_t issued;
};

/* In the key of a number of the second table: a socket's, where those have numbers of their own. */
#define NUMBER_APART (UINT64_C(1) << NUMBER_BITS)

/* The key of that number in the process that has the place; and the two parts of a key. */
static inline uint64_t number_key(uint64_t place, int64_t number) {
    return place << (NUMBER_BITS + NUMBER_TABLE_BITS) | (uint64_t)number;
}
static inline int64_t number_of_key(uint64_t key) {
    return (int64_t)(key & ((UINT64_C(1) << NUMBER_BITS) - 1));
}
static inline uint64_t number_place(uint64_t key) { return key >> (NUMBER_BITS + NUMBER_TABLE_BITS); }

static inline bool number_is_valid(int64_t number) { return number >= 0 && number <= NUMBER_MAX; }

void numberings_init(struct numberings *numberings, uint64_t seed);
void numberings_deinit(struct numberings *numberings); /* frees all places, referenced or not */

/* Finds or makes the process's place and adds a reference. process 0: makes a place that no other call finds.
 * Returns 0, or -ENOMEM, also if the session has used up all places. */
int numbering_get(struct numberings *numberings, uint64_t process, uint64_t *place);

/* Makes a place that an earlier broker had given, without a reference; the newest one it had given is `issued`. numberings_trim frees those that have got none. 0; -ENOMEM; or
 * -EEXIST: there is that place, or the process has one. */
int numbering_restore(struct numberings *numberings, uint64_t process, uint64_t place);
void numberings_trim(struct numberings *numberings);
bool numbering_is_known(const struct numberings *numberings, uint64_t place);

/* To look at all, in no order: *at is 0 at first. False: there are no more. */
bool numberings_next(const struct numberings *numberings, size_t *at, uint64_t *process, uint64_t *place);

/* Adds or drops a reference to an existing place. The last one frees it. */
void numbering_ref(struct numberings *numberings, uint64_t place);
void numbering_unref(struct numberings *numberings, uint64_t place);

#endif
