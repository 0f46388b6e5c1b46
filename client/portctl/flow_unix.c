/* flow_unix.c: copying bytes from one descriptor to another on Unix.
 *
 * If one of the two is a pipe, the kernel moves the pages (splice) where it can; else bytes are read and written. Nothing is read before
 * there is room to write some of it. Status flags are never changed, since other programs share them: so a write can block
 * beyond the deadline, and after a signal that ends portctl. A timer that signals repeatedly interrupts it (stop_unix.c).
 *
 * A failed splice does not say which of the two descriptors failed. An error of a socket is told once, so the next read would find a proper end: it
 * is that of the one that is no pipe. Only an error that says that the two cannot be spliced makes the flow read and write.
 *
 * Sockets that keep packets apart are not spliced: a packet is read into memory, whole.
 */
#define _GNU_SOURCE
#include "flow.h"

#include "native.h"
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPLICE_MOST = 1 << 20, LOOK_US = 1000 * 1000 };

static void (*pipe_action)(int); /* of SIGPIPE, before */

void flow_begin(int64_t deadline, portd_client *client) {
    pipe_action = signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ,
                 SIG_IGN); /* the size limit of files is an error, EFBIG: what is lost must be told */
    stop_begin(deadline, client);
}

bool flow_dies_by_signal(void) {
    sigset_t blocked;

    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    return pipe_action == SIG_DFL && sigismember(&blocked, SIGPIPE) == 0;
}

void flow_end(void) { (void)signal(SIGPIPE, pipe_action); }

void flow_end_by_signal(void) {
    if (!flow_dies_by_signal())
        return;
    flow_end();
    (void)raise(SIGPIPE);
}

void flow_set_packets(struct flow *flow) {
    flow->packets = packet_is_kept(flow->from);
    flow->sends = flow->to >= 0 && packet_is_kept(flow->to);
    flow->copies = flow->packets || flow->sends;
}

/* FLOW_DONE: it is not yet time to end. */
static enum flow_end time_end(int64_t deadline) {
    if (stop_asked() != 0)
        return FLOW_STOPPED;
    return deadline != PORTD_FOREVER && portd_now() >= deadline ? FLOW_LATE : FLOW_DONE;
}

/* The timeout for poll. */
static int time_left(int64_t deadline) { return stop_asked() != 0 ? 0 : native_time_left(deadline); }

static bool is_time_to_look(struct flow *flow) {
    int64_t now = flow->looks ? portd_now() : 0;

    if (!flow->looks || now - flow->looked < LOOK_US)
        return false;
    flow->looked = now;
    return true;
}

/* Waits until `from` is readable, or a read fails at once: FLOW_DONE. */
static enum flow_end wait_readable(struct flow *flow) {
    struct pollfd polls[2] = {{(int)flow->from, POLLIN, 0}, {(int)flow->watch, POLLIN, 0}};

    for (;;) {
        int n = poll(polls, 2, time_left(flow->deadline));
        enum flow_end end;

        if (n < 0 && errno != EINTR)
            return FLOW_READ_ERROR;
        if (n > 0 && polls[0].revents != 0)
            return time_end(flow->deadline) == FLOW_DONE && is_time_to_look(flow) ? FLOW_LOOK : FLOW_DONE;
        if (n > 0 && stop_asked() == 0)
            return FLOW_LOOK;
        end = time_end(flow->deadline);
        if (end != FLOW_DONE)
            return end;
    }
}

static enum flow_end wait_writable(const struct flow *flow) {
    struct pollfd poll_to = {(int)flow->to, POLLOUT, 0};

    for (;;) {
        int n = poll(&poll_to, 1, time_left(flow->deadline));
        enum flow_end end;

        if (n < 0 && errno != EINTR)
            return FLOW_WRITE_ERROR;
        if (n > 0)
            return FLOW_DONE;
        end = time_end(flow->deadline);
        if (end != FLOW_DONE)
            return end;
    }
}

static bool is_passing(int error) { return error == EINTR || error == EAGAIN || error == EWOULDBLOCK; }

/* As read. Where a look finds no bytes but an error, which can be one that stays until another program has taken it, it waits as read does. */
static ssize_t read_packet(struct flow *flow) {
    struct pollfd look = {(int)flow->from, POLLIN, 0};
    int n = packet_take(&flow->packet, flow->from, false);

    if (n < 0 && errno == EAGAIN && poll(&look, 1, 0) > 0 && look.revents == POLLERR)
        n = packet_take(&flow->packet, flow->from, true);
    flow->cut = n > 0 ? flow->packet.cut : 0;
    return n;
}

enum flow_end flow_read(struct flow *flow, void *chunk, const void **bytes, size_t *count) {
    *count = 0;
    *bytes = chunk;
    for (;;) {
        enum flow_end end = wait_readable(flow);
        ssize_t n;

        if (end != FLOW_DONE)
            return end;
        n = flow->packets ? read_packet(flow) : read((int)flow->from, chunk, FLOW_CHUNK);
        if (n > 0) {
            *bytes = flow->packets ? flow->packet.bytes : chunk;
            *count = flow->packets ? flow->packet.count : (size_t)n;
            return FLOW_DONE;
        }
        if (n == 0)
            return FLOW_FILE_END;
        if (!is_passing(errno))
            return FLOW_READ_ERROR;
    }
}

/* Writes until everything is written or a write fails; *count is how much was. */
static enum flow_end write_all(const struct flow *flow, const char *at, size_t size, size_t *written) {
    for (*written = 0; *written < size;) {
        ssize_t n = write((int)flow->to, at + *written, size - *written);
        bool full = n < 0 && errno != EINTR;
        enum flow_end end;

        if (n > 0) {
            *written += (size_t)n;
            continue;
        }
        if (n < 0 && !is_passing(errno))
            return FLOW_WRITE_ERROR;
        end = time_end(flow->deadline);
        if (end == FLOW_DONE && full)
            end = wait_writable(flow);
        if (end != FLOW_DONE)
            return end;
    }
    return FLOW_DONE;
}

/* The same of one packet, which is sent whole or not at all. */
static enum flow_end send_packet(const struct flow *flow, const void *bytes, size_t size, size_t *written) {
    *written = 0;
    while (!packet_send(flow->to, bytes, size)) {
        enum flow_end end = is_passing(errno) ? time_end(flow->deadline) : FLOW_WRITE_ERROR;

        if (end == FLOW_DONE)
            end = wait_writable(flow);
        if (end != FLOW_DONE)
            return end;
    }
    *written = size;
    return FLOW_DONE;
}

static bool gives(const struct flow *flow) { return flow->give != NULL && flow->pass == NULL; }

void flow_lose(struct flow *flow, size_t size) {
    int error = errno;

    flow->count -= size;
    flow->lost = size;
    if (size > 0 && flow->returns && lseek((int)flow->from, -(off_t)size, SEEK_CUR) >= 0)
        flow->lost = 0;
    errno = error;
}

enum flow_end flow_write(struct flow *flow, const void *bytes, size_t size) {
    size_t written;
    enum flow_end end = gives(flow)   ? flow->give(flow, bytes, size, &written)
                        : flow->sends ? send_packet(flow, bytes, size, &written)
                                      : write_all(flow, bytes, size, &written);

    flow->count += size;
    flow_lose(flow, size - written);
    return end;
}

static enum flow_end move_by_copy(struct flow *flow) {
    alignas(FLOW_ALIGNMENT) char chunk[FLOW_CHUNK];
    const void *bytes;
    size_t count;
    enum flow_end end = gives(flow) ? FLOW_DONE : wait_writable(flow);

    if (end == FLOW_DONE)
        end = flow_read(flow, chunk, &bytes, &count);
    if (end == FLOW_DONE)
        end = flow_write(flow, bytes, count);
    return end == FLOW_DONE && flow->cut > 0 ? FLOW_CUT : end;
}

static bool is_pipe(portd_native number) {
    struct stat status;

    return fstat((int)number, &status) == 0 && S_ISFIFO(status.st_mode);
}

static bool has_lost_reader(portd_native pipe) {
    struct pollfd writes = {(int)pipe, POLLOUT, 0};

    return poll(&writes, 1, 0) > 0 && (writes.revents & POLLERR) != 0;
}

/* Whether splice says that it cannot be used here; nothing was taken, not even an error. */
static bool cannot_splice(int error) {
    return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EBADF || error == EPERM ||
           error == ESPIPE || error == EXDEV;
}

/* After a failed splice. A pipe fails for want of a reader alone. */
static enum flow_end end_splice(struct flow *flow) {
    int error = errno;
    bool from_pipe = is_pipe(flow->from), to_pipe = is_pipe(flow->to);
    bool broken = error == EPIPE && (!to_pipe || from_pipe || has_lost_reader(flow->to));

    errno = error;
    if (broken)
        return FLOW_WRITE_ERROR;
    if (!cannot_splice(error) && from_pipe != to_pipe)
        return to_pipe ? FLOW_READ_ERROR : FLOW_WRITE_ERROR;
    flow->copies = true;
    return FLOW_DONE;
}

static enum flow_end move_by_splice(struct flow *flow) {
    enum flow_end end = wait_readable(flow);
    int64_t n;

    if (end != FLOW_DONE)
        return end;
    n = native_splice(flow->from, flow->to, SPLICE_MOST);
    if (n > 0)
        flow->count += (uint64_t)n;
    if (n == 0)
        return FLOW_FILE_END;
    if (n > 0 || errno == EINTR)
        return FLOW_DONE;
    if (is_passing(errno))
        return wait_writable(flow);
    return end_splice(flow);
}

enum flow_end flow_run(struct flow *flow) {
    for (;;) {
        enum flow_end end = flow->copies || gives(flow) ? move_by_copy(flow) : move_by_splice(flow);

        if (end == FLOW_DONE && flow->pass != NULL)
            end = flow->pass(flow);
        if (end != FLOW_DONE || (flow->most > 0 && flow->count >= flow->most))
            return end;
        end = time_end(flow->deadline);
        if (end != FLOW_DONE)
            return end;
    }
}

/* ---- a second flow ------------------------------------------------------------------------------------- */

struct beside {
    struct flow flow;
    int told; /* the writing end of a pipe, for the result */
};

struct result {
    enum flow_end end;
    int error;
    uint64_t count;
    size_t lost, cut;
};

/* Shuts `to` down for writing. A socket that is no longer connected needs none. */
static enum flow_end tell_end(struct flow *flow) {
    size_t none;

    if (flow->give != NULL)
        return flow->give(flow, NULL, 0, &none) == FLOW_DONE ? FLOW_FILE_END : FLOW_REFUSED;
    return shutdown((int)flow->to, SHUT_WR) == 0 || errno == ENOTCONN ? FLOW_FILE_END : FLOW_WRITE_ERROR;
}

static bool is_failure(enum flow_end end) {
    return end == FLOW_READ_ERROR || end == FLOW_WRITE_ERROR || end == FLOW_REFUSED || end == FLOW_CUT;
}

static void *run_beside(void *data) {
    struct beside *beside = data;
    struct flow *flow = &beside->flow;
    struct result result = {.end = flow_run(flow)};

    if (result.end == FLOW_FILE_END && flow->shuts)
        result.end = tell_end(flow);
    result.error = errno;
    result.count = flow->count;
    result.lost = flow->lost;
    result.cut = flow->cut;
    /* Less than PIPE_BUF into an empty pipe: it is written whole. If it fails, the reader sees end of file. */
    while (write(beside->told, &result, sizeof(result)) < 0 && errno == EINTR)
        continue;
    close(beside->told);
    if (is_failure(result.end))
        stop_after(flow->fails);
    packet_free(&flow->packet);
    free(beside);
    return NULL;
}

/* Signals are blocked in the second thread: the timer's must interrupt the first one, and a pipe without a reader fails
 * with EPIPE. */
static int start_thread(struct beside *beside) {
    sigset_t all, before;
    pthread_t thread;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, NULL, run_beside, beside);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    return error;
}

/* A pipe without a writer is at its end. */
bool flow_bell(portd_native ends[2]) { return native_small_pipe(ends); }

void flow_ring(portd_native end) { native_close(end); }

int flow_start(const struct flow *flow, portd_native *done) {
    struct beside *beside = malloc(sizeof(*beside));
    portd_native ends[2];
    int error;

    if (beside == NULL)
        return ENOMEM;
    if (!native_small_pipe(ends)) {
        error = errno;
        free(beside);
        return error;
    }
    *beside = (struct beside){*flow, (int)ends[1]};
    error = start_thread(beside);
    if (error != 0) {
        native_close(ends[0]);
        native_close(ends[1]);
        free(beside);
        return error;
    }
    *done = ends[0];
    return 0;
}

enum flow_end flow_await(portd_native done, int64_t deadline) {
    struct flow wait = {.from = done, .watch = -1, .deadline = deadline};

    return wait_readable(&wait);
}

bool flow_finish(portd_native done, int64_t deadline, enum flow_end *end, struct flow *flow) {
    struct pollfd ended = {(int)done, POLLIN, 0};
    struct result result;
    bool learnt;
    int n;

    while ((n = poll(&ended, 1, native_time_left(deadline))) < 0 && errno == EINTR)
        continue;
    learnt = n != 0 && read((int)done, &result, sizeof(result)) == (ssize_t)sizeof(result);
    if (!learnt)
        result = (struct result){.end = FLOW_READ_ERROR, .error = EIO};
    close((int)done);
    flow->count = result.count;
    flow->lost = result.lost;
    flow->cut = result.cut;
    *end = result.end;
    errno = result.error;
    return learnt;
}
