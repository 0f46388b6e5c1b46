/* varint.h: protobuf's variable-length integers: seven bits per byte, lowest first. */
#ifndef VARINT_H
#define VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VARINT_BITS = 7, VARINT_MORE = 0x80 };

static inline size_t varint_size(uint64_t value) {
    size_t size = 1;
    while (value >>= VARINT_BITS)
        size++;
    return size;
}

/* Returns the end of the varint. */
static inline uint8_t *varint_write(uint8_t *at, uint64_t value) {
    for (; value >= VARINT_MORE; value >>= VARINT_BITS)
        *at++ = (uint8_t)(value | VARINT_MORE);
    *at++ = (uint8_t)value;
    return at;
}

/* Moves *at past the varint. False: it is incomplete or too long. */
static inline bool varint_read(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += VARINT_BITS) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & (VARINT_MORE - 1)) << shift;
        if (!(byte & VARINT_MORE))
            return true;
    }
    return false;
}

#endif
