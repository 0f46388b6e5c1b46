/* fuzz_frame.c: a channel between a sender that does what the input says and a reader that pauses when the input says.
 *
 * The input is a script. Each step is one byte, its parameters follow; what is missing at the end counts as 0:
 *
 *     0 n len bytes...  send len bytes as they are, with n descriptors
 *     1 n len           send a whole frame that claims the n descriptors it has
 *     2 n claim len     send a whole frame that claims something else
 *     3                 read, cut everything
 *     4 k               read, cut at most k frames
 *     5 k               cut at most k of the frames left over
 *     6                 read with a nearly full table of descriptors, cut everything
 *
 * n and claim go through a table of interesting counts; the length of a frame is 16 * len + 1. Everything sent is kept, and
 * the frames that come out are compared with it:
 *
 *  - no frame is lost, added or changed, and the connection ends at the first bad header and nowhere else;
 *  - descriptors of a frame come from one call of the sender, and that call's bytes touch the frame;
 *  - a frame sent whole, at a frame's place, with what it claims is never a mismatch, whatever came before it;
 *  - a frame that is no mismatch has as many descriptors as it claims;
 *  - in the end each descriptor that was sent has been handed out or discarded (unless the table was full), and none is
 *    open any more. */
#define _GNU_SOURCE

#include "proto/channel.h"
#include "tests/support/on_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CALLS_MAX = 512, STREAM_MAX = 1 << 20, PIPES = 4 };

#define require(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* One sendmsg. */
struct call {
    size_t begin, end; /* in the stream */
    size_t n_fds;
    bool honest; /* exactly one frame, with the descriptors that it claims */
};

struct run {
    const uint8_t *script, *script_end;
    int near, far;
    int pipes[PIPES][2];
    ino_t inodes[PIPES]; /* call i attaches copies of pipe i % PIPES */
    struct channel_scratch scratch;
    struct channel channel;
    struct call calls[CALLS_MAX];
    size_t n_calls;
    size_t sent;     /* bytes in the stream */
    size_t boundary; /* where the first frame begins that is not sent completely */
    size_t received; /* bytes of frames cut */
    size_t fds_sent, fds_seen;
    bool lost_fds;
    bool ended; /* the reader has met a bad header */
};

static uint8_t stream[STREAM_MAX];

static uint8_t script_next(struct run *run) { return run->script < run->script_end ? *run->script++ : 0; }

static size_t script_count(struct run *run) {
    static const size_t counts[] = {0, 1, 2, 3, 17, FRAME_FDS_MAX, FRAME_FDS_ROOM, 5};

    return counts[script_next(run) % (sizeof(counts) / sizeof(counts[0]))];
}

/* Moves the boundary over the frames that are complete; it stays for ever at a bad header. */
static void stream_advance(struct run *run) {
    while (run->sent - run->boundary >= FRAME_HEADER) {
        struct frame_header header = frame_decode(stream + run->boundary);
        if (frame_check(header, FRAME_REQUEST_MAX) ||
            run->sent - run->boundary - FRAME_HEADER < header.length)
            return;
        run->boundary += FRAME_HEADER + header.length;
    }
}

/* Sends what stands at the end of the stream. */
static void far_send(struct run *run, size_t size, size_t n_fds, bool honest) {
    struct call *call = &run->calls[run->n_calls];
    os_fd fds[FRAME_FDS_ROOM];

    for (size_t i = 0; i < n_fds; i++)
        fds[i] = run->pipes[run->n_calls % PIPES][1];
    ptrdiff_t sent = on_socket_send(run->far, stream + run->sent, size, fds, n_fds);
    if (sent <= 0) {
        require(sent == -EAGAIN || sent == -ETOOMANYREFS || size == 0);
        return;
    }
    call->begin = run->sent;
    call->end = run->sent + (size_t)sent;
    call->n_fds = n_fds;
    call->honest = honest && run->boundary == run->sent && (size_t)sent == size;
    run->sent = call->end;
    run->fds_sent += n_fds;
    run->n_calls++;
    stream_advance(run);
}

static bool far_room(const struct run *run, size_t size) {
    return run->n_calls < CALLS_MAX && size <= STREAM_MAX - run->sent;
}

static void send_raw(struct run *run) {
    size_t n_fds = script_count(run);
    size_t size = script_next(run);

    if (!far_room(run, size))
        return;
    for (size_t i = 0; i < size; i++)
        stream[run->sent + i] = script_next(run);
    far_send(run, size, n_fds, false);
}

static void send_frame(struct run *run, bool honest) {
    size_t n_fds = script_count(run);
    size_t claim = honest ? n_fds : script_count(run);
    size_t length = 1 + 16 * (size_t)script_next(run); /* up to 4081 */

    if (!far_room(run, FRAME_HEADER + length))
        return;
    frame_encode(stream + run->sent, (struct frame_header){(uint32_t)length, (uint16_t)claim, 0});
    memset(stream + run->sent + FRAME_HEADER, (int)(run->n_calls & 0xFF), length);
    far_send(run, FRAME_HEADER + length, n_fds, claim <= FRAME_FDS_MAX && n_fds == claim);
}

static void see_fd(void *context, os_fd fd) {
    struct run *run = context;

    run->fds_seen++;
    os_close(fd);
}

static size_t pipe_of(const struct run *run, os_fd fd) {
    struct stat status;
    size_t i = 0;

    require(fstat(fd, &status) == 0);
    while (i < PIPES && run->inodes[i] != status.st_ino)
        i++;
    require(i < PIPES);
    return i;
}

/* The descriptors of the frame at [begin, end) come from one call whose bytes touch it. */
static void check_origin(const struct run *run, const struct channel_frame *frame, size_t begin, size_t end) {
    size_t from = pipe_of(run, frame->fds[0]);
    bool found = false;

    require(pipe_of(run, frame->fds[frame->n_fds - 1]) == from);
    for (size_t i = from; i < run->n_calls && !found; i += PIPES) {
        const struct call *call = &run->calls[i];
        found = call->begin < end && call->end > begin &&
                (call->n_fds == frame->n_fds || (run->lost_fds && call->n_fds > frame->n_fds));
    }
    require(found);
}

static void check_honest(const struct run *run, const struct channel_frame *frame, size_t begin) {
    for (size_t i = 0; i < run->n_calls; i++) {
        const struct call *call = &run->calls[i];
        if (call->begin != begin || !call->honest)
            continue;
        require(!frame->mismatch);
        require(frame->n_fds == call->n_fds);
        for (size_t k = 0; k < frame->n_fds; k++)
            require(pipe_of(run, frame->fds[k]) == i % PIPES);
    }
}

static void see_frame(struct run *run, struct channel_frame *frame) {
    size_t begin = run->received;
    size_t end = begin + FRAME_HEADER + frame->length;

    require(end <= run->boundary);
    struct frame_header header = frame_decode(stream + begin);
    require(header.length == frame->length);
    require(memcmp(frame->body, stream + begin + FRAME_HEADER, frame->length) == 0);
    require(frame->mismatch || frame->n_fds == header.n_fds);
    if (frame->n_fds > 0)
        check_origin(run, frame, begin, end);
    check_honest(run, frame, begin);
    for (size_t i = 0; i < frame->n_fds; i++)
        see_fd(run, frame->fds[i]);
    run->received = end;
}

static void cut(struct run *run, size_t most) {
    struct channel_frame frame;
    int r = 0;

    while (most-- > 0 && (r = channel_next(&run->channel, &frame)) == 1)
        see_frame(run, &frame);
    require(r == 0 || r == 1 || r == CHANNEL_E_PROTOCOL);
    if (r == CHANNEL_E_PROTOCOL) {
        require(run->received == run->boundary);
        require(frame_check(frame_decode(stream + run->boundary), FRAME_REQUEST_MAX));
        run->ended = true;
    }
    require(channel_rest(&run->channel) == 0);
    require(run->scratch.user == NULL);
}

static int fill(struct run *run) {
    int r = channel_fill(&run->channel, see_fd, run);

    require(r == 0 || r == 1);
    return r;
}

/* What was honest may now lose its descriptors on the way. */
static void fill_tight(struct run *run) {
    struct rlimit before, tight;
    int next = dup(run->far);

    require(next >= 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
    os_close(next);
    tight = before;
    tight.rlim_cur = (rlim_t)next + 1;
    require(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    (void)fill(run);
    require(setrlimit(RLIMIT_NOFILE, &before) == 0);
    run->lost_fds = true;
    for (size_t i = 0; i < run->n_calls; i++)
        run->calls[i].honest = false;
}

static void step(struct run *run) {
    switch (script_next(run) % 7) {
    case 0:
        send_raw(run);
        break;
    case 1:
        send_frame(run, true);
        break;
    case 2:
        send_frame(run, false);
        break;
    case 3:
        (void)fill(run);
        cut(run, SIZE_MAX);
        break;
    case 4:
        (void)fill(run);
        cut(run, script_next(run));
        break;
    case 5: /* the frames that are left over, without reading */
        cut(run, script_next(run));
        break;
    default:
        fill_tight(run);
        cut(run, SIZE_MAX);
        break;
    }
}

static void run_open(struct run *run) {
    int pair[2];

    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    run->near = pair[0];
    run->far = pair[1];
    for (size_t i = 0; i < PIPES; i++) {
        struct stat status;
        require(pipe2(run->pipes[i], O_CLOEXEC) == 0 && fstat(run->pipes[i][0], &status) == 0);
        run->inodes[i] = status.st_ino;
    }
    require(channel_scratch_init(&run->scratch) == 0);
    channel_init(&run->channel, on_socket(run->near), &run->scratch, FRAME_REQUEST_MAX);
}

/* A pipe whose writing end is open nowhere, not even in a queue, has hung up. */
static void run_close(struct run *run) {
    channel_deinit(&run->channel, see_fd, run);
    channel_scratch_deinit(&run->scratch);
    os_close(run->near);
    os_close(run->far);
    for (size_t i = 0; i < PIPES; i++) {
        struct pollfd reader = {.fd = run->pipes[i][0], .events = POLLIN};
        os_close(run->pipes[i][1]);
        require(poll(&reader, 1, 0) == 1 && (reader.revents & POLLHUP));
        os_close(run->pipes[i][0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct run run;

    memset(&run, 0, sizeof(run));
    run.script = data;
    run.script_end = data + size;
    run_open(&run);
    while (run.script < run.script_end && !run.ended)
        step(&run);
    while (!run.ended && fill(&run) == 1)
        cut(&run, SIZE_MAX);
    if (!run.ended) {
        require(channel_rest(&run.channel) == 0);
        require(run.received == run.boundary);
        require(run.fds_seen + channel_fds_held(&run.channel) == run.fds_sent || run.lost_fds);
    }
    run_close(&run);
    return 0;
}
