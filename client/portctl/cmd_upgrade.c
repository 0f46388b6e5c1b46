/* cmd_upgrade.c: portctl upgrade. It starts no broker: a new one is of the installed program anyway. */
#include "broker.h"
#include "failure.h"

#include <stdio.h>

static int answer(const struct invocation *in, portd_client *client, uint32_t pid) {
    struct node *object = node_object();
    portd_list *list;
    int rc = portd_get_status(client, in->deadline, &list);

    if (rc <= 0) {
        node_free(object);
        return failure_call(&in->output, client, rc);
    }
    const char *version = portd_list_status(list)->broker;
    char text[128];
    snprintf(text, sizeof(text), "upgraded: portd %s, pid %u", version, (unsigned)pid);
    output_line(&in->output, text);
    node_text(object, "broker", version);
    node_number(object, "pid", pid);
    output_value(&in->output, "", object);
    portd_list_free(list);
    return 0;
}

static int run(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .deadline = in->deadline};
    const char *word = command_word(in, 0);
    struct broker broker;
    uint32_t pid;
    int rc = word == NULL ? 0 : failure_usage(&in->output, NULL, "unexpected argument '%s'", word);

    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc != 0)
        return rc;
    rc = portd_upgrade(broker.client, in->deadline, &pid);
    rc = rc > 0 ? answer(in, broker.client, pid) : failure_call(&in->output, broker.client, rc);
    broker_disconnect(&broker);
    return rc;
}

static const char *const usage[] = {"upgrade", NULL};

static const char *const examples[] = {
    "portctl upgrade",
    "portctl --system upgrade",
    NULL,
};

static const char details[] =
    "Has another broker take over from the one that runs, of the program that is\n"
    "installed now. What is held, sessions, objects, waits and connections go on, and\n"
    "clients notice nothing but a pause. If the other one cannot take over, the one\n"
    "that runs goes on, and the error says why. Needs a broker with a keeper\n"
    "(portd --keeper yes), and the right admin. The keeper itself stays as it is until\n"
    "the next restart. No broker is started otherwise.";

const struct command command_upgrade = {
    .name = "upgrade",
    .summary = "replace the running broker, and lose nothing",
    .usage = usage,
    .details = details,
    .examples = examples,
    .run = run,
};
