/* channel.c: bytes and descriptors of one connection, cut into frames.
 *
 * Received bytes are usually not copied: a read fills the scratch buffer, the caller gets whole frames in place, and nothing is left over at
 * the end of the round. A partial frame at the end, or whole ones after a pause, are copied to the channel's own memory; whole ones are cut
 * there later.
 *
 * A read that brings descriptors fills one set, with the stream offset of the frame that they belong to. A read happens only when no whole
 * frame is left, so at most one set is pending before it (that of the frame in progress) and at most two after it. Finding the frame takes a
 * walk over the headers received; reads without descriptors skip it.
 *
 * Bytes to be sent are in one buffer that grows by doubling. The first frame takes it from the scratch (or allocates it), and the channel
 * returns it once all bytes are sent, so request and reply allocate nothing and an idle channel owns nothing. */
#include "channel.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
    OUT_FIRST = 4096,
    SPARE_MAX = 4 * FRAME_DATA_MAX /* a larger buffer is not kept for the next channel */
};

void channel_init(struct channel *channel, struct transport transport, struct channel_scratch *scratch,
                  size_t max) {
    assert(max <= FRAME_LONG_MAX);
    memset(channel, 0, sizeof(*channel));
    channel->transport = transport;
    channel->scratch = scratch;
    channel->max = max;
    channel->header = FRAME_HEADER;
    channel->out_fds_at = SIZE_MAX;
}

static void set_copy(struct channel_fds *to, const struct channel_fds *from) {
    to->offset = from->offset;
    to->n = from->n;
    to->truncated = from->truncated;
    to->refused = from->refused;
    memcpy(to->fds, from->fds, from->n * sizeof(*from->fds));
}

static void own_free(struct channel *channel) {
    memory_free(channel->scratch->memory, channel->own);
    channel->own = NULL;
    channel->own_size = channel->begin = channel->end = channel->n_sets = 0;
}

/* Copies bytes and sets left over to the scratch, in front of the bytes just read. */
static void scratch_take(struct channel *channel) {
    struct channel_scratch *scratch = channel->scratch;
    size_t size = channel->end - channel->begin, n_sets = channel->n_sets;

    if (channel->own) {
        memcpy(scratch->in, channel->in + channel->begin, size);
        for (size_t i = 0; i < n_sets; i++)
            set_copy(&scratch->sets[i], &channel->sets[i]);
        own_free(channel);
    }
    scratch->user = channel;
    channel->in = scratch->in;
    channel->end = size;
    channel->sets = scratch->sets;
    channel->n_sets = n_sets;
}

/* Index of the last frame that begins at or after `from`; SIZE_MAX: none. */
static size_t frame_last(const struct channel *channel, size_t from) {
    size_t last = SIZE_MAX;
    size_t at = channel->begin;

    while (at < channel->end) {
        if (at >= from)
            last = at;
        if (channel->end - at < channel->header)
            break;
        struct frame_header header = frame_decode_by(channel->layout, channel->in + at);
        if (frame_check(header, channel->max))
            break;
        at += channel->header + header.length;
    }
    return last;
}

/* Marks the frame in progress a mismatch: descriptors came, or were lost, in its middle. */
static void set_spoil(struct channel *channel) {
    struct channel_fds *set = &channel->sets[0];

    if (channel->n_sets == 0) {
        channel->n_sets = 1;
        set->offset = channel->offset;
        set->n = 0;
        set->refused = 0;
    }
    set->truncated = true;
}

/* Finds the frame that owns the set just read; the read began at index `from`. */
static void set_place(struct channel *channel, size_t from, channel_discard *discard, void *context) {
    struct channel_fds *set = &channel->sets[channel->n_sets];
    size_t owner = frame_last(channel, from);

    if (owner == SIZE_MAX) {
        for (size_t i = 0; i < set->n; i++)
            discard(context, set->fds[i]);
        set_spoil(channel);
        return;
    }
    set->offset = channel->offset + (owner - channel->begin);
    set->refused = 0;
    channel->n_sets++;
}

int channel_fill(struct channel *channel, channel_discard *discard, void *context) {
    struct channel_scratch *scratch = channel->scratch;
    struct channel_fds *set = &scratch->sets[channel->n_sets];
    size_t size = channel->end - channel->begin;

    if (channel_has_frame(channel))
        return 1;
    assert(!scratch->user || scratch->user == channel);
    assert(channel->n_sets < 2);
    if (!channel->own) {
        if (size > 0)
            memmove(scratch->in, channel->in + channel->begin, size);
        channel->begin = 0;
        channel->end = size;
    }
    size_t room = CHANNEL_SCRATCH_IN - size;
    if (channel->most && channel->most < room)
        room = channel->most;
    struct transport_fds fds = {
        .fds = set->fds, .room = FRAME_FDS_ROOM, .discard = discard, .context = context};
    ptrdiff_t got = transport_recv(channel->transport, scratch->in + size, room, channel->bare ? NULL : &fds,
                                   channel->sleep);
    if (got <= 0)
        return got == 0 ? CHANNEL_E_END : got == -EAGAIN ? 0 : (int)got;
    scratch_take(channel);
    channel->end += (size_t)got;
    channel->brought = fds.n > 0 || fds.truncated;
    set->n = fds.n;
    set->truncated = fds.truncated;
    if (channel->brought)
        set_place(channel, size, discard, context);
    return 1;
}

/* Whether the header of the frame in progress is complete; decodes it. */
static inline __attribute__((always_inline)) bool frame_begins(const struct channel *channel,
                                                               struct frame_header *header) {
    if (channel->end - channel->begin < channel->header)
        return false;
    *header = frame_decode_by(channel->layout, channel->in + channel->begin);
    return true;
}

size_t channel_peek(const struct channel *channel, const uint8_t **at, const uint8_t **end) {
    struct frame_header header;

    *at = *end = NULL;
    if (!frame_begins(channel, &header))
        return 0;
    *at = channel->in + channel->begin + channel->header;
    *end = channel->in + channel->end;
    return header.length;
}

bool channel_begins_frame(const struct channel *channel) {
    struct frame_header header;

    if (!frame_begins(channel, &header))
        return false;
    return frame_check(header, channel->max) ||
           channel->end - channel->begin - channel->header >= header.length;
}

/* Moves the descriptors of the frame in progress to *frame. */
static void set_hand_out(struct channel *channel, struct channel_frame *frame) {
    struct channel_fds *set = channel->sets;

    frame->n_fds = 0;
    frame->mismatch = false;
    frame->refused = 0;
    if (channel->n_sets == 0 || set->offset != channel->offset)
        return;
    frame->n_fds = set->n;
    frame->mismatch = set->truncated;
    frame->refused = set->refused;
    memcpy(frame->fds, set->fds, set->n * sizeof(*set->fds));
    channel->n_sets--;
    for (size_t i = 0; i < channel->n_sets; i++)
        set_copy(&set[i], &set[i + 1]);
}

int channel_next(struct channel *channel, struct channel_frame *frame) {
    struct frame_header header;

    if (!frame_begins(channel, &header))
        return 0;
    channel->fault = frame_check(header, channel->max);
    if (channel->fault)
        return CHANNEL_E_PROTOCOL;
    if (channel->end - channel->begin - channel->header < header.length)
        return 0;
    frame->body = channel->in + channel->begin + channel->header;
    frame->length = header.length;
    set_hand_out(channel, frame);
    if (frame->n_fds != header.n_fds)
        frame->mismatch = true;
    channel->begin += channel->header + header.length;
    channel->offset += channel->header + header.length;
    return 1;
}

/* Copies what is left over, in the scratch or in own memory, to own memory of its size: the sets, then the bytes. */
static int own_keep(struct channel *channel) {
    size_t size = channel->end - channel->begin;
    size_t own_size = channel->n_sets * sizeof(*channel->sets) + size;
    struct channel_fds *own = memory_get(channel->scratch->memory, own_size);

    if (!own)
        return -ENOMEM;
    for (size_t i = 0; i < channel->n_sets; i++)
        set_copy(&own[i], &channel->sets[i]);
    memcpy(own + channel->n_sets, channel->in + channel->begin, size);
    channel->own = channel->sets = own;
    channel->own_size = own_size;
    channel->in = (uint8_t *)(own + channel->n_sets);
    channel->begin = 0;
    channel->end = size;
    return 0;
}

/* If memory allows. */
static void own_shrink(struct channel *channel) {
    void *before = channel->own;

    if (own_keep(channel) == 0)
        memory_free(channel->scratch->memory, before);
}

int channel_rest(struct channel *channel) {
    int r = 0;

    if (channel->begin == channel->end) { /* no sets either: each belongs to a frame not cut yet */
        own_free(channel);
    } else if (!channel->own && (r = own_keep(channel)) < 0) {
        channel_fds_discard(channel, channel_drop_fd, channel);
        own_free(channel);
    } else if (channel->begin > channel->own_size / 2) {
        own_shrink(channel);
    }
    if (channel->scratch->user == channel)
        channel->scratch->user = NULL;
    return r;
}

/* Returns the empty buffer; the scratch keeps the larger one of two. */
static void out_return(struct channel *channel) {
    struct channel_scratch *scratch = channel->scratch;
    uint8_t *surplus = channel->out;

    if (channel->out_capacity > scratch->spare_capacity && channel->out_capacity <= SPARE_MAX) {
        surplus = scratch->spare;
        scratch->spare = channel->out;
        scratch->spare_capacity = channel->out_capacity;
    }
    memory_free(scratch->memory, surplus);
    channel->out = NULL;
    channel->out_begin = channel->out_end = channel->out_capacity = channel->out_last = 0;
}

static void out_borrow(struct channel *channel) {
    struct channel_scratch *scratch = channel->scratch;

    channel->out = scratch->spare;
    channel->out_capacity = scratch->spare_capacity;
    scratch->spare = NULL;
    scratch->spare_capacity = 0;
}

static int out_grow(struct channel *channel, size_t size) {
    size_t pending = channel_pending(channel);
    size_t capacity = channel->out_capacity > 0 ? channel->out_capacity : OUT_FIRST;

    if (size > SIZE_MAX / 4)
        return -ENOMEM;
    while (capacity < size || capacity == channel->out_capacity)
        capacity *= 2;
    uint8_t *larger = memory_get(channel->scratch->memory, capacity);
    if (!larger)
        return -ENOMEM;
    if (pending > 0)
        memcpy(larger, channel->out + channel->out_begin, pending);
    memory_free(channel->scratch->memory, channel->out);
    channel->out = larger;
    channel->out_capacity = capacity;
    return 0;
}

/* Makes room for `more` bytes after those that wait. */
static int out_reserve(struct channel *channel, size_t more) {
    size_t pending = channel_pending(channel);

    if (!channel->out)
        out_borrow(channel);
    if (channel->out_capacity - channel->out_end >= more)
        return 0;
    /* Move the bytes to the front only if that frees at least half of the buffer, not each time a few were sent. */
    if (pending <= channel->out_capacity / 2 && more <= channel->out_capacity - pending) {
        memmove(channel->out, channel->out + channel->out_begin, pending);
    } else if (out_grow(channel, pending + more) < 0) {
        if (pending == 0)
            out_return(channel);
        return -ENOMEM;
    }
    channel->out_begin = 0;
    channel->out_end = pending;
    return 0;
}

uint8_t *channel_put(struct channel *channel, size_t length) {
    if (length > FRAME_LONG_MAX || out_reserve(channel, channel->header + length) < 0)
        return NULL;
    uint8_t *at = channel->out + channel->out_end;
    frame_encode_by(channel->layout, at, (struct frame_header){.length = (uint32_t)length});
    channel->out_last = channel->header + length;
    channel->out_end += channel->out_last;
    return at + channel->header;
}

void channel_trim(struct channel *channel, size_t length) {
    assert(channel->header + length <= channel->out_last);
    size_t begin = channel->out_end - channel->out_last;
    channel->out_last = length > 0 ? channel->header + length : 0;
    channel->out_end = begin + channel->out_last;
    if (length > 0)
        frame_encode_by(channel->layout, channel->out + begin,
                        (struct frame_header){.length = (uint32_t)length});
    else if (channel_pending(channel) == 0)
        out_return(channel);
}

static void out_sent(struct channel *channel, size_t n, size_t sends) {
    channel->sent += sends * n;
    channel->sends += sends;
    channel->out_begin += n;
    channel->out_last = 0;
    if (channel->out_fds_at != SIZE_MAX)
        channel->out_fds_at -= n;
    if (channel_pending(channel) == 0)
        out_return(channel);
}

static void out_fds_forget(struct channel *channel, channel_discard *discard, void *context) {
    for (size_t i = 0; i < channel->out_fds_n; i++)
        discard(context, channel->out_fds[i]);
    memory_free(channel->scratch->memory, channel->out_fds);
    channel->out_fds = NULL;
    channel->out_fds_n = 0;
    channel->out_fds_at = SIZE_MAX;
}

/* Sends only the first frame, with descriptors. Returns the bytes sent, or a negative errno. */
static ptrdiff_t out_send_fds(struct channel *channel, const os_fd *fds, size_t n_fds) {
    const uint8_t *at = channel->out + channel->out_begin;

    return transport_send(channel->transport, at,
                          channel->header + frame_decode_by(channel->layout, at).length, fds, n_fds);
}

int channel_flush(struct channel *channel) {
    while (channel_pending(channel) > 0) {
        bool bare = channel->out_fds_at > 0;
        size_t size = bare && channel->out_fds_at < SIZE_MAX ? channel->out_fds_at : channel_pending(channel);
        if (channel->piece && size > channel->piece)
            size = channel->piece;
        ptrdiff_t sent =
            bare ? transport_send(channel->transport, channel->out + channel->out_begin, size, NULL, 0)
                 : out_send_fds(channel, channel->out_fds, channel->out_fds_n);
        if (sent < 0)
            return sent == -EAGAIN ? 0 : (int)sent;
        if (!bare) { /* the copies are sent */
            channel->passed += channel->out_fds_n;
            out_fds_forget(channel, channel_drop_fd, channel);
        }
        out_sent(channel, (size_t)sent, 1);
        if (bare && (size_t)sent < size)
            return 0; /* the peer's queue is full: saves a call that would return EAGAIN */
    }
    return 0;
}

void channel_skip_fds(struct channel *channel) {
    assert(channel->out_fds_at == 0 && !transport_has_begun(channel->transport));
    out_fds_forget(channel, channel_drop_fd, channel);
    out_sent(channel,
             channel->header + frame_decode_by(channel->layout, channel->out + channel->out_begin).length, 0);
}

static int out_fds_keep(struct channel *channel, const os_fd *fds, size_t n_fds) {
    channel->out_fds = memory_get(channel->scratch->memory, n_fds * sizeof(*fds));
    if (!channel->out_fds)
        return -ENOMEM;
    int r = channel_copy_fds(channel->out_fds, fds, n_fds, &channel->out_fds_n);
    if (r < 0)
        out_fds_forget(channel, channel_drop_fd, channel);
    return r;
}

int channel_put_fds(struct channel *channel, const uint8_t *body, size_t length, const os_fd *fds,
                    size_t n_fds) {
    if (length == 0 || length > FRAME_LONG_MAX || n_fds == 0 || n_fds > FRAME_FDS_MAX)
        return -EINVAL;
    int r = channel_flush(channel);
    if (r < 0)
        return r;
    if (channel->out_fds_at != SIZE_MAX)
        return -EBUSY;
    uint8_t *room = channel_put(channel, length);
    if (!room)
        return -ENOMEM;
    memcpy(room, body, length);
    frame_encode_by(channel->layout, room - channel->header,
                    (struct frame_header){.length = (uint32_t)length, .n_fds = (uint16_t)n_fds});
    size_t before = channel_pending(channel) - channel->header - length;
    ptrdiff_t sent = before == 0 ? out_send_fds(channel, fds, n_fds) : -EAGAIN;
    if (sent > 0) {
        channel->passed += n_fds;
        out_sent(channel, (size_t)sent, 1);
        return 0;
    }
    r = sent == -EAGAIN ? out_fds_keep(channel, fds, n_fds) : (int)sent;
    if (r < 0) {
        channel_trim(channel, 0);
        return r;
    }
    channel->out_fds_at = before;
    channel->out_last = 0;
    return 0;
}

void channel_deinit(struct channel *channel, channel_discard *discard, void *context) {
    channel_fds_discard(channel, discard, context);
    own_free(channel);
    out_fds_forget(channel, discard, context);
    out_return(channel);
    if (channel->scratch->user == channel)
        channel->scratch->user = NULL;
}
