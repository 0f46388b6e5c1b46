/* again.c: packs. */
#include "again.h"

#include "call.h"
#include "inflight.h"
#include "proto/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* NULL: no memory. */
static uint8_t *grow(struct again *again, size_t n) {
    size_t room = again->room ? again->room : FRAME_DATA_MAX;
    while (room < again->n + n)
        room *= 2;
    uint8_t *bytes = room > again->room ? realloc(again->bytes, room) : again->bytes;
    if (!bytes) {
        again->error = -ENOMEM;
        return NULL;
    }
    again->bytes = bytes;
    again->room = room;
    uint8_t *at = bytes + again->n;
    again->n += n;
    return at;
}

static void add_fd(struct again *again, os_fd fd) {
    if (again->n_fds == again->room_fds) {
        size_t room = again->room_fds ? 2 * again->room_fds : 16;
        struct again_fd *fds = realloc(again->fds, room * sizeof *fds);
        if (!fds) {
            again->error = -ENOMEM;
            return;
        }
        again->fds = fds;
        again->room_fds = room;
    }
    again->fds[again->n_fds++] = (struct again_fd){again->n, fd};
}

void again_add(struct again *again, const Portd__V1__Request *request, os_fd fd) {
    size_t length = portd__v1__request__get_packed_size(request);
    if (fd != OS_FD_NONE)
        add_fd(again, fd);
    uint8_t *at = again->error ? NULL : grow(again, FRAME_HEADER + length);
    if (!at)
        return;
    frame_encode(at, (struct frame_header){.length = (uint32_t)length, .n_fds = fd != OS_FD_NONE});
    (void)portd__v1__request__pack(request, at + FRAME_HEADER);
}

void again_append(struct again *again, const uint8_t *bytes, size_t n) {
    uint8_t *at = n ? grow(again, n) : NULL;
    if (at)
        memcpy(at, bytes, n);
}

static void add_reply(struct again *again, const Portd__V1__Reply *reply) {
    size_t length = portd__v1__reply__get_packed_size(reply);
    uint8_t *at = grow(again, FRAME_HEADER + length);
    if (!at)
        return;
    frame_encode(at, (struct frame_header){.length = (uint32_t)length});
    (void)portd__v1__reply__pack(reply, at + FRAME_HEADER);
}

void again_add_uncertain(struct again *again, uint64_t request) {
    static char message[] = "the broker was replaced while this was under way: it may or may not be done",
                hint[] = "look at what it was about";
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Error error = PORTD__V1__ERROR__INIT;
    error.code = PORTD__V1__CODE__CODE_UNCERTAIN;
    error.message = message;
    error.hint = hint;
    reply.id = request;
    reply.error = &error;
    add_reply(again, &reply);
}

void again_add_upgraded(struct again *again, uint64_t request, uint32_t pid, const char *version) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Upgraded upgraded = PORTD__V1__UPGRADED__INIT;
    upgraded.pid = pid;
    upgraded.broker = call_text(version);
    reply.id = request;
    reply.result_case = PORTD__V1__REPLY__RESULT_UPGRADE;
    reply.upgrade = &upgraded;
    add_reply(again, &reply);
}

bool again_is_upgrade(const struct inflight *inflight) {
    return inflight->method == PORTD__V1__REQUEST__METHOD_UPGRADE;
}

void again_free(struct again *again) {
    free(again->bytes);
    free(again->fds);
    *again = (struct again){.bytes = NULL};
}
