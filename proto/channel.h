/* channel.h: frames in and out of one connection, each with its descriptors.
 *
 * Reading: channel_fill does one read, channel_next cuts frames until it answers 0, channel_rest ends the
 * round. The bytes of a round lie in a buffer that all channels of a thread share (struct channel_scratch);
 * only what is left over at channel_rest is copied to the channel's own memory, so an idle channel owns no
 * buffer. Every channel_fill and every run of channel_next is closed by channel_rest before another channel
 * of the same scratch is filled. A round may stop in the middle: whole frames that are left over are cut
 * later where they lie, and nothing is read before they are gone. Which frame a descriptor belongs to is
 * PROTOCOL.md section 3: the last frame that begins in the read that brought it.
 *
 * Writing: channel_put makes room for a body behind what waits already, channel_flush sends as much as the
 * other end takes. A frame with descriptors goes through channel_put_fds, which sends it in a call of its
 * own.
 *
 * Invariants: at most two sets of received descriptors are pending, and each is handed out with a frame or
 * closed. While a frame with descriptors waits to be sent, nothing is sent before it is complete. */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "frame.h"
#include "memory.h"
#include "transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHANNEL_E_END = 2,      /* the other end has closed */
    CHANNEL_E_PROTOCOL = 3, /* the header ends the connection; channel->fault says why */
};

struct channel_fds {
    uint64_t offset; /* stream offset of the first byte of the frame they belong to */
    size_t n;
    bool truncated;
    os_fd fds[FRAME_FDS_ROOM];
};

/* Two of the longest frames: half a frame that was left over, and a read behind it. */
enum { CHANNEL_SCRATCH_IN = 2 * (FRAME_HEADER + FRAME_LONG_MAX) };

struct channel_scratch {
    const struct memory *memory; /* of all its channels */
    uint8_t *in;                 /* FRAME_HEADER + FRAME_LONG_MAX twice over */
    struct channel_fds sets[2];
    struct channel *user; /* whose round it is */
    uint8_t *spare;       /* a buffer for sending, lent to the first channel that needs one; NULL: lent */
    size_t spare_capacity;
};

/* Takes a descriptor that belongs to nobody: to close it, now or where that may block. */
typedef void channel_discard(void *context, os_fd fd);

struct channel {
    struct transport transport; /* borrowed */
    struct channel_scratch *scratch;
    size_t max;  /* most bytes of a body that may come in */
    size_t most; /* most bytes of one read; 0: as many as there is room for */
    bool bare;   /* no descriptors are expected: what comes all the same is closed by the system */
    bool sleep;  /* channel_fill sleeps in its read, as transport_recv says */
    channel_discard
        *discard; /* for copies and descriptors that the channel itself has to get rid of; NULL: os_close */
    void *discard_context;
    /* private to channel.c: */
    uint64_t offset; /* stream offset of the first byte not yet cut */
    void *own;       /* memory of what was left over; NULL: nothing, or a round that read is on */
    size_t own_size;
    uint8_t *in; /* begin to end are the bytes not yet cut: in own memory, else in the scratch */
    size_t begin, end;
    struct channel_fds *sets; /* the descriptors that came with them, likewise */
    size_t n_sets;
    uint8_t *out;
    size_t out_begin, out_end, out_capacity;
    size_t out_last;   /* size of the frame that channel_trim can change */
    size_t out_fds_at; /* bytes before the frame with descriptors that waits; SIZE_MAX: none waits */
    os_fd *out_fds;    /* own copies */
    size_t out_fds_n;
    size_t
        passed; /* descriptors that the other end has been sent; the owner of the channel may set it to 0 */
    const char *fault;
};

struct channel_frame {
    const uint8_t *body; /* valid until the next call on this channel */
    size_t length;
    bool mismatch; /* descriptors: not as many as the header said, or some were lost; then n_fds of them came
                      all the same */
    size_t n_fds;
    os_fd fds[FRAME_FDS_ROOM]; /* the caller's, all of them */
};

/* 0 or -ENOMEM. memory is borrowed, NULL for malloc. */
int channel_scratch_init_in(struct channel_scratch *scratch, const struct memory *memory);
static inline int channel_scratch_init(struct channel_scratch *scratch) {
    return channel_scratch_init_in(scratch, NULL);
}
void channel_scratch_deinit(struct channel_scratch *scratch); /* after all its channels */

void channel_init(struct channel *channel, struct transport transport, struct channel_scratch *scratch,
                  size_t max);

/* Frees memory; the descriptors still pending (received or to be sent) go to `discard`, which owns them then.
 */
void channel_deinit(struct channel *channel, channel_discard *discard, void *context);

/* Reads once (not at all if a complete frame is left over: then as channel_resume). 1: bytes came, and the round of what was
 * left over and of them begins; 0: none now; CHANNEL_E_END; negative errno. Unless it is 1 nothing has changed and no round
 * has begun. Descriptors that belong to no frame go to discard, and the frame they came in the middle of is handed out as
 * a mismatch. */
int channel_fill(struct channel *channel, channel_discard *discard, void *context);

/* Begins a round with what was left over without reading. Then as channel_fill with 1. */
void channel_resume(struct channel *channel);

/* 1 and *frame; 0: no complete frame left; CHANNEL_E_PROTOCOL. */
int channel_next(struct channel *channel, struct channel_frame *frame);

/* The frame that comes next, as far as it is here: its bytes from *at to *end. Returns the length that its header says; 0: not even that
 * has come. */
size_t channel_peek(const struct channel *channel, const uint8_t **at, const uint8_t **end);

/* Ends the round. 0, or -ENOMEM: the channel has lost bytes and can only be closed. */
int channel_rest(struct channel *channel);

/* Bytes and descriptors that the channel keeps between rounds, for accounts. */
size_t channel_memory(const struct channel *channel);
size_t channel_bytes(const struct channel *channel); /* the same without room that is not used */
void channel_fit(struct channel *channel); /* gives back room that is not used, if there is memory for that */
size_t channel_fds_held(const struct channel *channel);

/* Whether fn is true of one of those that were received. */
bool channel_any_fd(const struct channel *channel, bool (*fn)(os_fd fd));

/* For channel_has_frame: of bytes that there are. */
bool channel_begins_frame(const struct channel *channel);

/* A complete frame was left over: channel_resume would find it. */
static inline bool channel_has_frame(const struct channel *channel) {
    return channel->begin != channel->end && channel_begins_frame(channel);
}

/* Room for a body of that length behind what waits, header written. NULL: no memory, nothing changed. */
uint8_t *channel_put(struct channel *channel, size_t length);

/* Takes back the last channel_put, whose body came out shorter or was given up (length 0 takes the frame
 * away). */
void channel_trim(struct channel *channel, size_t length);

/* A whole frame with descriptors (1 to FRAME_FDS_MAX, borrowed). Sends at once what waits and then this; what
 * does not go out is kept, with copies of the descriptors. 0; -EBUSY: another such frame waits; or a negative
 * errno, nothing changed. */
int channel_put_fds(struct channel *channel, const uint8_t *body, size_t length, const os_fd *fds,
                    size_t n_fds);

/* Sends what waits. 0 (look at channel_pending), or a negative errno: the connection is lost. */
int channel_flush(struct channel *channel);

/* Takes back the frame with descriptors that channel_flush could not send; there is one. What waits behind it stays. */
void channel_skip_fds(struct channel *channel);

/* Bytes that wait to be sent. */
size_t channel_pending(const struct channel *channel);

#endif
