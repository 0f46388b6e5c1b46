/* pipe_write_win.c: messages to the other end.
 *
 * What does not fit into the pipe at once is a write in flight, with the message in memory of its own. Its bytes are not sent yet, as those are
 * not that a full socket does not accept; pipe_write says that they are when it is called again with the same bytes (and more, or not). So what a
 * caller takes for sent is not lost when it closes.
 *
 * What the broker puts into a client for a message is the client's as soon as the message is begun: the client may have read the values of one that
 * is cut off, and have closed what they named, and the values may be those of other handles by then. So the broker takes back only what it could not
 * begin to send.
 *
 * A client sends values of copies that it keeps open (a pledge) until the broker has taken its own; so its caller may close a descriptor at
 * once, and the broker closes nothing that is a client's. One that leaves closes the pipe first: what the broker takes while the pipe is open is what
 * the values meant. */
#include "pipe_end_win.h"

#include "pipe_win.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pledge {
    struct pledge *next;
    size_t n;
    os_fd copies[];
};

struct flight {
    OVERLAPPED work;
    struct pledge *pledge; /* client: NULL without values */
    size_t bytes;          /* of the caller */
    size_t n;              /* values */
    size_t size;
    _Alignas(8) uint8_t message[];
};

static uint64_t *values_of(struct flight *flight) {
    return (uint64_t *)(void *)(flight->message + sizeof(struct message_head));
}

static void pledge_free(struct pledge *pledge) {
    for (size_t i = 0; pledge && i < pledge->n; i++)
        os_close(pledge->copies[i]);
    free(pledge);
}

void pipe_write_redeem(struct pipe_end *end) {
    for (; end->redeemed != end->taken && end->pledges; end->redeemed++) {
        struct pledge *first = end->pledges;
        end->pledges = first->next;
        if (!end->pledges)
            end->last_pledge = &end->pledges;
        pledge_free(first);
    }
}

/* Fills in the values and, behind them, what opens sockets. 0 and *size of both, or a negative errno and nothing to undo. */
static int load(struct pipe_end *end, struct flight *flight, const os_fd *fds, size_t n, size_t *size) {
    uint64_t *values = values_of(flight);
    size_t n_sockets = 0;
    int r;

    if (end->server) {
        r = end->gives && end->proved
                ? message_push(end->process, fds, n, values, (struct winsock_passed *)(void *)(values + n),
                               &n_sockets)
                : -EPERM;
        *size = n * sizeof(*values) + n_sockets * sizeof(struct winsock_passed);
        return r;
    }
    struct pledge *pledge = malloc(sizeof(*pledge) + n * sizeof(*fds));
    if (!pledge)
        return -ENOMEM;
    r = message_copy(fds, n, pledge->copies, values);
    if (r < 0) {
        free(pledge);
        return r;
    }
    pledge->next = NULL;
    pledge->n = n;
    flight->pledge = pledge;
    *size = n * sizeof(*values);
    return 0;
}

static int flight_new(struct pipe_end *end, const void *bytes, size_t size, const os_fd *fds, size_t n,
                      struct flight **made) {
    struct message_head head = {
        .size = (uint32_t)size, .n = (uint16_t)n, .taken = end->server ? end->taken : 0};
    size_t each = sizeof(uint64_t) + (end->server ? sizeof(struct winsock_passed) : 0), extra = 0;
    struct flight *flight = malloc(sizeof(*flight) + sizeof(head) + n * each + size);

    if (!flight)
        return -ENOMEM;
    *flight = (struct flight){.work = {.hEvent = pipe_work_event(end)}, .bytes = size, .n = n};
    int r = n > 0 ? load(end, flight, fds, n, &extra) : 0;
    if (r < 0) {
        free(flight);
        return r;
    }
    memcpy(flight->message, &head, sizeof(head));
    memcpy(flight->message + sizeof(head) + extra, bytes, size);
    flight->size = sizeof(head) + extra + size;
    *made = flight;
    return 0;
}

/* It was sent, or begun. */
static void flight_land(struct pipe_end *end, struct flight *flight) {
    if (flight->pledge) {
        *end->last_pledge = flight->pledge;
        end->last_pledge = &flight->pledge->next;
        pipe_write_redeem(end); /* the answer may have come before */
    }
    free(flight);
}

/* It was not begun. */
static void flight_drop(struct pipe_end *end, struct flight *flight) {
    if (end->server && flight->n > 0)
        message_push_undo(end->process, flight->n, values_of(flight));
    pledge_free(flight->pledge);
    free(flight);
}

/* Sends one message. 0, or a negative errno; -EAGAIN: it is in flight. */
static int send_one(struct pipe_end *end, const void *bytes, size_t size, const os_fd *fds, size_t n) {
    struct flight *flight;
    int r = flight_new(end, bytes, size, fds, n, &flight);

    if (r < 0)
        return r;
    if (WriteFile(end->pipe, flight->message, (DWORD)flight->size, NULL, &flight->work)) {
        flight_land(end, flight);
        return 0;
    }
    if (GetLastError() == ERROR_IO_PENDING) {
        end->flight = flight;
        return -EAGAIN;
    }
    r = pipe_errno_now();
    flight_drop(end, flight);
    return r;
}

bool pipe_write_is_due(const struct pipe_end *end) {
    return end->flight && pipe_work_is_over(&end->flight->work);
}

/* How many of these bytes were in flight and are sent; -EAGAIN: they still are in flight; -EPROTO: these are other bytes; or another negative
 * errno. */
static ptrdiff_t report(struct pipe_end *end, const uint8_t *again, size_t size) {
    struct flight *flight = end->flight;
    ptrdiff_t bytes = (ptrdiff_t)flight->bytes;
    DWORD n = 0;

    if (flight->bytes > size ||
        memcmp(flight->message + flight->size - flight->bytes, again, flight->bytes) != 0)
        return -EPROTO;
    if (!pipe_write_is_due(end))
        return -EAGAIN;
    DWORD error = pipe_work_error(end, &flight->work, &n);
    end->flight = NULL;
    flight_land(end, flight);
    if (error == ERROR_SUCCESS)
        return bytes;
    return error == ERROR_OPERATION_ABORTED ? -EPIPE : pipe_errno(error);
}

ptrdiff_t pipe_write(struct pipe_end *end, const uint8_t *bytes, size_t size, const os_fd *fds,
                     size_t n_fds) {
    size_t sent = 0;
    ptrdiff_t r = 0;

    if (end->flight) {
        r = report(end, bytes, size);
        if (r < 0)
            return r;
        sent = (size_t)r;
    }
    while (sent < size) {
        size_t part = size - sent < MESSAGE_BYTES ? size - sent : MESSAGE_BYTES;
        r = send_one(end, bytes + sent, part, fds, sent == 0 ? n_fds : 0);
        if (r < 0)
            break;
        sent += part;
    }
    return sent > 0 ? (ptrdiff_t)sent : r;
}

void pipe_write_end(struct pipe_end *end) {
    DWORD n;

    if (!end->flight)
        return;
    (void)pipe_work_cancel(end, &end->flight->work, &n);
    flight_land(end, end->flight);
    end->flight = NULL;
}

void pipe_write_free(struct pipe_end *end) {
    while (end->pledges) {
        struct pledge *first = end->pledges;
        end->pledges = first->next;
        pledge_free(first);
    }
}
