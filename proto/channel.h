/* channel.h: frames in and out of one connection, each with its descriptors.
 *
 * Reading: channel_fill reads once, channel_next cuts frames until it returns 0, channel_rest ends the round. The bytes of a round are in a
 * buffer that all channels of a thread share (struct channel_scratch); only bytes left over at channel_rest are copied to the channel's own
 * memory, so an idle channel owns no buffer. The caller must end each round with channel_rest before it fills another channel of the same
 * scratch. A round may stop in the middle: whole frames left over are cut later, and nothing is read before that. A descriptor belongs to
 * the last frame that begins in the read that brought it (PROTOCOL.md section 3).
 *
 * Writing: channel_put makes room for a body after those that wait, channel_flush sends as much as the peer accepts. channel_put_fds sends a
 * frame with descriptors, in a system call of its own.
 *
 * Invariants: at most two sets of received descriptors are pending (but after channel_restore, while there are whole frames), and each set is passed on with a frame or closed. While a frame with
 * descriptors waits to be sent, nothing after it is sent. */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "frame.h"
#include "memory.h"
#include "transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHANNEL_E_END = 2,      /* the peer has closed */
    CHANNEL_E_PROTOCOL = 3, /* a bad header: close the connection; channel->fault says why */
};

struct channel_fds {
    uint64_t offset; /* stream offset of the first byte of the frame they belong to */
    size_t n;
    bool truncated;
    uint8_t refused; /* by channel_refuse_fds: why; 0: not */
    os_fd fds[FRAME_FDS_ROOM];
};

/* Room for two of the longest frames: a partial frame left over, and a read after it. */
enum { CHANNEL_SCRATCH_IN = 2 * (FRAME_HEADER + FRAME_LONG_MAX) };

struct channel_scratch {
    const struct memory *memory; /* for all its channels */
    uint8_t *in;                 /* CHANNEL_SCRATCH_IN bytes */
    struct channel_fds sets[2];
    struct channel *user; /* whose round it is */
    uint8_t *spare;       /* a buffer for sending, lent to the first channel that needs one; NULL: lent */
    size_t spare_capacity;
};

typedef transport_discard channel_discard;

struct channel {
    struct transport transport; /* borrowed */
    struct channel_scratch *scratch;
    size_t max;   /* longest body that may be received, bytes */
    size_t most;  /* most bytes per read; 0: as many as there is room for */
    size_t piece; /* most bytes of one send; 0: no limit */
    bool bare;    /* no descriptors are expected: the kernel closes those that come nevertheless */
    bool brought; /* by the last channel_fill that has read: descriptors */
    bool sleep;   /* channel_fill sleeps in its read (transport_recv) */
    channel_discard *discard; /* takes copies, and descriptors that the channel drops; NULL: os_close */
    void *discard_context;
    /* private to channel.c: */
    const struct frame_layout *layout; /* of its headers; NULL: portd's own (frame.h) */
    size_t header;                     /* their size */
    uint64_t offset;                   /* stream offset of the first byte not yet cut */
    void *own; /* memory of what was left over; NULL: nothing, or during a round that has read */
    size_t own_size;
    uint8_t *in; /* from begin to end: bytes not cut yet, in own memory or in the scratch */
    size_t begin, end;
    struct channel_fds *sets; /* the descriptors of these frames, in own memory or in the scratch */
    size_t n_sets;
    uint8_t *out;
    size_t out_begin, out_end, out_capacity;
    size_t out_last;   /* size of the frame that channel_trim can change; 0: none */
    size_t out_fds_at; /* bytes before the waiting frame with descriptors; SIZE_MAX: none waits */
    os_fd *out_fds;    /* copies, the channel's own */
    size_t out_fds_n;
    size_t passed;      /* descriptors sent to the peer; the owner of the channel may reset it to 0 */
    size_t sent, sends; /* bytes sent to the peer, and calls that sent them; as passed */
    const char *fault;
};

struct channel_frame {
    const uint8_t *body; /* valid until the next call on this channel */
    size_t length;
    bool mismatch;             /* not as many descriptors as the header says, or some were lost */
    uint8_t refused;           /* not 0: its descriptors were closed by channel_refuse_fds, for that reason */
    size_t n_fds;              /* descriptors received, also in a mismatch */
    os_fd fds[FRAME_FDS_ROOM]; /* the caller owns them */
};

/* 0 or -ENOMEM. memory is borrowed; NULL: malloc. */
int channel_scratch_init_in(struct channel_scratch *scratch, const struct memory *memory);
static inline int channel_scratch_init(struct channel_scratch *scratch) {
    return channel_scratch_init_in(scratch, NULL);
}
void channel_scratch_deinit(struct channel_scratch *scratch); /* after all its channels */

void channel_init(struct channel *channel, struct transport transport, struct channel_scratch *scratch,
                  size_t max);

/* Before anything is received or sent: its headers have that layout, and no body is longer than max. */
static inline void channel_speak(struct channel *channel, const struct frame_layout *layout, size_t max) {
    channel->layout = layout;
    channel->header = layout->size;
    channel->max = max;
}

/* Frees memory; `discard` takes the descriptors still pending (received or to be sent). */
void channel_deinit(struct channel *channel, channel_discard *discard, void *context);

/* Reads once, unless a complete frame is left over. 1: there are bytes, and a round has begun; 0: none now;
 * CHANNEL_E_END; or a negative errno. If not 1, nothing has changed and no round has begun. `discard` takes descriptors that belong to no
 * frame; channel_next then reports the frame in which they came as a mismatch. */
int channel_fill(struct channel *channel, channel_discard *discard, void *context);

/* 1 and *frame; 0: no complete frame left; CHANNEL_E_PROTOCOL. */
int channel_next(struct channel *channel, struct channel_frame *frame);

/* The next frame, as far as it was received: its body is from *at to *end. Returns the length in its header; 0: the header is incomplete. */
size_t channel_peek(const struct channel *channel, const uint8_t **at, const uint8_t **end);

/* Ends the round. 0, or -ENOMEM: bytes were lost, so the channel can only be closed. */
int channel_rest(struct channel *channel);

/* Bytes and descriptors that the channel keeps between rounds, for quotas. */
size_t channel_memory(const struct channel *channel);
size_t channel_bytes(const struct channel *channel); /* without unused room */
void channel_fit(struct channel *channel);           /* shrinks the buffer to its content, if memory allows */
size_t channel_fds_held(const struct channel *channel);

/* What a channel keeps between rounds, for one of the same connection in another process. All is borrowed. */
struct channel_parts {
    const uint8_t *received; /* bytes not cut yet */
    size_t n_received;
    const struct channel_fds *sets; /* in order; their offsets are of these bytes */
    size_t n_sets;
    const uint8_t *sending;
    size_t n_sending;
    const os_fd *fds; /* of the frame that begins in these bytes */
    size_t n_fds;
    size_t fds_at; /* where; SIZE_MAX: there is none */
};

/* channel_move.c: tells what there is, but for `sets`, whose offsets are of the stream, from channel->offset on. */
void channel_tell(const struct channel *channel, struct channel_parts *parts);

/* Gives that to a new channel, which takes the descriptors unless it fails. 0 or -ENOMEM. */
int channel_restore(struct channel *channel, const struct channel_parts *parts);

/* For channel.c. The context of channel_drop_fd, a channel_discard, is the channel, whose own `discard` takes the descriptor. */
void channel_drop_fd(void *context, os_fd fd);
void channel_fds_discard(const struct channel *channel, channel_discard *discard, void *context);

/* The channel's `discard` takes all received descriptors. channel_next tells why (not 0) of the frames that they belong to. */
void channel_refuse_fds(struct channel *channel, uint8_t why);

/* Makes close-on-exec copies; *made, which is 0 before, counts them as they are made. 0, or a negative errno: the rest was not made. A number that is not
 * open is -EBADF, although one of the copies may have got it. */
int channel_copy_fds(os_fd *copies, const os_fd *fds, size_t n, size_t *made);

/* Whether fn is true for one of the received descriptors. */
bool channel_any_fd(const struct channel *channel, bool (*fn)(void *context, os_fd fd), void *context);

/* Whether received bytes were left over. */
static inline bool channel_has_bytes(const struct channel *channel) { return channel->begin != channel->end; }

/* For channel_has_frame, if there are bytes. */
bool channel_begins_frame(const struct channel *channel);

/* Whether a complete frame (or a bad header) was left over. A round with the bytes left over needs no channel_fill. */
static inline bool channel_has_frame(const struct channel *channel) {
    return channel_has_bytes(channel) && channel_begins_frame(channel);
}

/* Appends a frame with room for a body of that length, header written; the caller fills it. NULL: no memory, nothing changed. */
uint8_t *channel_put(struct channel *channel, size_t length);

/* Shortens the body of the last channel_put; length 0 removes the frame. */
void channel_trim(struct channel *channel, size_t length);

/* Appends a frame with descriptors (1 to FRAME_FDS_MAX, borrowed), and sends what waits and this frame; keeps what cannot be sent, with copies
 * of the descriptors. 0; -EBUSY: another such frame waits; or another negative errno: the frame was not added. */
int channel_put_fds(struct channel *channel, const uint8_t *body, size_t length, const os_fd *fds,
                    size_t n_fds);

/* Sends what waits. 0 (channel_pending says what is left), or a negative errno: the connection is lost. */
int channel_flush(struct channel *channel);

/* Removes the frame with descriptors that channel_flush could not send, which must be the first, and not begun (transport_has_begun). Later frames stay. */
void channel_skip_fds(struct channel *channel);

/* Bytes that wait to be sent. */
static inline size_t channel_pending(const struct channel *channel) {
    return channel->out_end - channel->out_begin;
}

#endif
