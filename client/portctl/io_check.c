/* io_check.c: asking the broker about the port whose bytes are copied.
 *
 * The end of a session closes its connections, as does the end of the broker, and nothing is said before that. So when the connection is lost, a new
 * one asks whether the port is open. Who does not answer, or began to run after the first connection was made, is not the broker that had the port.
 */
#include "io_check.h"

#include "failure.h"
#include "native.h"
#include "stop.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_MAX = 512,
    ASK_LIMIT_US = 10 * 1000 * 1000 /* how long to ask a broker that does not answer */
};

/* ---- errors ---------------------------------------------------------------------------------------------- */

const char *io_rest(struct io *io) {
    if (io->settle != NULL) {
        free(io->rest);
        io->rest = io->settle(io);
        io->settle = NULL;
    }
    return io->rest != NULL ? io->rest : "";
}

int io_fail(struct io *io, int code, const char *hint, const char *why) {
    return failure_code(&io->in->output, code, hint, "%s%s", why, io_rest(io));
}

int io_fail_call(struct io *io, int code) {
    const char *why = portd_last_error(io->broker.client);

    return io_fail(io, code, portd_last_hint(io->broker.client),
                   why[0] != '\0' ? why : portd_code_text(code));
}

/* ---- the port -------------------------------------------------------------------------------------------- */

static int check_item(struct io *io, const portd_item *item, int direction) {
    unsigned long long id = (unsigned long long)io->port;

    if (item->kind != PORTD_KIND_PORT)
        return failure_usage(&io->in->output, NULL, "%llu is not a port, its kind is %s", id,
                             portd_kind_name(item->kind));
    if (direction != PORTD_DIRECTION_NONE && item->direction != direction)
        return failure_usage(&io->in->output, NULL, "%llu is an %s port: portctl %s %llu", id,
                             direction == PORTD_DIRECTION_READ ? "output" : "input",
                             direction == PORTD_DIRECTION_READ ? "write" : "cat", id);
    io->descriptor = item->descriptor;
    if (!item->registered)
        return failure_code(&io->in->output, PORTD_E_CLOSED, "wrap the descriptor again",
                            "port %llu is closed%s", id, io_rest(io));
    return 0;
}

/* Returns a PORTD_E_ code without a message, or as io_check_port. */
static int check(struct io *io, int direction) {
    portd_list *list;
    int rc = portd_show(io->broker.client, &io->port, 1, io->in->deadline, &list);

    if (rc < 0)
        return rc;
    rc = check_item(io, portd_list_item(list, 0), direction);
    portd_list_free(list);
    return rc;
}

int io_check_port(struct io *io, int direction) {
    int rc = check(io, direction);

    return rc < 0 ? io_fail_call(io, rc) : rc;
}

bool io_is_type(const struct io *io, const char *const *types) {
    const portd_item *item;
    portd_list *list;
    bool found = false;

    if (portd_show(io->broker.client, &io->descriptor, 1, io->in->deadline, &list) < 0)
        return false;
    item = portd_list_item(list, 0);
    for (; item->type != NULL && *types != NULL; types++)
        found = found || strcmp(item->type, *types) == 0;
    portd_list_free(list);
    return found;
}

/* ---- while it is copied ---------------------------------------------------------------------------------- */

static void leave_handle(struct io *io) {
    if (io->flow.watch >= 0)
        native_close(io->flow.watch);
    io->flow.watch = -1;
}

/* Without a handle that is armed the port is looked at from time to time. */
static int check_again(struct io *io) {
    int rc = io->flow.watch < 0
                 ? 0
                 : portd_handle_arm(io->broker.client, io->port, io->in->deadline, &io->flow.watch);

    if (rc <= 0)
        leave_handle(io);
    return rc == PORTD_E_DISCONNECTED ? rc : check(io, PORTD_DIRECTION_READ);
}

/* Whether the broker has run since io_open: 1, 0, or PORTD_E_*. */
static int is_same(const struct io *io, portd_client *client, int64_t deadline) {
    uint64_t joined = (uint64_t)(portd_now() - io->joined);
    portd_list *list;
    int rc = portd_get_status(client, deadline, &list);

    if (rc < 0)
        return rc;
    rc = portd_list_status(list)->uptime_us >= joined;
    portd_list_free(list);
    return rc;
}

/* Asks the broker by a new connection. 1 and that connection: it is the same; 0: that broker is gone; or PORTD_E_*, with a message. */
static int join_again(const struct io *io, struct broker *fresh, char *message) {
    struct invocation again = *io->in;
    int64_t limit = portd_now() + ASK_LIMIT_US;
    struct broker_wish wish = {.session = BROKER_ALONE,
                               .deadline = limit < again.deadline ? limit : again.deadline};
    int rc;

    again.address = portd_address(io->broker.client);
    again.which = WHICH_ANY;
    again.owner_pid = 0;
    again.ttl_us = 0;
    rc = broker_try(&again, &wish, fresh, message, MESSAGE_MAX);
    if (rc < 0)
        return rc == PORTD_E_UNREACHABLE || rc == PORTD_E_DISCONNECTED ? 0 : rc;
    rc = is_same(io, fresh->client, wish.deadline);
    if (rc > 0)
        return rc;
    snprintf(message, MESSAGE_MAX, "%s", portd_last_error(fresh->client));
    broker_disconnect(fresh);
    return rc == PORTD_E_DISCONNECTED ? 0 : rc;
}

/* The connection is lost. */
static int look_anew(struct io *io) {
    char message[MESSAGE_MAX] = "";
    struct broker fresh;
    int rc;

    leave_handle(io);
    if (broker_inherited(io->in) != NULL)
        return io_fail(io, PORTD_E_DISCONNECTED, NULL,
                       "the connection to the broker was lost, so the port can be closed unnoticed");
    rc = join_again(io, &fresh, message);
    if (rc > 0) {
        stop_use_client(fresh.client);
        broker_disconnect(&io->broker);
        io->broker = fresh;
    }
    if (rc == 0)
        io->flow.looks = false;
    if (rc == 0 || stop_asked() != 0 || native_time_left(io->in->deadline) == 0)
        return 0;
    if (rc < 0)
        return io_fail(io, rc == PORTD_E_TIMEOUT ? PORTD_E_UNREACHABLE : rc, NULL,
                       message[0] != '\0' ? message : portd_code_text(rc));
    (void)portd_handle_arm(io->broker.client, io->port, io->in->deadline, &io->flow.watch);
    rc = check(io, PORTD_DIRECTION_READ);
    return rc == PORTD_E_DISCONNECTED ? 0 : rc; /* then it is lost at the next look, too */
}

static char *describe_gone(portd_id port) {
    return text_print("port %llu is gone: its session has ended, or it was closed and released",
                      (unsigned long long)port);
}

int io_look(struct io *io) {
    int rc = check_again(io);

    if (rc == PORTD_E_DISCONNECTED)
        rc = look_anew(io);
    if (rc == PORTD_E_INTERRUPTED)
        return 0;
    if (rc == PORTD_E_NOT_FOUND) {
        char *why = describe_gone(io->port);

        rc = io_fail(io, rc, NULL, why);
        free(why);
        return rc;
    }
    return rc < 0 ? io_fail_call(io, rc) : rc;
}

char *io_find_gone(const struct io *io, portd_id port, int *code) {
    char message[MESSAGE_MAX];
    struct broker fresh;
    portd_list *list;
    int rc = *code;

    if ((rc == PORTD_E_DISCONNECTED || rc == PORTD_E_UNCERTAIN) && broker_inherited(io->in) == NULL &&
        join_again(io, &fresh, message) > 0) {
        rc = portd_show(fresh.client, &port, 1, portd_now() + ASK_LIMIT_US, &list);
        if (rc > 0)
            portd_list_free(list);
        broker_disconnect(&fresh);
    }
    if (rc != PORTD_E_NOT_FOUND)
        return NULL;
    *code = PORTD_E_NOT_FOUND;
    return describe_gone(port);
}
