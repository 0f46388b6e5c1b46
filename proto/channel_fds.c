/* channel_fds.c: memory and descriptors that a channel keeps between turns. */
#include "channel.h"

#include <errno.h>
#include <string.h>

size_t channel_memory(const struct channel *channel) {
    return channel->own_size + channel->out_capacity + channel->out_fds_n * sizeof(*channel->out_fds);
}

size_t channel_bytes(const struct channel *channel) {
    return channel_memory(channel) - channel->out_capacity + channel->out_end - channel->out_begin;
}

void channel_fit(struct channel *channel) {
    size_t pending = channel->out_end - channel->out_begin;
    uint8_t *exact =
        pending > 0 && pending < channel->out_capacity ? memory_get(channel->scratch->memory, pending) : NULL;

    if (!exact)
        return;
    memcpy(exact, channel->out + channel->out_begin, pending);
    memory_free(channel->scratch->memory, channel->out);
    channel->out = exact;
    channel->out_begin = 0;
    channel->out_end = channel->out_capacity = pending;
}

size_t channel_fds_held(const struct channel *channel) {
    size_t n = channel->out_fds_n;

    for (size_t i = 0; i < channel->n_sets; i++)
        n += channel->sets[i].n;
    return n;
}

static bool is_among(os_fd fd, const os_fd *fds, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (fds[i] == fd)
            return true;
    return false;
}

int channel_copy_fds(os_fd *copies, const os_fd *fds, size_t n, size_t *made) {
    for (; *made < n; ++*made) {
        if (is_among(fds[*made], copies, *made))
            return -EBADF;
        copies[*made] = os_dup(fds[*made]);
        if (copies[*made] == OS_FD_NONE)
            return -errno;
    }
    return 0;
}

bool channel_any_fd(const struct channel *channel, bool (*fn)(void *context, os_fd fd), void *context) {
    for (size_t i = 0; i < channel->n_sets; i++)
        for (size_t k = 0; k < channel->sets[i].n; k++)
            if (fn(context, channel->sets[i].fds[k]))
                return true;
    return false;
}

void channel_drop_fd(void *context, os_fd fd) {
    const struct channel *channel = context;

    if (channel->discard)
        channel->discard(channel->discard_context, fd);
    else
        os_close(fd);
}

void channel_fds_discard(const struct channel *channel, channel_discard *discard, void *context) {
    for (size_t i = 0; i < channel->n_sets; i++)
        for (size_t k = 0; k < channel->sets[i].n; k++)
            discard(context, channel->sets[i].fds[k]);
}

void channel_refuse_fds(struct channel *channel, uint8_t why) {
    channel_fds_discard(channel, channel_drop_fd, channel);
    for (size_t i = 0; i < channel->n_sets; i++) {
        channel->sets[i].n = 0;
        channel->sets[i].refused = why;
    }
}
