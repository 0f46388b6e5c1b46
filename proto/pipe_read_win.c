/* pipe_read_win.c: messages from the other end.
 *
 * The standing read is one of a head, whose buffer is a part of the end: so an end that waits needs no other memory. It completes when a
 * message has come; what else the message has is read then, as it is wanted. What a client names is taken out of it (taking_win.h) before the first
 * bytes are read, which may have to wait for that. */
#include "pipe_end_win.h"

#include "caller_win.h"
#include "pipe_win.h"
#include "taking_win.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <winternl.h>

enum {
    READ_REST = 4 * MESSAGE_BYTES,
    MERGE_MOST = 32 /* messages: each costs calls of the system, however short it is */
};

void pipe_read_begin(struct pipe_end *end) {
    end->ended = 0;
    memset(&end->read, 0, sizeof(end->read));
    end->read.hEvent = pipe_work_event(end);
    if (ReadFile(end->pipe, &end->in, sizeof(end->in), NULL, &end->read))
        return;
    DWORD error = GetLastError();
    if (error != ERROR_IO_PENDING && error != ERROR_MORE_DATA)
        end->ended = error;
}

bool pipe_read_is_due(const struct pipe_end *end) {
    if (end->taking)
        return taking_is_over(end->taking);
    return end->left > 0 || end->ended || pipe_work_is_over(&end->read);
}

/* Reads the next `size` bytes of the message in progress; more: whether it has others behind them. 0 or a negative errno. It does not wait: the
 * system tells of a message only when it is there as a whole. */
static int read_part(struct pipe_end *end, void *to, size_t size, bool more) {
    OVERLAPPED work = {.hEvent = pipe_work_event(end)};
    DWORD n = 0, error = ERROR_SUCCESS;

    if (!ReadFile(end->pipe, to, (DWORD)size, NULL, &work))
        error = GetLastError();
    if (error == ERROR_IO_PENDING)
        error = pipe_work_cancel(end, &work, &n);
    else if (error == ERROR_SUCCESS || error == ERROR_MORE_DATA)
        error = pipe_work_error(end, &work, &n);
    if (error != ERROR_SUCCESS && error != ERROR_MORE_DATA)
        return pipe_errno(error);
    return n == size && more == (error == ERROR_MORE_DATA) ? 0 : -EPROTO;
}

/* A head has come. 1: it begins a message; 0: the other end is closed; or a negative errno; -EAGAIN: none has come. */
static int read_head(struct pipe_end *end) {
    DWORD n = 0;

    if (!pipe_read_is_due(end))
        return -EAGAIN;
    DWORD error = end->ended ? end->ended : pipe_work_error(end, &end->read, &n);
    if (error == ERROR_OPERATION_ABORTED) { /* the thread that began it has ended */
        pipe_read_begin(end);
        return -EAGAIN;
    }
    if (error != ERROR_MORE_DATA) { /* a message has more than its head */
        int r = error == ERROR_SUCCESS ? -EPROTO : pipe_errno(error);
        return r == -EPIPE ? 0 : r;
    }
    if (n != sizeof(end->in) || message_check(&end->in) < 0 || (end->server && end->in.taken != 0))
        return -EPROTO;
    if (end->server && !end->proved) {
        int r = end->process ? caller_prove(end->pipe, end->process) : -EPERM;
        if (r < 0)
            return r;
        end->proved = true;
    }
    return 1;
}

/* Whether the client has closed its end. */
static bool has_left(const struct pipe_end *end) {
    enum { CONNECTED = 3 };
    FILE_PIPE_LOCAL_INFORMATION pipe;
    IO_STATUS_BLOCK status;

    return NtQueryInformationFile(end->pipe, &status, &pipe, sizeof(pipe), FilePipeLocalInformation) < 0 ||
           pipe.NamedPipeState != CONNECTED;
}

/* Of a client's message. wanted: else nothing is taken, nor if the client had left when it was: it may have closed what it named and have
 * opened something else, which has that value now. 0 or a negative errno. */
static int read_values(struct pipe_end *end, bool wanted) {
    uint64_t values[MESSAGE_VALUES_MOST];
    int r = read_part(end, values, end->in.n * sizeof(*values), true);

    if (r < 0)
        return r;
    if (wanted) {
        end->taking = taking_begin(end->gives ? end->process : NULL, values, end->in.n, end->event);
        if (end->taking && has_left(end)) {
            taking_leave(end->taking);
            end->taking = taking_begin(NULL, values, end->in.n, end->event);
        }
        if (!end->taking)
            return -ENOMEM;
    }
    end->taken++;
    return 0;
}

/* Of the broker's message: the descriptors are here already. fds NULL: they are closed. 0 or a negative errno. */
static int read_descriptors(struct pipe_end *end, os_fd *fds, size_t *n_fds, bool *truncated) {
    struct winsock_passed *sockets = NULL;
    uint64_t values[MESSAGE_VALUES_MOST];
    int r = read_part(end, values, end->in.n * sizeof(*values), true);
    bool known = r == 0;
    size_t n_sockets = known ? message_sockets(values, end->in.n) : 0, next = 0;

    if (n_sockets > 0) {
        sockets = malloc(n_sockets * sizeof(*sockets));
        r = sockets ? read_part(end, sockets, n_sockets * sizeof(*sockets), true) : -ENOMEM;
    }
    for (size_t i = 0; i < end->in.n && r == 0; i++) {
        os_fd fd = (os_fd)(uintptr_t)values[i];
        if (values[i] == MESSAGE_SOCKET && winsock_open(&sockets[next++], &fd) < 0)
            *truncated = true;
        else if (fds)
            fds[(*n_fds)++] = fd;
        else
            os_close(fd);
    }
    if (r < 0 && known) /* they are in this process all the same */
        for (size_t i = 0; i < end->in.n; i++)
            if (values[i] != MESSAGE_SOCKET)
                os_close((os_fd)(uintptr_t)values[i]);
    free(sockets);
    return r;
}

/* Begins a message. 1, or as read_head. */
static int read_first(struct pipe_end *end, os_fd *fds, size_t *n_fds, bool *truncated) {
    int r = read_head(end);

    if (r != 1)
        return r;
    end->left = end->in.size;
    if (end->in.n > 0)
        r = end->server ? read_values(end, fds != NULL) : read_descriptors(end, fds, n_fds, truncated);
    if (r < 0)
        return r;
    if (!end->server) {
        end->taken = end->in.taken;
        pipe_write_redeem(end);
    }
    return 1;
}

static ptrdiff_t read_some(struct pipe_end *end, void *bytes, size_t size, os_fd *fds, size_t *n_fds,
                           bool *truncated) {
    int r = end->left == 0 ? read_first(end, fds, n_fds, truncated) : 1;

    if (r != 1)
        return r;
    if (end->taking && !taking_is_over(end->taking))
        return -EAGAIN;
    if (size > end->left)
        size = end->left;
    r = read_part(end, bytes, size, size < end->left);
    if (r < 0)
        return r;
    if (end->taking && fds)
        *n_fds = taking_end(end->taking, fds, truncated);
    else
        taking_leave(end->taking);
    end->taking = NULL;
    end->left -= size;
    if (end->left == 0)
        pipe_read_begin(end);
    return (ptrdiff_t)size;
}

void pipe_read_free(struct pipe_end *end) {
    taking_leave(end->taking);
    end->taking = NULL;
}

/* Whether a message without descriptors has come, whose first bytes can be returned with those before it. */
static bool follows(struct pipe_end *end) {
    DWORD n = 0;

    return end->left == 0 && !end->ended && pipe_work_is_over(&end->read) &&
           pipe_work_error(end, &end->read, &n) == ERROR_MORE_DATA && n == sizeof(end->in) && end->in.n == 0;
}

/* Several messages are one read, as they are of a stream: up to one that brings descriptors. What is left keeps the end's event set. */
ptrdiff_t pipe_read(struct pipe_end *end, void *bytes, size_t size, os_fd *fds, size_t *n_fds,
                    bool *truncated) {
    size_t sum = 0, n = 0;
    ptrdiff_t got;

    if (end->fault < 0) {
        got = end->fault;
        end->fault = 0;
        return got;
    }
    do {
        got = read_some(end, (uint8_t *)bytes + sum, size - sum, fds, n_fds, truncated);
        sum += got > 0 ? (size_t)got : 0;
    } while (got > 0 && ++n < MERGE_MOST && sum < size && *n_fds == 0 && !*truncated && follows(end));
    if (got <= 0 && got != -EAGAIN) {
        pipe_read_free(end);
        while (*n_fds > 0) /* a client's, from a broker that does not keep to the rules */
            os_close(fds[--*n_fds]);
        end->ended = ERROR_BROKEN_PIPE;
        end->left = 0;
        end->fault = sum > 0 ? (int)got : 0; /* for the next read */
    }
    return sum > 0 ? (ptrdiff_t)sum : got;
}

/* A broker that goes on sending is not read for ever. */
void pipe_read_rest(struct pipe_end *end) {
    uint8_t bytes[4096];
    ptrdiff_t got = 1;

    for (size_t sum = 0; got > 0 && sum<READ_REST; sum += got> 0 ? (size_t)got : 0) {
        size_t n_fds = 0;
        bool truncated = false;
        got = pipe_read(end, bytes, sizeof(bytes), NULL, &n_fds, &truncated);
    }
}
