/* frame.c: the header before each body, little-endian on every machine. */
#include "frame.h"

void frame_encode(uint8_t bytes[FRAME_HEADER], struct frame_header header) {
    bytes[0] = (uint8_t)header.length;
    bytes[1] = (uint8_t)(header.length >> 8);
    bytes[2] = (uint8_t)(header.length >> 16);
    bytes[3] = (uint8_t)(header.length >> 24);
    bytes[4] = (uint8_t)header.n_fds;
    bytes[5] = (uint8_t)(header.n_fds >> 8);
    bytes[6] = (uint8_t)header.flags;
    bytes[7] = (uint8_t)(header.flags >> 8);
}

struct frame_header frame_decode(const uint8_t bytes[FRAME_HEADER]) {
    struct frame_header header = {
        .length = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                  (uint32_t)bytes[3] << 24,
        .n_fds = (uint16_t)(bytes[4] | bytes[5] << 8),
        .flags = (uint16_t)(bytes[6] | bytes[7] << 8),
    };

    return header;
}

__attribute__((noinline)) void frame_encode_other(const struct frame_layout *layout, uint8_t *bytes,
                                                  struct frame_header header) {
    layout->encode(bytes, header);
}

__attribute__((noinline)) struct frame_header frame_decode_other(const struct frame_layout *layout,
                                                                 const uint8_t *bytes) {
    return layout->decode(bytes);
}

const char *frame_check(struct frame_header header, size_t max) {
    if (header.flags != 0)
        return "frame flags are not 0";
    if (header.length == 0)
        return "frame without a body";
    if (header.length > max)
        return "frame body too long";
    if (header.n_fds > FRAME_FDS_MAX)
        return "frame announces too many descriptors";
    return NULL;
}
