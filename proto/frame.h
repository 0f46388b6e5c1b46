/* frame.h: the 8 bytes before each body, and the limits of the wire. Pure functions on bytes; PROTOCOL.md section 2. */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_HEADER = 8,
    FRAME_FDS_MAX = 252,  /* attached to one frame */
    FRAME_FDS_ROOM = 253, /* offered to every recvmsg: the most the kernel passes at once */
    FRAME_REQUEST_MAX = 4096,
    FRAME_LONG_MAX = 69632,  /* a reply; a request of the methods write and bundle */
    FRAME_DATA_MAX = 65536,  /* a data chunk or a page inside a reply */
    FRAME_TARGETS_MAX = 256, /* ids in one wait, release or show */
};

struct frame_header {
    uint32_t length; /* of the body */
    uint16_t n_fds;
    uint16_t flags;
};

void frame_encode(uint8_t bytes[FRAME_HEADER], struct frame_header header);
struct frame_header frame_decode(const uint8_t bytes[FRAME_HEADER]);

/* 0, or a text that says why this header ends the connection. max is the most bytes of a body here. */
const char *frame_check(struct frame_header header, size_t max);

#endif
