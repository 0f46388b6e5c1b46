/* shuffle.h: a secret permutation of the numbers below 2^36, so that some of them reveal nothing about the others.
 *
 * The key is random: shuffle_put returns the number at a place, shuffle_place the place of a number. Without the key a result reveals
 * nothing about its neighbours. */
#ifndef SHUFFLE_H
#define SHUFFLE_H

#include <stdint.h>

enum { SHUFFLE_BITS = 36, SHUFFLE_ROUNDS = 10 };

struct shuffle {
    uint64_t key[2];
    unsigned rounds; /* 0: the identity */
};

/* Takes a key from the system's random source. 0 or a negative errno. */
int shuffle_init(struct shuffle *shuffle);

/* Inverse to each other. Arguments and results are below 2^SHUFFLE_BITS. */
uint64_t shuffle_put(const struct shuffle *shuffle, uint64_t place);
uint64_t shuffle_place(const struct shuffle *shuffle, uint64_t number);

#endif
