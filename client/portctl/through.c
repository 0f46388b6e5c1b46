/* through.c: each request splices as much as is allowed; the broker replies when that was moved, at end of file, or when the
 * pipe was full.
 *
 * A reply is handled only when the pipe is empty, so nearly all bytes that it counts have been written by then. */
#include "through.h"

#include "native.h"
#include "stop.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST = 1 << 30,                   /* of a request */
    CANCEL_LIMIT_US = 2 * 1000 * 1000 /* how long to wait for the reply to a cancelled request */
};

bool through_open(struct through *through, portd_client *client, portd_id port, size_t size) {
    *through = (struct through){.client = client, .port = port, .ends = {-1, -1}, .most = MOST};
    return portd_broker_has_feature(client, "splice") && native_pipe(through->ends, FLOW_CHUNK, size);
}

void through_close(struct through *through) {
    for (int i = 0; through->client != NULL && i < 2; i++)
        if (through->ends[i] >= 0)
            native_close(through->ends[i]);
    free(through->why);
    free(through->hint);
    *through = (struct through){0};
}

/* ---- from a port ----------------------------------------------------------------------------------------- */

static void on_answer(portd_client *client, const portd_result *result, void *data) {
    struct through *through = data;

    (void)client;
    through->request = NULL;
    through->moved += result->count;
    through->code = result->code;
    through->os_errno = result->os_errno;
    if (result->code >= 0)
        return;
    through->why = text_copy(result->message);
    through->hint = *result->hint ? text_copy(result->hint) : NULL;
}

/* Runs the client until all started requests are sent. */
static void send_all(struct through *through, int64_t deadline) {
    while (portd_process(through->client) > 0)
        continue;
    while (portd_get_events(through->client) & PORTD_EVENT_WRITE && portd_poll(through->client, deadline) > 0)
        continue;
}

static enum flow_end ask(struct through *through, int64_t deadline) {
    int rc = portd_port_splice_start(through->client, through->port, through->ends[1], through->most,
                                     through->most, on_answer, through, &through->request);

    if (rc > 0) {
        send_all(through, deadline);
        return FLOW_DONE;
    }
    through->request = NULL;
    through->code = rc;
    through->why = text_copy(portd_last_error(through->client));
    return FLOW_REFUSED;
}

static void give_up(struct through *through) {
    int64_t deadline = portd_now() + CANCEL_LIMIT_US;
    int rc = 1;

    if (through->request == NULL)
        return;
    portd_cancel(through->request);
    while (through->request != NULL && (rc > 0 || rc == PORTD_E_INTERRUPTED))
        rc = portd_poll(through->client, deadline);
}

/* Moves the bytes in the pipe on, as far as possible without waiting. */
static void pass_available(struct flow *flow) {
    uint64_t before;

    flow->deadline = 0;
    do {
        before = flow->count;
        (void)flow_run(flow);
    } while (flow->count > before);
}

/* Handles a reply: passes on the bytes that the broker has moved. FLOW_DONE: send the next request. */
static enum flow_end handle_reply(const struct through *through, struct flow *flow) {
    enum flow_end end;

    flow->watch = -1;
    flow->most = through->moved;
    end = through->moved > flow->count ? flow_run(flow) : FLOW_DONE;
    flow->most = 0;
    if (end != FLOW_DONE)
        return end;
    return through->code > 0 ? FLOW_DONE : through->code == 0 ? FLOW_FILE_END : FLOW_REFUSED;
}

static enum flow_end read_on(struct through *through, struct flow *flow) {
    for (;;) {
        enum flow_end end = through->request != NULL ? FLOW_DONE : ask(through, flow->deadline);

        if (end != FLOW_DONE)
            return end;
        if (through->request != NULL) {
            flow->watch = portd_get_fd(through->client);
            end = flow_run(flow);
            if (end != FLOW_LOOK)
                return end;
            while (portd_process(through->client) > 0)
                continue;
        }
        if (through->request == NULL)
            end = handle_reply(through, flow);
        if (end != FLOW_DONE && end != FLOW_LOOK)
            return end;
    }
}

/* Ends a blocking splice that has failed. */
static enum flow_end straight_end(struct through *through, int rc) {
    const char *hint = portd_last_hint(through->client);

    if (rc == PORTD_E_TIMEOUT)
        return FLOW_LATE;
    if (rc == PORTD_E_INTERRUPTED)
        return FLOW_STOPPED;
    through->code = rc;
    through->os_errno = rc == PORTD_E_SYSTEM ? portd_last_errno(through->client) : 0;
    if (through->os_errno ==
        EPIPE) { /* nobody reads standard output; a port that is read does not answer so */
        errno = EPIPE;
        return FLOW_WRITE_ERROR;
    }
    through->why = text_copy(portd_last_error(through->client));
    through->hint = hint != NULL && *hint ? text_copy(hint) : NULL;
    return FLOW_REFUSED;
}

/* The broker replies when flow->to is full; it takes nothing from the port that does not go there. */
static enum flow_end read_straight(struct through *through, struct flow *flow) {
    for (;;) {
        size_t count = 0;
        if (stop_asked() != 0) /* an earlier call may have been interrupted instead */
            return FLOW_STOPPED;
        int rc =
            portd_port_splice(through->client, through->port, flow->to, MOST, MOST, flow->deadline, &count);
        bool late = flow->deadline != PORTD_FOREVER && portd_now() >= flow->deadline;

        flow->count += count;
        if (rc == 0)
            return FLOW_FILE_END;
        if (rc < 0)
            return straight_end(through, rc);
        if (late || native_await(flow->to, true, flow->deadline) == 0)
            return stop_asked() != 0 ? FLOW_STOPPED : FLOW_LATE;
    }
}

enum flow_end through_read(struct through *through, struct flow *flow) {
    int64_t deadline = flow->deadline;
    enum flow_end end;

    if (native_writes_pipe(flow->to))
        return read_straight(through, flow);
    flow->from = through->ends[0];
    end = read_on(through, flow);
    give_up(through);
    flow->watch = -1;
    if (end == FLOW_LATE || end == FLOW_STOPPED || end == FLOW_REFUSED)
        pass_available(flow);
    flow->deadline = deadline;
    flow->lost = through->moved > flow->count ? (size_t)(through->moved - flow->count) : 0;
    return end;
}

/* ---- to a port ------------------------------------------------------------------------------------------- */

/* Tries a splice from the empty pipe: the broker either refuses it or replies or parks it. */
bool through_writes(struct through *through) {
    int rc = portd_port_splice(through->client, through->port, through->ends[0], 0, 1, 0, NULL);

    return rc > 0 || rc == PORTD_E_TIMEOUT;
}

enum flow_end through_write(struct through *through, struct flow *flow) {
    while (through->moved < flow->count) {
        size_t left = (size_t)(flow->count - through->moved), count;

        if (stop_asked() != 0) {
            flow_lose(flow, left);
            return FLOW_STOPPED;
        }
        through->code = portd_port_splice(through->client, through->port, through->ends[0], left, left,
                                          flow->deadline, &count);
        /* Nobody says how much was done. What was not is in the pipe; once it is out of it, a worker that is still at it does not write it. */
        if (through->code == PORTD_E_UNCERTAIN || through->code == PORTD_E_DISCONNECTED)
            count = left - native_drain(through->ends[0]);
        through->moved += count;
        if (through->code > 0 && count > 0)
            continue;
        flow_lose(flow, left - count);
        return through->code == PORTD_E_INTERRUPTED ? FLOW_STOPPED : FLOW_REFUSED;
    }
    return FLOW_DONE;
}
