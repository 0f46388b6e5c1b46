/* cmd_reload.c: portctl reload. It starts no broker: a new one reads its configuration anyway. */
#include "broker.h"
#include "failure.h"

static void answer(const struct invocation *in, const portd_list *list) {
    struct node *object = node_object(), *notes = node_list();

    output_line(&in->output, "reloaded");
    for (size_t i = 0; i < portd_list_count(list); i++) {
        output_line(&in->output, portd_list_note(list, i));
        node_append_text(notes, portd_list_note(list, i));
    }
    node_flag(object, "reloaded", true);
    node_put(object, "notes", notes);
    output_value(&in->output, "", object);
}

static int run(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .deadline = in->deadline};
    const char *word = command_word(in, 0);
    struct broker broker;
    portd_list *list;
    int rc = word == NULL ? 0 : failure_usage(&in->output, NULL, "unexpected argument '%s'", word);

    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc != 0)
        return rc;
    rc = portd_reload(broker.client, in->deadline, &list);
    if (rc > 0) {
        answer(in, list);
        portd_list_free(list);
        rc = 0;
    } else {
        rc = failure_call(&in->output, broker.client, rc);
    }
    broker_disconnect(&broker);
    return rc;
}

static const char *const usage[] = {"reload", NULL};

static const char *const examples[] = {
    "portctl reload",
    "portd --check-config && portctl --system reload",
    NULL,
};

static const char details[] =
    "Has the broker read its configuration again (portd.conf(5)), and waits until the\n"
    "new one is in use. Says so, and what is not changed by it: some keys are used at\n"
    "the next start of portd. If the new one has faults, the old one stays, and the\n"
    "error names the first of them; 'portd --check-config' tells of all.\n"
    "\n"
    "Only root and the broker's own user may do this. No broker is started.";

const struct command command_reload = {
    .name = "reload",
    .summary = "have the broker read its configuration again",
    .usage = usage,
    .details = details,
    .examples = examples,
    .run = run,
};
