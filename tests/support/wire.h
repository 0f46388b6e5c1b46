/* wire.h: a channel on one end of a real socket pair, for tests. The test sends on the other end, so a case can attach
 * descriptors where a correct sender would not. */
#ifndef WIRE_H
#define WIRE_H

#include "tests/support/test.h"

#include "proto/channel.h"
#include "tests/support/on_socket.h"

#include <fcntl.h>
#include <sys/socket.h>

struct wire {
    int near, far;
    struct channel_scratch scratch;
    struct channel channel; /* on near */
    size_t discarded;
};

static inline void discard(void *context, os_fd fd) {
    struct wire *wire = context;

    assert_return_code(fcntl(fd, F_GETFD), errno);
    os_close(fd);
    wire->discarded++;
}

static inline void wire_open(struct wire *wire, size_t max) {
    int pair[2];

    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), errno);
    wire->near = pair[0];
    wire->far = pair[1];
    wire->discarded = 0;
    assert_int_equal(channel_scratch_init(&wire->scratch), 0);
    channel_init(&wire->channel, on_socket(wire->near), &wire->scratch, max);
}

static inline void wire_close(struct wire *wire) {
    channel_deinit(&wire->channel, discard, wire);
    channel_scratch_deinit(&wire->scratch);
    os_close(wire->near);
    os_close(wire->far);
}

/* Writes a frame to bytes and returns its size; every byte of the body is `fill`. */
static inline size_t frame_write(uint8_t *bytes, size_t n_fds, size_t length, int fill) {
    frame_encode(bytes, (struct frame_header){.length = (uint32_t)length, .n_fds = (uint16_t)n_fds});
    memset(bytes + FRAME_HEADER, fill, length);
    return FRAME_HEADER + length;
}

/* Sends bytes from the far end, with n_fds copies of one descriptor attached. */
static inline void far_send(struct wire *wire, const void *bytes, size_t size, size_t n_fds) {
    os_fd fds[FRAME_FDS_ROOM];

    for (size_t i = 0; i < n_fds; i++)
        fds[i] = wire->far;
    assert_int_equal(on_socket_send(wire->far, bytes, size, fds, n_fds), size);
}

static inline void far_frame(struct wire *wire, size_t claimed, size_t attached, size_t length, int fill) {
    uint8_t bytes[FRAME_HEADER + FRAME_REQUEST_MAX];

    far_send(wire, bytes, frame_write(bytes, claimed, length, fill), attached);
}

static inline int fill(struct wire *wire) { return channel_fill(&wire->channel, discard, wire); }

/* Expects the next frame to be this one, and closes what came with it. */
static inline void expect_frame(struct wire *wire, size_t length, int filling, size_t n_fds, bool mismatch) {
    struct channel_frame frame;

    assert_int_equal(channel_next(&wire->channel, &frame), 1);
    assert_int_equal(frame.length, length);
    assert_int_equal(frame.body[0], filling);
    assert_int_equal(frame.body[length - 1], filling);
    assert_int_equal(frame.n_fds, n_fds);
    assert_int_equal(frame.mismatch, mismatch);
    for (size_t i = 0; i < frame.n_fds; i++) {
        assert_int_equal(fcntl(frame.fds[i], F_GETFD), FD_CLOEXEC);
        os_close(frame.fds[i]);
    }
}

static inline void expect_none(struct wire *wire) {
    struct channel_frame frame;

    assert_int_equal(channel_next(&wire->channel, &frame), 0);
    assert_int_equal(channel_rest(&wire->channel), 0);
}

static inline void expect_idle(struct wire *wire) {
    expect_none(wire);
    assert_int_equal(channel_memory(&wire->channel), 0);
    assert_int_equal(channel_fds_held(&wire->channel), 0);
    assert_null(wire->scratch.user);
}

/* An allocator that has so many blocks left to give. */
static inline void *wire_allocate(void *context, void *old, size_t size) {
    size_t *left = context;

    if (size == 0) {
        free(old);
        return NULL;
    }
    if (*left == 0)
        return NULL;
    (*left)--;
    return realloc(old, size);
}

#endif
