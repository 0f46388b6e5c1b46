/* siphash.c: words of 64 bits in the machine's own order; nothing leaves the process. */
#include "siphash.h"

#include <string.h>

static uint64_t rotate_left(uint64_t value, unsigned bits) { return value << bits | value >> (64 - bits); }

void siphash_begin(uint64_t v[4], const uint64_t key[2]) {
    v[0] = key[0] ^ UINT64_C(0x736f6d6570736575);
    v[1] = key[1] ^ UINT64_C(0x646f72616e646f6d);
    v[2] = key[0] ^ UINT64_C(0x6c7967656e657261);
    v[3] = key[1] ^ UINT64_C(0x7465646279746573);
}

void siphash_stir(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] = rotate_left(v[2], 32);
}

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
