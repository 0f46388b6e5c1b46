/* cmd_drop.c: portctl drop and renew: the end of what is held, and when that comes. */
#include "broker.h"
#include "failure.h"
#include "hold.h"
#include "lease.h"

/* Connects for what is held; PORTCTL_DONE, or the exit code. */
static int join(const struct invocation *in, struct broker *broker) {
    struct broker_wish wish = {.session = BROKER_ALONE, .start = true, .deadline = in->deadline};
    int rc = broker_connect(in, &wish, broker);

    if (rc == 0 && (rc = hold_check(in, broker->client)) != 0)
        broker_disconnect(broker);
    return rc;
}

static const char *const words[] = {"@held...", NULL};

/* ---- drop ---------------------------------------------------------------------------------------------- */

static int run_drop(const struct invocation *in) {
    struct holds holds;
    struct broker broker;
    int rc = holds_parse(in, &holds);

    if (rc == 0)
        rc = join(in, &broker);
    if (rc != 0)
        return rc;
    rc = portd_drop(broker.client, hold_owner(&holds), holds.names, holds.n, hold_expects(&holds),
                    in->deadline);
    if (rc < 0) {
        rc = hold_fail(in, broker.client, rc,
                       "'portctl list holds' shows the ids; without --expects it is dropped");
    } else {
        hold_answer(in, &holds, "dropped");
        rc = PORTCTL_DONE;
    }
    broker_disconnect(&broker);
    return rc;
}

static const struct option_row options_drop[] = {
    HOLD_OPTION_EXPECTS,
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage_drop[] = {"drop NAME... [--expects ID[,ID]...] [--of USER]", NULL};

static const char *const examples_drop[] = {
    "portctl drop web",
    "portctl drop log errors",
    "portctl drop web --expects \"$id\"",
    NULL,
};

static const char details_drop[] =
    "Ends what is held under these names, all or none, and returns when the broker has\n"
    "closed its copies. Semaphores, events and ports that were made by the name end,\n"
    "and waits for them, with the cause removed; copies that programs have stay open.\n"
    "With --expects only if the names have the descriptors with these ids: else exit\n"
    "code 1. 5: nothing is held under a name.";

const struct command command_drop = {
    .name = "drop",
    .summary = "end what is held under names",
    .usage = usage_drop,
    .details = details_drop,
    .options = options_drop,
    .examples = examples_drop,
    .words = words,
    .run = run_drop,
};

/* ---- renew --------------------------------------------------------------------------------------------- */

static int renew(const struct invocation *in, const struct holds *holds, const portd_lease *lease) {
    struct broker broker;
    int rc = join(in, &broker);

    if (rc != 0)
        return rc;
    rc = portd_renew(broker.client, hold_owner(holds), holds->names, holds->n, lease, in->deadline);
    if (rc < 0) {
        rc = hold_fail(in, broker.client, rc, NULL);
    } else {
        hold_answer(in, holds, "renewed");
        rc = PORTCTL_DONE;
    }
    broker_disconnect(&broker);
    return rc;
}

static int run_renew(const struct invocation *in) {
    struct holds holds;
    portd_lease lease;
    int rc = holds_parse(in, &holds);

    if (rc != 0)
        return rc;
    if (in->ttl_us == 0 && command_option(in, "process") == NULL && command_option(in, "hang-up") == NULL &&
        command_option(in, "forever") == NULL)
        return failure_usage(&in->output, NULL,
                             "until when? --ttl DURATION, --process PROCESS, --hang-up or --forever");
    rc = lease_parse(in, &lease);
    if (rc == 0)
        rc = renew(in, &holds, &lease);
    lease_close(&lease);
    return rc;
}

static const struct option_row options_renew[] = {
    LEASE_OPTION_PROCESS,
    LEASE_OPTION_HANG_UP,
    {"forever", NULL, "until it is dropped", false, NULL},
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage_renew[] = {
    "renew NAME... (--ttl DURATION | --process PROCESS | --hang-up | --forever) [--of USER]", NULL};

static const char *const examples_renew[] = {
    "portctl renew web --ttl 1h",
    "portctl renew log errors --process parent",
    "portctl renew web --forever",
    NULL,
};

static const char details_renew[] =
    "Sets anew until when descriptors are held; what was set before is forgotten.\n"
    "\n"
    "--ttl      for that time from now\n"
    "--process  until that process has ended\n"
    "--hang-up  until it hangs up; with several, until the first of them\n"
    "--forever  until they are dropped\n"
    "\n"
    "Exit code 5: nothing is held under a name, and nothing was changed.";

const struct command command_renew = {
    .name = "renew",
    .summary = "set until when descriptors are held",
    .usage = usage_renew,
    .details = details_renew,
    .options = options_renew,
    .examples = examples_renew,
    .words = words,
    .leases = true,
    .run = run_renew,
};
