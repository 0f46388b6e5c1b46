/* frame.h: the 8 bytes before each body, and the limits of the wire. Pure functions on bytes; PROTOCOL.md section 2. */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_HEADER = 8,
    FRAME_FDS_MAX = 252,  /* descriptors per frame */
    FRAME_FDS_ROOM = 253, /* room offered to recvmsg: the most that the kernel passes at once */
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

/* NULL, or a static text: why the connection must be closed. max: the longest body allowed, bytes. */
const char *frame_check(struct frame_header header, size_t max);

#endif
