/* siphash.h: SipHash-1-3, a hash that nobody can aim without the key: for what clients choose. https://www.aumasson.jp/siphash/ */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint64_t key[2], const void *bytes, size_t n);

/* The parts, for shuffle.c: the state for that key, and one round. */
void siphash_begin(uint64_t v[4], const uint64_t key[2]);
void siphash_stir(uint64_t v[4]);

#endif
