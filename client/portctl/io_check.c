/* io_check.c: asking the broker about the port whose bytes are copied.
 *
 * The end of a session closes its connections, as does the end of the broker, and nothing is said before that. So when the connection is lost, a new
 * one asks whether the port is open: in the same session if the port is in it, since the ports of a private session are found there alone. Who does not
 * answer soon, or began to run after the first connection was made, is not the broker that had the port.
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
    ASK_LIMIT_US = 2 * 1000 * 1000 /* how long a broker that does not answer can hold up the copy */
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
    io->session = item->session;
    io->translated = item->text && native_translates_text();
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

static int64_t ask_limit(const struct io *io) {
    int64_t limit = portd_now() + ASK_LIMIT_US;

    return limit < io->in->deadline ? limit : io->in->deadline;
}

struct welcome {
    int code;      /* 0: none yet */
    char *message; /* MESSAGE_MAX */
};

static void keep_welcome(portd_client *client, const portd_result *result, void *data) {
    struct welcome *welcome = data;

    (void)client;
    welcome->code = result->code;
    if (result->code < 0)
        snprintf(welcome->message, MESSAGE_MAX, "%s", result->message);
}

static int await_welcome(const struct welcome *welcome, portd_client *client, int64_t limit) {
    int rc = 1;

    while (welcome->code == 0 && rc > 0)
        rc = stop_asked() != 0 ? PORTD_E_INTERRUPTED : portd_poll(client, limit);
    return welcome->code != 0 ? welcome->code : rc == 0 ? PORTD_E_TIMEOUT : rc;
}

/* From now on signals interrupt the first client again. */
static void leave_fresh(const struct io *io, portd_client *fresh) {
    stop_use_client(io->broker.client);
    portd_disconnect(fresh);
}

/* Connects to the session of that token, or (NULL) to one of its own: 1, or PORTD_E_*, with a message. Signals interrupt it, and what *fresh is used for. */
static int connect_fresh(const struct io *io, const char *token, int64_t limit, portd_client **fresh,
                         char *message) {
    portd_options options = PORTD_OPTIONS_INIT;
    struct welcome welcome = {0, message};
    int rc;

    options.name = "portctl";
    options.token = token;
    options.reach = true;
    options.numbers_nobody = token == NULL;
    options.message = message;
    options.message_size = MESSAGE_MAX;
    do
        rc = portd_connect_start(portd_address(io->broker.client), &options, keep_welcome, &welcome, fresh);
    while (rc == PORTD_E_TIMEOUT && stop_asked() == 0 && portd_now() < limit); /* it had no room */
    if (rc < 0)
        return rc;
    stop_use_client(*fresh);
    rc = await_welcome(&welcome, *fresh, limit);
    if (rc < 0)
        leave_fresh(io, *fresh);
    return rc;
}

/* Whether who listens at the address now is not the broker, as it gives no answer. */
static bool is_no_answer(int code) {
    return code == PORTD_E_UNREACHABLE || code == PORTD_E_DISCONNECTED || code == PORTD_E_TIMEOUT;
}

/* Asks the broker by a new connection. 1 and that connection: it is the same; 0: that broker is gone; or PORTD_E_*, with a message. */
static int join_again(const struct io *io, int64_t limit, portd_client **fresh, char *message) {
    const portd_client *lost = io->broker.client;
    int rc = PORTD_E_NOT_FOUND;

    if (io->session == portd_session_id(lost))
        rc = connect_fresh(io, portd_session_token(lost), limit, fresh, message);
    if (rc == PORTD_E_NOT_FOUND) /* the session has ended, or another broker listens there */
        rc = connect_fresh(io, NULL, limit, fresh, message);
    if (rc < 0)
        return is_no_answer(rc) ? 0 : rc;
    rc = is_same(io, *fresh, limit);
    if (rc > 0)
        return rc;
    snprintf(message, MESSAGE_MAX, "%s", portd_last_error(*fresh));
    leave_fresh(io, *fresh);
    return is_no_answer(rc) ? 0 : rc;
}

/* The connection is lost. */
static int look_anew(struct io *io) {
    char message[MESSAGE_MAX] = "";
    int64_t limit = ask_limit(io);
    portd_client *fresh;
    int rc;

    leave_handle(io);
    if (broker_inherited(io->in) != NULL)
        return io_fail(io, PORTD_E_DISCONNECTED, NULL,
                       "the connection to the broker was lost, so the port can be closed unnoticed");
    rc = join_again(io, limit, &fresh, message);
    if (rc > 0) {
        broker_disconnect(&io->broker);
        io->broker.client = fresh;
    }
    if (rc == 0)
        io->flow.looks = false;
    if (rc == 0 || stop_asked() != 0)
        return 0;
    if (rc < 0)
        return io_fail(io, rc, NULL, message[0] != '\0' ? message : portd_code_text(rc));
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
    int64_t limit = portd_now() + ASK_LIMIT_US;
    portd_client *fresh;
    portd_list *list;
    int rc = *code;

    if ((rc == PORTD_E_DISCONNECTED || rc == PORTD_E_UNCERTAIN) && broker_inherited(io->in) == NULL &&
        join_again(io, limit, &fresh, message) > 0) {
        rc = portd_show(fresh, &port, 1, limit, &list);
        if (rc > 0)
            portd_list_free(list);
        leave_fresh(io, fresh);
    }
    if (rc != PORTD_E_NOT_FOUND)
        return NULL;
    *code = PORTD_E_NOT_FOUND;
    return describe_gone(port);
}
