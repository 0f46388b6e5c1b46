/* cmd_get.c: portctl get and take: a program with what is held under names.
 *
 * Take gets copies, and drops what is held once the program is known to be there and its copies are: who is killed before that, or
 * cannot run the program, loses nothing. The drop names what was got, so of two that take the same one alone runs its program.
 */
#include "failure.h"
#include "hold.h"
#include "pass.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

struct get {
    const struct invocation *in;
    struct pass pass;
    struct holds holds;
    portd_id ids[HOLDS_MAX];
};

/* ---- the command line ---------------------------------------------------------------------------------- */

/* Each --fd is the number of one name, in order; the others are from 3 on. */
static int parse_numbers(struct get *get) {
    const struct invocation *in = get->in;
    int rc = 0;

    for (size_t i = 0; i < in->n_arguments && rc == 0; i++) {
        const struct argument *argument = &in->arguments[i];

        if (argument->option == NULL || strcmp(argument->option->name, "fd") != 0)
            continue;
        if (get->pass.n == get->holds.n)
            return failure_usage(&in->output, NULL, "--fd %s: there are more numbers than names",
                                 argument->value);
        rc = pass_add_number(&get->pass, "fd", argument->value);
    }
    return rc;
}

static int parse_places(struct get *get) {
    const struct invocation *in = get->in;
    bool listen = command_option(in, "listen") != NULL;
    int rc = 0;

    if (listen && command_option(in, "fd") != NULL)
        return failure_usage(&in->output, NULL, "--listen passes the descriptors from 3 on: not with --fd");
    rc = parse_numbers(get);
    while (rc == 0 && get->pass.n < get->holds.n)
        rc = listen ? pass_add_listen(&get->pass) : pass_add(&get->pass, -1);
    for (size_t i = 0; listen && i < get->holds.n && rc == 0; i++)
        rc = announce_check(&get->pass.announce, get->holds.names[i]);
    for (size_t i = 0; listen && i < get->holds.n && rc == 0; i++)
        rc = announce_add_held(&get->pass.announce, get->holds.names[i]);
    return rc == 0 ? pass_choose(&get->pass) : rc;
}

static int parse(struct get *get) {
    int rc = holds_parse(get->in, &get->holds);

    if (rc == 0)
        rc = pass_check_program(get->in);
    return rc == 0 ? parse_places(get) : rc;
}

/* ---- at the broker ------------------------------------------------------------------------------------- */

static const char *const mismatch = "'portctl list holds' shows the ids; without --expects it is any";

static int get_copies(struct get *get, portd_client *client) {
    const struct holds *holds = &get->holds;
    portd_native copies[HOLDS_MAX];
    bool raw = command_option(get->in, "raw") != NULL;
    int rc = raw ? portd_get_raw(client, hold_owner(holds), holds->names, holds->n, hold_expects(holds), 0,
                                 get->in->deadline, copies, get->ids)
                 : portd_get(client, hold_owner(holds), holds->names, holds->n, hold_expects(holds),
                             get->in->deadline, copies, get->ids);

    if (rc < 0)
        return hold_fail(get->in, client, rc, mismatch);
    for (size_t i = 0; i < holds->n; i++) {
        get->pass.places[i].copy = copies[i];
        output_detail(&get->in->output, "%s is descriptor %lld", holds->names[i],
                      (long long)get->pass.places[i].number);
    }
    return 0;
}

/* Without a deadline: if nobody learnt that it was done, the copies would be the last, and closed. Returns 0; the exit code; or -1: something
 * else is held now. */
static int drop_held(struct get *get, portd_client *client) {
    const struct holds *holds = &get->holds;
    int rc = portd_drop(client, hold_owner(holds), holds->names, holds->n, get->ids, PORTD_FOREVER);

    if (rc == PORTD_E_EXISTS && !holds->expected)
        return -1;
    if (rc == PORTD_E_DISCONNECTED || rc == PORTD_E_UNCERTAIN) {
        /* The copies may be the last ones: the program gets them. */
        output_detail(&get->in->output, "the broker has gone: the names may still be held");
        return 0;
    }
    return rc < 0 ? hold_fail(get->in, client, rc, mismatch) : 0;
}

static int take_copies(struct get *get, portd_client *client) {
    int rc;

    while ((rc = get_copies(get, client)) == 0 && (rc = drop_held(get, client)) < 0)
        pass_close(&get->pass);
    return rc;
}

static int run_get(struct get *get, bool take) {
    struct broker_wish wish = {
        .session = BROKER_PROGRAM, .start = true, .deadline = get->in->deadline, .ownerless = true};
    struct broker broker;
    int rc = parse(get);

    if (rc == 0 && take)
        rc = program_check(&get->in->output, get->in->program[0]);
    if (rc == 0)
        rc = broker_connect(get->in, &wish, &broker);
    if (rc != 0)
        return rc;
    rc = hold_check(get->in, broker.client);
    if (rc == 0)
        rc = pass_export(&get->pass, &broker);
    if (rc == 0)
        rc = take ? take_copies(get, broker.client) : get_copies(get, broker.client);
    broker_disconnect(&broker);
    return rc != 0 ? rc : pass_run(&get->pass);
}

static int run_either(const struct invocation *in, bool take) {
    struct get *get = text_room(1, sizeof(*get));
    int rc;

    get->in = in;
    pass_init(&get->pass, in);
    rc = run_get(get, take);
    pass_deinit(&get->pass);
    free(get);
    return rc;
}

static int run(const struct invocation *in) { return run_either(in, false); }

static int run_take(const struct invocation *in) { return run_either(in, true); }

/* ---- the verbs ----------------------------------------------------------------------------------------- */

static const struct option_row options[] = {
    {"fd", "N", "the number of the next name: 0 is standard input", true, NULL},
    {"listen", NULL, "announce them as LISTEN_FDS, from 3 on", false, NULL},
    {"raw", NULL, "also what has a spool, which is marked", false, NULL},
    HOLD_OPTION_EXPECTS,
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const words[] = {"@held...", NULL};

static const char *const usage_get[] = {
    "get NAME... [--fd N]... [--listen] [--raw] [--expects ID[,ID]...] [--of USER] -- COMMAND [ARGUMENT]...",
    NULL};

static const char *const examples_get[] = {
    "portctl get web --listen -- ./server",
    "portctl get log -- bash -c 'echo hello >&3'",
    "portctl get log --fd 0 -- head -n 1",
    NULL,
};

static const char details_get[] =
    "Runs a program in place of portctl, as the same process, with copies of what is\n"
    "held under the names: as 3, 4, ... in this order, or under the numbers of --fd,\n"
    "which are for the names in their order. All else is as with 'portctl exec', which\n"
    "also passes on the descriptors of ports. It stays held.\n"
    "\n"
    "--listen   for programs that support socket activation: sets LISTEN_FDS,\n"
    "           LISTEN_PID, LISTEN_PIDFDID where the system has it, and\n"
    "           LISTEN_FDNAMES, which has the names: printable ASCII without colons\n"
    "--raw      also what was put with --spool: the program can read what the spool\n"
    "           then lacks, which 'portctl spool' tells as a gap\n"
    "--expects  only if the names have the descriptors with these ids, one for each:\n"
    "           else exit code 1, and the program does not run\n"
    "\n"
    "The exit code is that of the program. 5: nothing is held under a name. 125:\n"
    "portctl failed before it ran, 126: it cannot be run, 127: it does not exist.\n"
    "--timeout limits the time before the program runs.";

const struct command command_get = {
    .name = "get",
    .summary = "run a program with what is held under names",
    .usage = usage_get,
    .details = details_get,
    .options = options,
    .examples = examples_get,
    .words = words,
    .runs = true,
    .joins = true,
    .run = run,
};

static const char *const usage_take[] = {
    "take NAME... [--fd N]... [--listen] [--raw] [--expects ID[,ID]...] [--of USER] -- COMMAND [ARGUMENT]...",
    NULL};

static const char *const examples_take[] = {
    "portctl take web --listen -- ./last-server",
    "portctl take job --fd 0 -- ./work",
    NULL,
};

static const char details_take[] =
    "The same as 'portctl get', and ends what is held: of several that take the same\n"
    "one alone runs its program, the others exit with 5. What was made by the names\n"
    "ends, and waits for it, with the cause removed. A program that is not there, or\n"
    "may not be run, takes nothing (126, 127).";

const struct command command_take = {
    .name = "take",
    .summary = "the same as get, and end what is held",
    .usage = usage_take,
    .details = details_take,
    .options = options,
    .examples = examples_take,
    .words = words,
    .runs = true,
    .joins = true,
    .run = run_take,
};
