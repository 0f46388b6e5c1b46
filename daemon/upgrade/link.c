/* link.c: frames, and the waiting for them. */
#include "link.h"

#include "proto/os.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 1, FULL = 256 * 1024 /* bytes that wait */ };

int link_init(struct link *link, os_fd fd) {
    memset(link, 0, sizeof *link);
    int error = channel_scratch_init(&link->scratch);
    if (error) {
        os_close(fd);
        return error;
    }
    channel_init(&link->channel, (struct transport){fd}, &link->scratch, FRAME_LONG_MAX);
    return 0;
}

void link_deinit(struct link *link) {
    if (!link->channel.scratch)
        return;
    if (link->begun)
        (void)channel_rest(&link->channel);
    channel_deinit(&link->channel, channel_drop_fd, &link->channel);
    transport_close(link->channel.transport);
    channel_scratch_deinit(&link->scratch);
    memset(link, 0, sizeof *link);
}

os_fd link_pollable(const struct link *link) { return transport_pollable(link->channel.transport); }

void link_free_word(Word *word) { portd__upgrade__v1__word__free_unpacked(word, NULL); }

/* 0 or -ETIMEDOUT. */
static int await(const struct link *link, short events, int most_ms) {
    struct pollfd question = {.fd = link_pollable(link), .events = events};
    int64_t left = (link->deadline - os_now_us() + 999) / 1000;
    if (left <= 0)
        return -ETIMEDOUT;
    (void)poll(&question, 1, left < most_ms ? (int)left : most_ms); /* the caller tries again */
    return 0;
}

static bool is_passing(int error) {
    return error == -EAGAIN || error == -EBUSY || error == -ETOOMANYREFS || error == -ENOBUFS ||
           error == -EMFILE || error == -ENFILE;
}

int link_flush(struct link *link) {
    int error = channel_flush(&link->channel);
    while ((!error && channel_pending(&link->channel)) || is_passing(error)) {
        int late = await(link, POLLOUT, is_passing(error) ? RETRY_MS : 1000);
        if (late)
            return late;
        error = channel_flush(&link->channel);
    }
    return error;
}

static int send_fds(struct link *link, const uint8_t *body, size_t length, const os_fd *fds, size_t n_fds) {
    int error = link_flush(link);
    while (!error && is_passing(error = channel_put_fds(&link->channel, body, length, fds, n_fds))) {
        error = await(link, POLLOUT, RETRY_MS);
        if (!error)
            error = link_flush(link);
    }
    return error;
}

int link_send(struct link *link, const Word *word, const os_fd *fds, size_t n_fds) {
    size_t length = portd__upgrade__v1__word__get_packed_size(word);
    int error = -ENOMEM;
    if (length > FRAME_LONG_MAX)
        return -EMSGSIZE;
    uint8_t *body = n_fds ? malloc(length) : channel_put(&link->channel, length);
    if (!body)
        return -ENOMEM;
    (void)portd__upgrade__v1__word__pack(word, body);
    if (!n_fds)
        return channel_pending(&link->channel) > FULL ? link_flush(link) : channel_flush(&link->channel);
    error = send_fds(link, body, length, fds, n_fds);
    free(body);
    return error;
}

/* 1: a frame; 0: none yet; or a negative errno. */
static int next(struct link *link, struct channel_frame *frame) {
    int result;
    if (!link->begun) {
        result = channel_fill(&link->channel, channel_drop_fd, &link->channel);
        if (result != 1)
            return result == CHANNEL_E_END ? -EPIPE : result;
        link->begun = true;
    }
    result = channel_next(&link->channel, frame);
    if (result == 0) {
        link->begun = false;
        return channel_rest(&link->channel);
    }
    return result == 1 ? 1 : -EPROTO;
}

int link_receive(struct link *link, Word **word, struct channel_frame *frame) {
    int result = 0;
    while ((result = next(link, frame)) == 0) {
        int late = await(link, POLLIN, 1000);
        if (late)
            return late;
    }
    if (result < 0)
        return result;
    *word = frame->mismatch ? NULL : portd__upgrade__v1__word__unpack(NULL, frame->length, frame->body);
    if (*word)
        return 0;
    for (size_t i = 0; i < frame->n_fds; i++)
        os_close(frame->fds[i]);
    return frame->mismatch ? -EPROTO : -ENOMEM;
}
