/* cmd_port.c: portctl fd, socket and close.
 *
 * Close makes one call per id: all ids are tried, and the first failure is the exit code.
 */
#include "broker.h"
#include "failure.h"
#include "ids.h"
#include "item.h"
#include "selection.h"

#include <stdlib.h>

static const struct option_row options[] = {{NULL, NULL, NULL, false, NULL}};

/* Refuses objects of other kinds before anything is done. An id that does not exist is left to the verb's own call: its kind
 * means nothing. */
static int check_ports(const struct invocation *in, portd_client *client, const portd_id *ids, size_t n,
                       const char *hint) {
    for (size_t i = 0; i < n; i++) {
        int kind = portd_id_kind(ids[i]), rc;

        if (kind == PORTD_KIND_ANY || kind == PORTD_KIND_PORT)
            continue;
        rc = ids_exists(client, ids[i], in->deadline);
        if (rc < 0)
            return failure_call(&in->output, client, rc);
        if (rc > 0)
            return failure_usage(&in->output, hint, "%llu is not a port, its kind is %s",
                                 (unsigned long long)ids[i], portd_kind_name(kind));
    }
    return 0;
}

/* ---- fd, socket ---------------------------------------------------------------------------------------- */

typedef int number_call(portd_client *client, portd_id port, int64_t deadline, portd_native *number);

static int parse_port(const struct invocation *in, portd_id *id) {
    portd_id *ids;
    size_t n;
    int rc = ids_parse(in, &ids, &n);

    if (rc != 0)
        return rc;
    *id = ids[0];
    free(ids);
    return n == 1 ? 0
                  : failure_usage(&in->output, NULL, "one port at a time: unexpected argument '%s'",
                                  command_word(in, 1));
}

static void answer_number(const struct invocation *in, portd_id id, const portd_native *number) {
    struct node *object = node_object();

    node_number(object, "id", id);
    if (number != NULL)
        node_number(object, "number", (uint64_t)*number);
    else
        node_null(object, "number");
    output_value(&in->output, "number", object);
}

/* For a port of another session the library's calls return 0; the number in the process that made it is then taken from
 * `show`. Returns as those calls do. */
static int find_number(portd_client *client, portd_id id, bool socket, int64_t deadline,
                       portd_native *number) {
    const portd_item *item;
    portd_list *list;
    int rc = portd_show(client, &id, 1, deadline, &list);

    if (rc < 0)
        return rc;
    item = portd_list_item(list, 0);
    rc = item != NULL && item->session != portd_session_id(client) && (item->socket || !socket) &&
         item->number >= 0;
    if (rc > 0)
        *number = (portd_native)item->number;
    portd_list_free(list);
    return rc;
}

static int ask_number(const struct invocation *in, portd_client *client, portd_id id, number_call *call) {
    portd_native number = -1;
    int rc = check_ports(in, client, &id, 1, NULL);

    if (rc != 0)
        return rc;
    rc = call(client, id, in->deadline, &number);
    if (rc == 0)
        rc = find_number(client, id, call == portd_port_to_socket, in->deadline, &number);
    if (rc < 0)
        return failure_call(&in->output, client, rc);
    answer_number(in, id, rc > 0 ? &number : NULL);
    return rc > 0 ? PORTCTL_DONE : PORTCTL_NO;
}

static int run_number(const struct invocation *in, number_call *call) {
    struct broker broker;
    portd_id id;
    int rc = parse_port(in, &id);

    if (rc == 0)
        rc = broker_join(in, &broker);
    if (rc != 0)
        return rc;
    rc = ask_number(in, broker.client, id, call);
    broker_disconnect(&broker);
    return rc;
}

static int run_fd(const struct invocation *in) { return run_number(in, portd_port_to_fd); }

static int run_socket(const struct invocation *in) { return run_number(in, portd_port_to_socket); }

static const char *const usage_fd[] = {"fd ID", NULL};

static const char *const examples_fd[] = {
    "portctl fd \"$id\"",
    "portctl fd \"$id\" -j | jq .number",
    NULL,
};

static const char details_fd[] =
    "Prints the number of the descriptor that the port was made from, in the process\n"
    "that made it: it is valid in that process only, and only while it is open there.\n"
    "Exit code 1 and no number: there is none.";

static const char *const words_fd[] = {"@port", NULL};

const struct command command_fd = {
    .name = "fd",
    .summary = "print the number of a port's descriptor",
    .usage = usage_fd,
    .details = details_fd,
    .options = options,
    .examples = examples_fd,
    .words = words_fd,
    .joins = true,
    .run = run_fd,
};

static const char *const usage_socket[] = {"socket ID", NULL};

static const char *const examples_socket[] = {
    "portctl socket \"$id\" || echo 'not made of a socket'",
    "portctl socket \"$id\" -j | jq .number",
    NULL,
};

static const char details_socket[] =
    "Prints the number of the socket that the port was made from, if it was made by\n"
    "'wrap socket'. Exit code 1 and no number: it was not.";

static const char *const words_socket[] = {"@port", NULL};

const struct command command_socket = {
    .name = "socket",
    .summary = "print the number of a port's socket",
    .usage = usage_socket,
    .details = details_socket,
    .options = options,
    .examples = examples_socket,
    .words = words_socket,
    .joins = true,
    .run = run_socket,
};

/* ---- close --------------------------------------------------------------------------------------------- */

/* Returns 0 or the exit code of the first failure. Prints nothing in text form. */
static int close_all(const struct invocation *in, portd_client *client, const portd_id *ids, size_t n) {
    struct node *object = node_object(), *closed = node_list();
    int first = 0;

    for (size_t i = 0; i < n; i++) {
        int rc = portd_port_close(client, ids[i], in->deadline);

        if (rc > 0) {
            node_append_number(closed, ids[i]);
            continue;
        }
        rc = failure_call(&in->output, client, rc);
        first = first == 0 ? rc : first;
    }
    node_put(object, "closed", closed);
    output_value(&in->output, "", object);
    return first;
}

static bool closes(const portd_item *chosen, const portd_item *item) {
    return chosen->id == item->id && item->registered;
}

static const struct selection_rule rule_close = {"close", "ports", {PORTD_KIND_PORT, 0}, false, closes};

static int close_selection(const struct invocation *in, portd_client *client, struct selection *selection) {
    int rc = check_ports(in, client, selection->ids, selection->n,
                         "ports are closed; semaphores and events are removed, sessions ended");

    if (rc != 0)
        return rc;
    if (selection->dry)
        return selection_show(in, client, selection, &rule_close);
    rc = selection_choose(in, client, selection, &rule_close);
    return rc != 0 ? rc : close_all(in, client, selection->ids, selection->n);
}

static int run_close(const struct invocation *in) {
    struct selection selection;
    struct broker broker;
    int rc = selection_parse(in, &selection);

    if (rc == 0)
        rc = broker_join(in, &broker);
    if (rc == 0) {
        rc = close_selection(in, broker.client, &selection);
        broker_disconnect(&broker);
    }
    selection_deinit(&selection);
    return rc;
}

static const struct option_row options_close[] = {
    {"all", NULL, "close all ports of the session, after asking", false, NULL},
    {"yes", NULL, "do not ask", false, NULL},
    {"dry-run", NULL, "list what would be closed, change nothing", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage_close[] = {"close ID... [--dry-run]", "close --all [--yes | --dry-run]", NULL};

static const char *const examples_close[] = {
    "portctl close \"$in\" \"$out\"",
    "portctl close --all --dry-run",
    "portctl list ports -j | jq '.[].id' | xargs -r portctl close",
    NULL,
};

static const char details_close[] =
    "Closes ports. Reads and writes in flight fail, waits end with the cause\n"
    "port-closed. The last port of a wrap also fires the semaphores of its number;\n"
    "then the broker's copy is closed when this returns, unless something else refers\n"
    "to it. Closing a closed port succeeds.\n"
    "\n"
    "--all selects every open port of the session. On a terminal it asks (exit code 1\n"
    "when the answer is no); elsewhere, and with --json and --quiet, it needs --yes.\n"
    "\n"
    "--dry-run lists the ports that would be closed, as 'portctl list' does, and\n"
    "changes nothing; the semaphores that would fire are not listed.";

static const char *const words_close[] = {"@port...", NULL};

const struct command command_close = {
    .name = "close",
    .summary = "close ports",
    .usage = usage_close,
    .details = details_close,
    .options = options_close,
    .columns = item_columns,
    .examples = examples_close,
    .words = words_close,
    .joins = true,
    .run = run_close,
};
