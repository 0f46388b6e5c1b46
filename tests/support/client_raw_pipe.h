/* client_raw_pipe.h: messages of a named pipe as PROTOCOL.md has them, and such as it does not (client_raw_win.c). Needs nothing of Windows. */
#ifndef CLIENT_RAW_PIPE_H
#define CLIENT_RAW_PIPE_H

#include "client_raw.h"

enum {
    RAW_MESSAGE_HEAD = 16,
    RAW_MESSAGE_BYTES = 69640, /* most bytes of the stream in one message */
    RAW_SOCKET = 632           /* what opens a socket */
};

/* A head that says this, whether it is true or not. */
void raw_message_head(uint8_t bytes[RAW_MESSAGE_HEAD], uint32_t size, unsigned n);

/* Writes one message of any bytes (0: an empty one). 0, or a negative errno; -EAGAIN: not until the deadline, and not at all. */
int raw_message_write(int connection, const void *message, size_t size, int64_t deadline);

/* A message that says what is true, with these values for handles. As raw_send. */
int raw_send_values(const struct raw *raw, const void *bytes, size_t size, const uint64_t *values, size_t n);

/* As raw_pack: a ping that claims n handles, and a request for an event of one. */
size_t raw_pack_ping(uint8_t bytes[RAW_HEADER + RAW_BODY_MAX], uint64_t id, unsigned claim);
size_t raw_pack_evt(uint8_t bytes[RAW_HEADER + RAW_BODY_MAX], uint64_t id, int64_t number, bool socket);

/* Gives the request an id, sends it with these values, and returns the reply to it, or NULL. */
raw_reply *raw_ask_values(struct raw *raw, raw_request *request, const uint64_t *values, size_t n);

#endif
