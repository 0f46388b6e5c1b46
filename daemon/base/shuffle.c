/* shuffle.c: a Feistel network over two halves of 18 bits; the round function is SipHash of the round and one half. */
#include "shuffle.h"

#include "proto/os.h"
#include "siphash.h"

enum { HALF = SHUFFLE_BITS / 2 };

static const uint64_t HALF_MASK = (UINT64_C(1) << HALF) - 1;

int shuffle_init(struct shuffle *shuffle) {
    *shuffle = (struct shuffle){.rounds = SHUFFLE_ROUNDS};
    return os_random(shuffle->key, sizeof shuffle->key);
}

/* SipHash-1-3 of one word, without the final block for the length, which is always the same. */
static uint64_t mix(const struct shuffle *shuffle, unsigned round, uint64_t half) {
    uint64_t word = (uint64_t)round << 32 | half;
    uint64_t v[4];
    siphash_begin(v, shuffle->key);
    v[3] ^= word;
    siphash_stir(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        siphash_stir(v);
    return (v[0] ^ v[1] ^ v[2] ^ v[3]) & HALF_MASK;
}

uint64_t shuffle_put(const struct shuffle *shuffle, uint64_t place) {
    uint64_t left = place >> HALF & HALF_MASK, right = place & HALF_MASK;
    for (unsigned round = 0; round < shuffle->rounds; round++) {
        uint64_t mixed = left ^ mix(shuffle, round, right);
        left = right;
        right = mixed;
    }
    return left << HALF | right;
}

uint64_t shuffle_place(const struct shuffle *shuffle, uint64_t number) {
    uint64_t left = number >> HALF & HALF_MASK, right = number & HALF_MASK;
    for (unsigned round = shuffle->rounds; round-- > 0;) {
        uint64_t mixed = right ^ mix(shuffle, round, left);
        right = left;
        left = mixed;
    }
    return left << HALF | right;
}
