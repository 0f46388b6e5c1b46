/* cmd_exec.c: portctl exec: runs a program with copies of the descriptors of ports.
 *
 * Everything that can fail at the broker is done before the exec: the ids are looked up, the copies fetched, and the
 * connection closed. Then portctl execs the program.
 *
 * The program may call portctl itself. The owner rule might then find another session than that of the script, for
 * example that of the program itself. So the program gets the token of that session and the address of the broker in its
 * environment. portctl exec itself makes nothing, but what the program makes is for the script.
 */
#include "broker.h"
#include "failure.h"
#include "ids.h"
#include "native.h"
#include "program.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES_MAX = IDS_PAGE, NAMES_MAX = 255 };

struct exec {
    const struct invocation *in;
    portd_id ids[PLACES_MAX];
    struct program_place places[PLACES_MAX]; /* number -1: the lowest free one */
    size_t n, n_listen;
    char *names; /* LISTEN_FDNAMES: names separated by colons */
};

/* ---- the command line ---------------------------------------------------------------------------------- */

static int parse_target(const struct invocation *in, const char *option, const char *text, portd_id *id) {
    if (text_number(text, (UINT64_C(1) << 53) - 1, id) && *id != 0)
        return 0;
    return failure_usage(&in->output, "ids are numbers; 'portctl list ports' shows them",
                         "--%s %s: not an id", option, text);
}

static bool is_taken(const struct exec *exec, portd_native number) {
    for (size_t i = 0; i < exec->n; i++)
        if (exec->places[i].number == number)
            return true;
    return false;
}

static int add_place(struct exec *exec, const char *option, const char *target, portd_native number) {
    const struct output *output = &exec->in->output;

    if (exec->n == PLACES_MAX)
        return failure_usage(output, NULL, "a program gets at most %d descriptors", PLACES_MAX);
    if (number >= 0 && is_taken(exec, number))
        return failure_usage(output, "--listen-fds takes the numbers from 3 on",
                             "descriptor %lld is assigned to two ports", (long long)number);
    exec->places[exec->n] = (struct program_place){-1, number};
    return parse_target(exec->in, option, target, &exec->ids[exec->n++]);
}

/* "N=ID", or "ID" for a free number. */
static int add_fd(struct exec *exec, const char *value) {
    size_t digits = strspn(value, "0123456789");
    uint64_t number;
    char *text;
    int rc;

    if (value[digits] != '=')
        return add_place(exec, "fd", value, -1);
    text = text_print("%.*s", (int)digits, value);
    if (text_number(text, INT32_MAX, &number))
        rc = add_place(exec, "fd", value + digits + 1, (portd_native)number);
    else
        rc = failure_usage(&exec->in->output, NULL, "--fd %s: not a descriptor number", value);
    free(text);
    return rc;
}

static int add_listen(struct exec *exec, const char *list) {
    int rc = 0;

    while (rc == 0 && list != NULL) {
        size_t length = strcspn(list, ",");
        char *target = text_print("%.*s", (int)length, list);

        rc = add_place(exec, "listen-fds", target, (portd_native)(PROGRAM_LISTEN_FIRST + exec->n_listen++));
        free(target);
        list = list[length] == ',' ? list + length + 1 : NULL;
    }
    return rc;
}

/* Listeners are parsed first: they have fixed numbers from 3 on, and all others get other numbers. */
static int parse_pass(struct exec *exec, bool listen) {
    static const char *const streams[] = {"stdin", "stdout", "stderr"};
    const struct invocation *in = exec->in;
    int rc = 0;

    for (size_t i = 0; i < in->n_arguments && rc == 0; i++) {
        const struct argument *argument = &in->arguments[i];
        const char *name = argument->option != NULL ? argument->option->name : "";

        if (strcmp(name, "listen-fds") == 0) {
            rc = listen ? add_listen(exec, argument->value) : 0;
            continue;
        }
        if (!listen && strcmp(name, "fd") == 0)
            rc = add_fd(exec, argument->value);
        for (int stream = 0; !listen && stream < 3 && rc == 0; stream++)
            if (strcmp(name, streams[stream]) == 0)
                rc = add_place(exec, name, argument->value, stream);
    }
    return rc;
}

/* Chooses the numbers that the command line leaves open. */
static void choose_numbers(struct exec *exec) {
    portd_native number = PROGRAM_LISTEN_FIRST;

    for (size_t i = 0; i < exec->n; i++) {
        if (exec->places[i].number >= 0)
            continue;
        while (is_taken(exec, number))
            number++;
        exec->places[i].number = number;
    }
}

static int check_numbers(const struct exec *exec) {
    for (size_t i = 0; i < exec->n; i++) {
        const char *refusal = program_refusal(exec->places[i].number);

        if (refusal != NULL)
            return failure_code(&exec->in->output, PORTD_E_UNSUPPORTED,
                                "--stdin, --stdout and --stderr pass descriptors on", "%s", refusal);
    }
    return 0;
}

static int parse(struct exec *exec) {
    const struct invocation *in = exec->in;
    int rc;

    if (command_words(in) > 0)
        return failure_usage(&in->output, NULL, "unexpected argument '%s': the program goes after '--'",
                             command_word(in, 0));
    if (in->program == NULL || in->program[0] == NULL)
        return failure_usage(&in->output, NULL, "the program is missing: -- COMMAND [ARGUMENT]...");
    rc = parse_pass(exec, true);
    if (rc == 0)
        rc = parse_pass(exec, false);
    if (rc == 0)
        choose_numbers(exec);
    return rc == 0 ? check_numbers(exec) : rc;
}

/* ---- at the broker ------------------------------------------------------------------------------------- */

static const char *target_hint(int kind) {
    switch (kind) {
    case PORTD_KIND_SEMAPHORE:
    case PORTD_KIND_EVT:
        return "'portctl wait' waits for it; 'portctl call handle' with --receive gives a program its handle "
               "to poll";
    case PORTD_KIND_DESCRIPTOR:
        return "use a port made from it; 'portctl list ports' shows them";
    default:
        return "'portctl list ports' shows what can be passed on";
    }
}

/* Appends a name to the colon-separated list; characters not allowed in it are replaced. */
static void add_name(struct exec *exec, const char *name) {
    char *safe = text_print("%.*s", NAMES_MAX, name[0] != '\0' ? name : "unknown"), *longer;

    for (char *p = safe; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~' || *p == ':')
            *p = '_';
    longer =
        text_print("%s%s%s", exec->names != NULL ? exec->names : "", exec->names != NULL ? ":" : "", safe);
    free(exec->names);
    free(safe);
    exec->names = longer;
}

static int check_ports(const struct exec *exec, const portd_list *list) {
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_item *item = portd_list_item(list, i);

        if (item->kind != PORTD_KIND_PORT)
            return failure_usage(&exec->in->output, target_hint(item->kind),
                                 "%llu is not a port, its kind is %s", (unsigned long long)item->id,
                                 portd_kind_name(item->kind));
    }
    return 0;
}

static int look_up(struct exec *exec, portd_client *client) {
    portd_list *list;
    int rc;

    if (exec->n == 0)
        return 0;
    rc = portd_show(client, exec->ids, exec->n, exec->in->deadline, &list);
    if (rc < 0)
        return failure_call(&exec->in->output, client, rc);
    rc = check_ports(exec, list);
    for (size_t i = 0; i < exec->n_listen && rc == 0; i++)
        add_name(exec, portd_list_item(list, i)->name);
    portd_list_free(list);
    return rc;
}

static int take_copies(struct exec *exec, portd_client *client) {
    for (size_t i = 0; i < exec->n; i++) {
        int rc = portd_port_dup_fd(client, exec->ids[i], exec->in->deadline, &exec->places[i].copy);

        if (rc < 0)
            return failure_call(&exec->in->output, client, rc);
        output_detail(&exec->in->output, "port %llu is descriptor %lld", (unsigned long long)exec->ids[i],
                      (long long)exec->places[i].number);
    }
    return 0;
}

static int set_environment(const struct exec *exec, const struct broker *broker) {
    int rc = broker_export(exec->in, broker), error;

    if (rc != 0 || exec->n_listen == 0)
        return rc;
    error = program_announce(exec->n_listen, exec->names);
    if (error == 0)
        return 0;
    return failure_code(&exec->in->output, PORTD_E_SYSTEM, NULL, "cannot set the program's environment: %s",
                        native_error_text(error));
}

static int run_exec(struct exec *exec) {
    struct broker_wish wish = {
        .session = BROKER_PROGRAM, .start = true, .deadline = exec->in->deadline, .ownerless = true};
    struct broker broker;
    int rc = parse(exec);

    if (rc == 0)
        rc = broker_connect(exec->in, &wish, &broker);
    if (rc != 0)
        return rc;
    rc = look_up(exec, broker.client);
    if (rc == 0)
        rc = take_copies(exec, broker.client);
    if (rc == 0)
        rc = set_environment(exec, &broker);
    broker_disconnect(&broker);
    if (rc == 0)
        return program_become(&exec->in->output, exec->in->program, exec->places, exec->n);
    for (size_t i = 0; i < exec->n; i++)
        if (exec->places[i].copy >= 0)
            native_close(exec->places[i].copy);
    return rc;
}

static int run(const struct invocation *in) {
    struct exec *exec = text_room(1, sizeof(*exec));
    int rc;

    exec->in = in;
    rc = run_exec(exec);
    free(exec->names);
    free(exec);
    return rc;
}

/* ---- the verb ------------------------------------------------------------------------------------------ */

static const struct option_row options[] = {
    {"fd", "N=ID", "pass a copy as descriptor N, or as a free one", true, "=@port"},
    {"listen-fds", "ID[,ID]...", "pass copies from 3 on, with LISTEN_FDS", true, ",@port"},
    {"stdin", "ID", "pass a copy as standard input", false, "@port"},
    {"stdout", "ID", "pass a copy as standard output", false, "@port"},
    {"stderr", "ID", "pass a copy as standard error", false, "@port"},
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "exec [--fd [N=]ID]... [--listen-fds ID[,ID]...] [--stdin ID] [--stdout ID] [--stderr ID] -- COMMAND "
    "[ARGUMENT]...",
    NULL,
};

static const char *const examples[] = {
    "portctl exec --stdin \"$in\" --stdout \"$out\" -- ./handle-connection",
    "portctl exec --listen-fds \"$web\" -- ./server",
    "portctl exec --fd 4=\"$log\" -- bash -c 'echo hello >&4'",
    "portctl exec -- bash",
    NULL,
};

static const char details[] =
    "Runs a program in place of portctl, as the same process, with copies of the\n"
    "descriptors of ports under the given numbers. Either port of a wrap names its\n"
    "descriptor, and the copy is as that was opened, whatever the port's direction: of\n"
    "an input port for reading and writing if the descriptor was. The program also\n"
    "gets what portctl has inherited, as with env, and nothing else; in particular not\n"
    "the connection to the broker.\n"
    "\n"
    "--fd          N=ID: as descriptor N; ID alone: under the lowest number from 3 on\n"
    "              that no other option uses\n"
    "--listen-fds  as 3, 4, ..., in this order, for programs that support socket\n"
    "              activation: LISTEN_FDS counts them, LISTEN_PID is the program,\n"
    "              LISTEN_FDNAMES has the names of the ports, with '_' for colons and\n"
    "              for anything but visible ASCII characters, and 'unknown' for a\n"
    "              port without a name\n"
    "\n"
    "PORTD_SESSION and PORTD_ADDRESS are set for the program, so that what it makes by\n"
    "portctl belongs to the script: to the session of the nearest process around\n"
    "portctl that has one; if none has, it is made for the owners. It ends with its\n"
    "owner, however long the program runs; put 'env -u PORTD_SESSION' before the\n"
    "program to select a session by the usual rule. With --address fd:N both are\n"
    "removed: that connection ends with portctl.\n"
    "\n"
    "The exit code is that of the program. 125: portctl failed before it ran, 126: it\n"
    "cannot be run, 127: it does not exist; or a code of portctl, such as 5 for an id\n"
    "that does not exist. --timeout limits the time before the program runs.";

const struct command command_exec = {
    .name = "exec",
    .summary = "run a program with copies of ports' descriptors",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .runs = true,
    .joins = true,
    .run = run,
};
