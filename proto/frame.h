/* frame.h: the 8 bytes before each body, and the limits of the wire. Pure functions on bytes; PROTOCOL.md section 2. */
#ifndef FRAME_H
#define FRAME_H

#include "passed.h"

#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_HEADER = 8,
    FRAME_FDS_MAX = 252, /* descriptors per frame */
    FRAME_FDS_ROOM =
        PASSED_MOST, /* room for what one message brings: the most that the kernel passes at once */
    FRAME_REQUEST_MAX = 4096,
    FRAME_LONG_MAX = 69632,  /* bytes of a reply, or of a write or bundle request */
    FRAME_DATA_MAX = 65536,  /* bytes of a data chunk or a page inside a reply */
    FRAME_TARGETS_MAX = 256, /* ids in one wait, release or show */
};

struct frame_header {
    uint32_t length; /* of the body */
    uint16_t n_fds;
    uint16_t flags;
};

void frame_encode(uint8_t bytes[FRAME_HEADER], struct frame_header header);
struct frame_header frame_decode(const uint8_t bytes[FRAME_HEADER]);

/* The header of a protocol that is not this one: `size` bytes, at most FRAME_HEADER. */
struct frame_layout {
    size_t size;
    void (*encode)(uint8_t *bytes, struct frame_header header);
    struct frame_header (*decode)(const uint8_t *bytes);
};

/* By a layout, which is rare, so that it is kept out of the way of the others; NULL: by the functions above. */
__attribute__((cold)) void frame_encode_other(const struct frame_layout *layout, uint8_t *bytes,
                                              struct frame_header header);
__attribute__((cold)) struct frame_header frame_decode_other(const struct frame_layout *layout,
                                                             const uint8_t *bytes);
static inline void frame_encode_by(const struct frame_layout *layout, uint8_t *bytes,
                                   struct frame_header header) {
    if (layout)
        frame_encode_other(layout, bytes, header);
    else
        frame_encode(bytes, header);
}
static inline struct frame_header frame_decode_by(const struct frame_layout *layout, const uint8_t *bytes) {
    return layout ? frame_decode_other(layout, bytes) : frame_decode(bytes);
}

/* NULL, or a static text: why the connection must be closed. max: the longest body allowed, bytes. */
const char *frame_check(struct frame_header header, size_t max);

#endif
