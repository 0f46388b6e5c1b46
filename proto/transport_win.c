/* transport_win.c: a named pipe in message mode, whose messages begin with a head and with what stands for descriptors (message_win.h).
 *
 * A connection is an end (pipe_end_win.h): a standing read, at most one write in flight, and an event, which is what its owner polls.
 * It is signalled while there is something to receive, or a write in flight has completed. On the server's side it is clear while a
 * write is in flight that was asked for again: what can be received would else wake an owner, again and again, that does not receive before it
 * has sent. The end of the write sets it, and so does a receive that leaves something.
 *
 * The server knows the process of its client (caller_win.h) and returns nothing of it before the process and the pipe have the same token.
 *
 * listen_win.c makes the servers' ends. */
#include "transport.h"

#include "caller_win.h"
#include "pipe_end_win.h"
#include "pipe_win.h"
#include "server_win.h"

#include <errno.h>
#include <stdlib.h>

static struct pipe_end *of(struct transport transport) { return transport.end; }

/* Sets the event to what it means; input: with what can be received. What completes after the look sets it. */
static void settle(struct pipe_end *end, bool input) {
    (void)ResetEvent(end->event);
    if (pipe_write_is_due(end) || (input && pipe_read_is_due(end)))
        (void)SetEvent(end->event);
}

/* ---- moving ------------------------------------------------------------------------------------------------------- */

ptrdiff_t transport_send(struct transport transport, const void *bytes, size_t size, const os_fd *fds,
                         size_t n_fds) {
    struct pipe_end *end = of(transport);

    if (transport_is_none(transport))
        return -EBADF;
    if (n_fds > MESSAGE_VALUES_MOST || size == 0)
        return -EINVAL;
    if (end->shut)
        return -EPIPE;
    ptrdiff_t sent = pipe_write(end, bytes, size, fds, n_fds);
    settle(end, !end->server || !end->flight);
    return sent;
}

ptrdiff_t transport_recv(struct transport transport, void *bytes, size_t size, struct transport_fds *fds,
                         bool sleep) {
    struct transport_fds none = {.fds = NULL}, *found = fds ? fds : &none;
    struct pipe_end *end = of(transport);

    (void)sleep;
    found->n = 0;
    found->truncated = false;
    if (transport_is_none(transport))
        return -EBADF;
    if (end->shut)
        return 0;
    ptrdiff_t got = pipe_read(end, bytes, size, found->fds, &found->n, &found->truncated);
    settle(end, true);
    return got;
}

bool transport_has_begun(struct transport transport) {
    return !transport_is_none(transport) && of(transport)->flight;
}

/* A read that sleeps would save a call only. */
int transport_sleep_begin(struct transport transport) {
    (void)transport;
    return -EOPNOTSUPP;
}

int transport_sleep_limit(struct transport transport, int64_t us) {
    (void)transport;
    (void)us;
    return -EOPNOTSUPP;
}

/* ---- making and ending -------------------------------------------------------------------------------------------- */

static int end_new(HANDLE pipe, bool server, struct pipe_end **made) {
    struct pipe_end *end = calloc(1, sizeof(*end));

    if (!end)
        return -ENOMEM;
    end->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!end->event) {
        int r = pipe_errno_now();
        free(end);
        return r;
    }
    end->pipe = pipe;
    end->server = server;
    end->ended = ERROR_BROKEN_PIPE; /* nothing has begun */
    end->last_pledge = &end->pledges;
    *made = end;
    return 0;
}

/* Ends all operations. closes: the pipe, too; else it is the caller's. */
static void end_free(struct pipe_end *end, bool closes) {
    DWORD n;

    if (closes && !end->server)
        pipe_read_rest(end);
    if (!end->ended && end->left == 0)
        (void)pipe_work_cancel(end, &end->read, &n);
    pipe_read_free(end);
    pipe_write_end(end);
    if (closes)
        (void)CloseHandle(end->pipe);
    pipe_write_free(end);
    if (end->process)
        (void)CloseHandle(end->process);
    if (end->port)
        (void)CloseHandle(end->port);
    (void)CloseHandle(end->event);
    free(end);
}

static void end_begin(struct pipe_end *end, struct transport *transport) {
    pipe_read_begin(end);
    settle(end, true);
    transport->end = end;
}

int server_begin(os_fd pipe, struct transport *transport) {
    struct pipe_end *end;
    os_fd process;
    int r = end_new(pipe, true, &end);

    if (r < 0)
        return r;
    r = caller_open(pipe, CALLER_LOOK | CALLER_GIVE, &process);
    end->gives = r == 0;
    if (r == -EACCES) /* one with more rights than this process */
        r = caller_open(pipe, CALLER_LOOK, &process);
    end->process = r == 0 ? process : NULL;
    end_begin(end, transport);
    return 0;
}

int transport_connect(const char *address, struct transport *transport) {
    struct pipe_end *end;
    wchar_t name[PIPE_NAME_UNITS];
    os_fd pipe;
    int r = pipe_name(address, name);

    if (r == 0)
        r = pipe_open(name, &pipe);
    if (r < 0)
        return r;
    r = end_new(pipe, false, &end);
    if (r < 0) {
        (void)CloseHandle(pipe);
        return r;
    }
    end->port = CreateIoCompletionPort(pipe, NULL, 0, 1);
    if (!end->port) {
        r = pipe_errno_now();
        end_free(end, true);
        return r;
    }
    end_begin(end, transport);
    return 0;
}

int transport_connect_by(const char *address, int64_t deadline, struct transport *transport) {
    wchar_t name[PIPE_NAME_UNITS];
    int64_t left;
    int r;

    while ((r = transport_connect(address, transport)) == -EAGAIN && (left = deadline - os_now_us()) > 0) {
        DWORD ms = left < 1000000 ? (DWORD)(left / 1000) + 1 : 1000;
        if (pipe_name(address, name) == 0)
            (void)WaitNamedPipeW(name, ms);
    }
    return r;
}

/* No handle is inherited: there are no numbers by which to name one. */
int transport_adopt(os_fd fd) {
    (void)fd;
    return -EAFNOSUPPORT;
}

os_fd transport_pollable(struct transport transport) {
    return transport_is_none(transport) ? OS_FD_NONE : of(transport)->event;
}

os_fd transport_peer(struct transport transport) {
    return transport_is_none(transport) ? OS_FD_NONE : of(transport)->pipe;
}

os_fd transport_take(struct transport transport) {
    os_fd pipe = transport_peer(transport);

    if (!transport_is_none(transport))
        end_free(of(transport), false);
    return pipe;
}

void transport_close(struct transport transport) {
    if (!transport_is_none(transport))
        end_free(of(transport), true);
}

/* A pipe cannot be closed for one direction, and to disconnect it would take from its client what was sent. So the peer sees the end when the pipe
 * is closed. */
void transport_shutdown(struct transport transport) { of(transport)->shut = true; }

bool transport_is_empty(struct transport transport) {
    struct pipe_end *end;
    DWORD n = 0;

    if (transport_is_none(transport))
        return false;
    end = of(transport);
    if (end->left > 0 || (!end->ended && pipe_work_is_over(&end->read) &&
                          pipe_work_error(end, &end->read, &n) == ERROR_MORE_DATA))
        return false; /* a head was read */
    n = 0;
    return !PeekNamedPipe(end->pipe, NULL, 0, NULL, &n, NULL) || n == 0;
}
