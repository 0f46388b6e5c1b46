/* crlf.h: line ends of text mode: CR LF outside, LF inside. Bytes come in chunks that end anywhere.
 *
 * Inwards each CR that an LF follows is dropped; a CR at the end of a chunk is held back until the next byte has come. Outwards each LF gets
 * a CR before it. */
#ifndef CRLF_H
#define CRLF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both zeroed at first. */
struct crlf_in {
    bool held; /* a CR came last, and was not passed on */
};

struct crlf_out {
    bool half; /* a CR was written, and the LF that it belongs to was not */
};

/* Translates a chunk to `out`, which has room for size + 1 bytes, and returns how many those are. end: no byte will follow. */
size_t crlf_read(struct crlf_in *in, const uint8_t *bytes, size_t size, bool end, uint8_t *out);

/* Translates as much of the bytes as `room` takes, 2 at least: returns how many bytes are in `out`, and in *taken of how many given ones. */
size_t crlf_write(const struct crlf_out *out, const uint8_t *bytes, size_t size, uint8_t *to, size_t room,
                  size_t *taken);

/* Of the bytes that crlf_write has made of `out`, the first n were written: how many of the given ones those are. */
size_t crlf_written(struct crlf_out *out, const uint8_t *made, size_t size, size_t n);

#endif
