/* cmd_repair.c: portctl repair: undoes what other holders have done to what is held. */
#include "broker.h"
#include "failure.h"
#include "look.h"

static int answer(const struct invocation *in, const struct holds *holds, unsigned repaired, unsigned left) {
    struct node *object = node_object();

    if (repaired == 0)
        output_detail(&in->output, "nothing is to be repaired");
    node_text(object, "name", holds->names[0]);
    node_put(object, "repaired", look_poisons(in, repaired));
    node_put(object, "left", look_poisons(in, left));
    output_value(&in->output, repaired != 0 ? "repaired" : "", object);
    return PORTCTL_DONE;
}

static int repair(const struct invocation *in, portd_client *client, const struct holds *holds) {
    unsigned flags = command_option(in, "flags") != NULL ? PORTD_REPAIR_FLAGS : 0, repaired, left;
    int rc = look_check(in, client);

    if (rc != 0)
        return rc;
    rc = portd_repair(client, hold_owner(holds), holds->names[0], flags, in->deadline, &repaired, &left);
    return rc < 0 ? hold_fail(in, client, rc, NULL) : answer(in, holds, repaired, left);
}

static int run(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .start = true, .deadline = in->deadline};
    struct holds holds;
    struct broker broker;
    int rc = holds_parse(in, &holds);

    if (rc == 0 && holds.n > 1)
        rc = failure_usage(&in->output, NULL, "one name at a time");
    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc != 0)
        return rc;
    rc = repair(in, broker.client, &holds);
    broker_disconnect(&broker);
    return rc;
}

static const struct option_row options[] = {
    {"flags", NULL, "also set O_NONBLOCK, O_APPEND and O_DIRECT back", false, NULL},
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {"repair NAME [--flags] [--of USER]", NULL};

static const char *const examples[] = {
    "portctl repair web",
    "portctl repair log --flags",
    "portctl repair web -j | jq '.left'",
    NULL,
};

static const char *const words[] = {"@held", NULL};

static const char details[] =
    "Undoes what other holders of the open file have done to what is held under a name\n"
    "('poison' in 'portctl show NAME'), and prints what was repaired. It is undone for\n"
    "all who have a copy. Nothing else that the broker does changes what they share.\n"
    "\n"
    "A TCP listener that was shut down listens again, at the address that it had, with\n"
    "the longest queue that the system allows. With --flags O_NONBLOCK, O_APPEND and\n"
    "O_DIRECT become what they were when it was put; a program that has set one for\n"
    "itself loses it. The position of a file is never set back.\n"
    "\n"
    "Exit code 0 also if nothing was to be repaired. 8: what is wrong cannot be repaired\n"
    "so, as of a Unix listener or a connection that was shut down; the hint says what\n"
    "to do. 125: the system refuses, as when another socket has the address. Other\n"
    "users' need the right put.";

const struct command command_repair = {
    .name = "repair",
    .summary = "undo what other holders did to what is held",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .words = words,
    .run = run,
};
