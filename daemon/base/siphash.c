/* siphash.c: words of 64 bits in the machine's own order; nothing leaves the process. */
#include "siphash.h"

#include <string.h>

static void take(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    siphash_stir(v);
    v[0] ^= word;
}

uint64_t siphash(const uint64_t key[2], const void *bytes, size_t n) {
    const unsigned char *at = bytes;
    uint64_t v[4], word;
    siphash_begin(v, key);
    for (size_t left = n; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        take(v, word);
    }
    word = (uint64_t)n << 56;
    for (size_t i = 0; i < n % sizeof word; i++)
        word |= (uint64_t)at[i] << 8 * i;
    take(v, word);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        siphash_stir(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
