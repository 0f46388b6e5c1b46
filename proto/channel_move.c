/* channel_move.c: a channel whose connection goes on in another process. */
#include "channel.h"

#include <errno.h>
#include <string.h>

void channel_tell(const struct channel *channel, struct channel_parts *parts) {
    *parts = (struct channel_parts){
        .received = channel->in ? channel->in + channel->begin : NULL,
        .n_received = channel->end - channel->begin,
        .sets = channel->sets,
        .n_sets = channel->n_sets,
        .sending = channel->out ? channel->out + channel->out_begin : NULL,
        .n_sending = channel_pending(channel),
        .fds = channel->out_fds,
        .n_fds = channel->out_fds_n,
        .fds_at = channel->out_fds_at,
    };
}

/* As own_keep in channel.c: the sets, then the bytes. */
static void put_received(struct channel *channel, const struct channel_parts *parts, void *own, size_t size) {
    struct channel_fds *sets = own;

    if (parts->n_sets > 0)
        memcpy(sets, parts->sets, parts->n_sets * sizeof(*sets));
    memcpy(sets + parts->n_sets, parts->received, parts->n_received);
    channel->own = channel->sets = sets;
    channel->own_size = size;
    channel->n_sets = parts->n_sets;
    channel->in = (uint8_t *)(sets + parts->n_sets);
    channel->begin = channel->offset = 0;
    channel->end = parts->n_received;
}

static void put_sending(struct channel *channel, const struct channel_parts *parts, uint8_t *out,
                        os_fd *fds) {
    memcpy(out, parts->sending, parts->n_sending);
    channel->out = out;
    channel->out_begin = 0;
    channel->out_end = channel->out_capacity = parts->n_sending;
    if (!fds)
        return;
    memcpy(fds, parts->fds, parts->n_fds * sizeof(*fds));
    channel->out_fds = fds;
    channel->out_fds_n = parts->n_fds;
    channel->out_fds_at = parts->fds_at;
}

int channel_restore(struct channel *channel, const struct channel_parts *parts) {
    const struct memory *memory = channel->scratch->memory;
    size_t size = parts->n_sets * sizeof(*parts->sets) + parts->n_received;
    void *own = parts->n_received > 0 ? memory_get(memory, size) : NULL;
    uint8_t *out = parts->n_sending > 0 ? memory_get(memory, parts->n_sending) : NULL;
    os_fd *fds = parts->fds_at != SIZE_MAX ? memory_get(memory, parts->n_fds * sizeof(*parts->fds)) : NULL;

    if ((parts->n_received > 0 && !own) || (parts->n_sending > 0 && !out) ||
        (parts->fds_at != SIZE_MAX && !fds)) {
        memory_free(memory, own);
        memory_free(memory, out);
        memory_free(memory, fds);
        return -ENOMEM;
    }
    if (own)
        put_received(channel, parts, own, size);
    if (out)
        put_sending(channel, parts, out, fds);
    return 0;
}
