/* cmd_version.c: portctl version: the versions of the program, the library it runs with, and the broker, if one answers.
 *
 * That no broker answers is not an error here, and none is started. */
#include "broker.h"
#include "failure.h"
#include "text.h"

#include <stdlib.h>

static const struct column columns[] = {
    {"portctl", COLUMN_PLAIN, false},  {"libportd", COLUMN_PLAIN, false}, {"broker", COLUMN_PLAIN, false},
    {"protocol", COLUMN_PLAIN, false}, {"address", COLUMN_PLAIN, false},  {"reason", COLUMN_PLAIN, false},
    {NULL, COLUMN_PLAIN, false},
};

static void add_version(struct node *object, const char *key, unsigned version) {
    char *text = text_print("%u.%u.%u", version >> 16, version >> 8 & 0xff, version & 0xff);

    node_text(object, key, text);
    free(text);
}

/* Adds the broker's version and protocol. Returns 1 or PORTD_E_*. */
static int add_broker(const struct invocation *in, struct node *object, struct broker *broker) {
    portd_list *list;
    const portd_status *status;
    int rc = portd_get_status(broker->client, in->deadline, &list);

    if (rc < 0)
        return rc;
    status = portd_list_status(list);
    node_text(object, "broker", status->broker);
    node_number(object, "protocol", status->protocol);
    node_text(object, "address", portd_address(broker->client));
    portd_list_free(list);
    return 1;
}

static void add_reason(struct node *object, const char *reason) {
    node_null(object, "broker");
    node_null(object, "protocol");
    node_null(object, "address");
    node_text(object, "reason", reason);
}

static int ask_broker(const struct invocation *in, struct node *object) {
    struct broker_wish wish = {.session = BROKER_ALONE, .deadline = in->deadline};
    struct broker broker;
    char message[512];
    int rc = broker_try(in, &wish, &broker, message, sizeof(message));

    if (rc == PORTD_E_UNREACHABLE) {
        add_reason(object, message[0] != '\0' ? message : portd_code_text(rc));
        return 0;
    }
    if (rc < 0)
        return failure_code(&in->output, rc, NULL, "%s", message[0] != '\0' ? message : portd_code_text(rc));
    rc = add_broker(in, object, &broker);
    rc = rc > 0 ? 0 : failure_call(&in->output, broker.client, rc);
    broker_disconnect(&broker);
    return rc;
}

static int run(const struct invocation *in) {
    struct node *object;
    int rc;

    if (command_words(in) > 0)
        return failure_usage(&in->output, NULL, "unexpected argument '%s'", command_word(in, 0));
    object = node_object();
    add_version(object, "portctl", PORTD_VERSION_HEX);
    add_version(object, "libportd", portd_version());
    rc = ask_broker(in, object);
    if (rc == 0)
        output_object(&in->output, columns, object);
    else
        node_free(object);
    return rc;
}

static const char *const usage[] = {"version", NULL};

static const char *const examples[] = {
    "portctl version",
    "portctl version -j | jq -r .broker",
    NULL,
};

static const char details[] =
    "Prints the versions of portctl, of the library it runs with, and of the broker\n"
    "if one answers. No broker is started; if none answers, the reason is printed and\n"
    "the exit code is still 0.";

const struct command command_version = {
    .name = "version",
    .summary = "print the versions",
    .usage = usage,
    .details = details,
    .columns = columns,
    .examples = examples,
    .run = run,
};
