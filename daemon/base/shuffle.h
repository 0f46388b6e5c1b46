/* shuffle.h: a secret order of the numbers below 2^36, so that who sees some of them learns nothing of the others.
 *
 * A bijection with a random key: shuffle_put tells which number stands at a place, shuffle_place where a number stands. Without the key
 * neither tells anything of its neighbours. */
#ifndef SHUFFLE_H
#define SHUFFLE_H

#include <stdint.h>

enum { SHUFFLE_BITS = 36, SHUFFLE_ROUNDS = 10 };

struct shuffle {
    uint64_t key[2];
    unsigned rounds; /* 0: every number stands at its own place */
};

/* With a key of the system's randomness. 0 or a negative errno. */
int shuffle_init(struct shuffle *shuffle);

/* Both take and give what is below 2^SHUFFLE_BITS, and undo each other. */
uint64_t shuffle_put(const struct shuffle *shuffle, uint64_t place);
uint64_t shuffle_place(const struct shuffle *shuffle, uint64_t number);

#endif
