/* again.h: requests in flight, as frames for the broker that takes over. */
#ifndef AGAIN_H
#define AGAIN_H

#include "portd.pb-c.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inflight;

struct again_fd {
    size_t at; /* where the frame begins */
    os_fd fd;  /* borrowed */
};

struct again {
    uint8_t *bytes;
    size_t n, room;
    struct again_fd *fds;
    size_t n_fds, room_fds;
    int error; /* -ENOMEM: something is missing */
};

/* Adds a frame. fd: attached, or OS_FD_NONE. */
void again_add(struct again *again, const Portd__V1__Request *request, os_fd fd);

/* Adds bytes as they are. */
void again_append(struct again *again, const uint8_t *bytes, size_t n);

/* Adds a reply: the broker was replaced, and nobody knows what became of the request; or this was the request for that. */
void again_add_uncertain(struct again *again, uint64_t request);
void again_add_upgraded(struct again *again, uint64_t request, uint32_t pid, const char *version);

/* Whether it asks for another broker. */
bool again_is_upgrade(const struct inflight *inflight);

void again_free(struct again *again);

#endif
