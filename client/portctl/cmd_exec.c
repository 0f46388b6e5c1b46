/* cmd_exec.c: portctl exec: runs a program with copies of the descriptors of ports, and of what is held under names.
 *
 * Everything that can fail at the broker is done before the exec: the ids are looked up, the copies fetched, and the
 * connection closed. Then portctl execs the program.
 */
#include "failure.h"
#include "hold.h"
#include "native.h"
#include "pass.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

struct exec {
    const struct invocation *in;
    struct pass pass;
    portd_id ids[PASS_MAX]; /* of a port; 0: a name is meant */
    char *names[PASS_MAX];  /* of what is held, or NULL */
    struct holds holds;     /* whose they are */
};

/* ---- the command line ---------------------------------------------------------------------------------- */

/* Of the place that was added last. */
static int parse_target(struct exec *exec, const char *option, const char *text) {
    size_t i = exec->pass.n - 1;
    const char *name;
    int rc;

    if (!hold_is_name(text)) {
        if (text_number(text, (UINT64_C(1) << 53) - 1, &exec->ids[i]) && exec->ids[i] != 0)
            return 0;
        return failure_usage(&exec->in->output, "'portctl list ports' shows ids, 'portctl list holds' names",
                             "--%s %s: not an id or a name", option, text);
    }
    rc = hold_read(exec->in, text, &name);
    if (rc == 0)
        exec->names[i] = text_copy(name);
    return rc;
}

/* "N=TARGET", or "TARGET" for a free number. */
static int add_fd(struct exec *exec, const char *value) {
    size_t digits = strspn(value, "0123456789");
    char *number;
    int rc;

    if (value[digits] != '=') {
        rc = pass_add(&exec->pass, -1);
        return rc != 0 ? rc : parse_target(exec, "fd", value);
    }
    number = text_print("%.*s", (int)digits, value);
    rc = pass_add_number(&exec->pass, "fd", number);
    free(number);
    return rc != 0 ? rc : parse_target(exec, "fd", value + digits + 1);
}

static int add_listen(struct exec *exec, const char *list) {
    int rc = 0;

    while (rc == 0 && list != NULL) {
        size_t length = strcspn(list, ",");
        char *target = text_print("%.*s", (int)length, list);

        rc = pass_add_listen(&exec->pass);
        if (rc == 0)
            rc = parse_target(exec, "listen-fds", target);
        free(target);
        list = list[length] == ',' ? list + length + 1 : NULL;
    }
    return rc;
}

static int add_stream(struct exec *exec, const char *option, const char *target, int stream) {
    int rc = pass_add(&exec->pass, stream);

    return rc != 0 ? rc : parse_target(exec, option, target);
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
                rc = add_stream(exec, name, argument->value, stream);
    }
    return rc;
}

static bool has_names(const struct exec *exec) {
    for (size_t i = 0; i < exec->pass.n; i++)
        if (exec->names[i] != NULL)
            return true;
    return false;
}

static int check_names(const struct exec *exec) {
    int rc = 0;

    for (size_t i = 0; i < exec->pass.n_listen && rc == 0; i++)
        if (exec->names[i] != NULL)
            rc = announce_check(&exec->pass.announce, exec->names[i]);
    return rc;
}

static int parse(struct exec *exec) {
    const struct invocation *in = exec->in;
    int rc;

    if (command_words(in) > 0)
        return failure_usage(&in->output, NULL, "unexpected argument '%s': the program goes after '--'",
                             command_word(in, 0));
    rc = pass_check_program(in);
    if (rc == 0)
        rc = hold_read_owner(in, &exec->holds);
    if (rc == 0)
        rc = announce_parse(&exec->pass.announce);
    if (rc == 0)
        rc = parse_pass(exec, true);
    if (rc == 0)
        rc = parse_pass(exec, false);
    if (rc == 0 && exec->holds.owner[0] != '\0' && !has_names(exec))
        rc = failure_usage(&in->output, NULL, "--of applies to names, and there is none");
    if (rc == 0)
        rc = check_names(exec);
    return rc == 0 ? pass_choose(&exec->pass) : rc;
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

/* With the names of the ports in the list, and of what is held. */
static int announce_listeners(struct exec *exec, const portd_list *list) {
    size_t port = 0;
    int rc = 0;

    for (size_t i = 0; i < exec->pass.n_listen && rc == 0; i++)
        rc = exec->names[i] != NULL ? announce_add_held(&exec->pass.announce, exec->names[i])
                                    : announce_add(&exec->pass.announce, portd_list_item(list, port++)->name);
    return rc;
}

static int look_up(struct exec *exec, portd_client *client) {
    portd_id ids[PASS_MAX];
    portd_list *list = NULL;
    size_t n = 0;
    int rc;

    for (size_t i = 0; i < exec->pass.n; i++)
        if (exec->names[i] == NULL)
            ids[n++] = exec->ids[i];
    if (n > 0 && (rc = portd_show(client, ids, n, exec->in->deadline, &list)) < 0)
        return failure_call(&exec->in->output, client, rc);
    rc = n > 0 ? check_ports(exec, list) : 0;
    if (rc == 0)
        rc = announce_listeners(exec, list);
    portd_list_free(list);
    return rc;
}

static int take_held(struct exec *exec, portd_client *client, size_t i) {
    const char *name = exec->names[i];
    int rc = hold_check(exec->in, client);

    if (rc != 0)
        return rc;
    rc = portd_get(client, hold_owner(&exec->holds), &name, 1, NULL, exec->in->deadline,
                   &exec->pass.places[i].copy, NULL);
    if (rc < 0)
        return hold_fail(exec->in, client, rc, NULL);
    output_detail(&exec->in->output, "%s is descriptor %lld", name, (long long)exec->pass.places[i].number);
    return 0;
}

static int take_copy(struct exec *exec, portd_client *client, size_t i) {
    struct program_place *place = &exec->pass.places[i];
    int rc = portd_port_dup_fd(client, exec->ids[i], exec->in->deadline, &place->copy);

    if (rc < 0)
        return failure_call(&exec->in->output, client, rc);
    output_detail(&exec->in->output, "port %llu is descriptor %lld", (unsigned long long)exec->ids[i],
                  (long long)place->number);
    return 0;
}

static int take_copies(struct exec *exec, portd_client *client) {
    int rc = 0;

    for (size_t i = 0; i < exec->pass.n && rc == 0; i++)
        rc = exec->names[i] != NULL ? take_held(exec, client, i) : take_copy(exec, client, i);
    return rc;
}

/* The program's NOTIFY_SOCKET. */
static int tell_door(const struct exec *exec, portd_client *client) {
    static const char scheme[] = "unix:";
    const struct output *output = &exec->in->output;
    portd_list *list = NULL;
    const char *address;
    int rc = portd_get_status(client, exec->in->deadline, &list), error = 0;

    if (rc < 0)
        return failure_call(output, client, rc);
    address = portd_list_status(list)->door_notify;
    rc = 0;
    if (strncmp(address, scheme, sizeof(scheme) - 1) != 0)
        rc = failure_code(output, PORTD_E_UNSUPPORTED,
                          "door { notify = \"unix:PATH\" } in its configuration opens one at its next start",
                          "the broker has no door for notifications");
    else if ((error = program_set("NOTIFY_SOCKET", address + sizeof(scheme) - 1)) != 0)
        rc = failure_code(output, PORTD_E_SYSTEM, NULL, "cannot set the program's environment: %s",
                          native_error_text(error));
    portd_list_free(list);
    return rc;
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
    if (rc == 0 && command_option(exec->in, "notify") != NULL)
        rc = tell_door(exec, broker.client);
    if (rc == 0)
        rc = pass_export(&exec->pass, &broker);
    broker_disconnect(&broker);
    return rc != 0 ? rc : pass_run(&exec->pass);
}

static int run(const struct invocation *in) {
    struct exec *exec = text_room(1, sizeof(*exec));
    int rc;

    exec->in = in;
    pass_init(&exec->pass, in);
    rc = run_exec(exec);
    for (size_t i = 0; i < PASS_MAX; i++)
        free(exec->names[i]);
    pass_deinit(&exec->pass);
    free(exec);
    return rc;
}

/* ---- the verb ------------------------------------------------------------------------------------------ */

static const struct option_row options[] = {
    {"fd", "N=TARGET", "pass a copy as descriptor N, or as a free one", true, "=@port|@held"},
    {"listen-fds", "TARGET[,TARGET]...", "pass copies from 3 on, with LISTEN_FDS", true, ",@port|@held"},
    ANNOUNCE_OPTION_PRESET,
    {"stdin", "TARGET", "pass a copy as standard input", false, "@port|@held"},
    {"stdout", "TARGET", "pass a copy as standard output", false, "@port|@held"},
    {"stderr", "TARGET", "pass a copy as standard error", false, "@port|@held"},
    {"notify", NULL, "let the program store descriptors by sd_notify(3)", false, NULL},
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "exec [--fd [N=]TARGET]... [--listen-fds TARGET[,TARGET]... [--preset PRESET]] [--stdin TARGET] "
    "[--stdout TARGET] [--stderr TARGET] [--notify] [--of USER] -- COMMAND [ARGUMENT]...",
    NULL,
};

static const char *const examples[] = {
    "portctl exec --stdin \"$in\" --stdout \"$out\" -- ./handle-connection",
    "portctl exec --listen-fds web -- ./server",
    "portctl exec --listen-fds web,admin --preset nginx -- nginx",
    "portctl exec --notify --listen-fds web -- ./server",
    "portctl exec --fd 4=\"$log\" -- bash -c 'echo hello >&4'",
    "portctl exec -- bash",
    NULL,
};

static const char details[] =
    "Runs a program in place of portctl, as the same process, with copies of the\n"
    "descriptors of ports, and of what is held under names, under the given numbers. A\n"
    "TARGET is the id of a port or a name; hold:NAME if it is all digits or begins\n"
    "with hold: or digits and '='. Either port of a wrap names its descriptor, and the\n"
    "copy is as that was opened, whatever the port's direction: of an input port for\n"
    "reading and writing if the descriptor was. The program also gets what portctl has\n"
    "inherited, as with env, and nothing else; in particular not the connection to the\n"
    "broker.\n"
    "\n"
    "--fd          N=TARGET: as descriptor N; TARGET alone: under the lowest number\n"
    "              from 3 on that no other option uses\n"
    "--listen-fds  as 3, 4, ..., in this order, for programs that support socket\n"
    "              activation: LISTEN_FDS counts them, LISTEN_PID is the program,\n"
    "              LISTEN_PIDFDID too where the system has it. LISTEN_FDNAMES has the\n"
    "              names, in printable ASCII without colons: of what is held no\n"
    "              others are possible, in those of ports there is '_' instead, and\n"
    "              'unknown' for none. NAME:2, the second that a program has stored\n"
    "              as NAME, is NAME again. For a name with a comma:\n"
    "              portctl get --listen\n"
    "--preset      tells of the same descriptors in place of that\n"
    "              nginx    by NGINX, as the nginx before it would: the addresses\n"
    "                       of its 'listen' must be those of the listeners, and it\n"
    "                       stays in the foreground\n"
    "              haproxy  by a variable for each name, FD_WEB for web, with '_'\n"
    "                       for all but letters and digits: bind \"fd@${FD_WEB}\"\n"
    "--notify      NOTIFY_SOCKET is the broker's door for notifications: what the program\n"
    "              stores by sd_notify(3) with FDSTORE=1 is held for its user, and the\n"
    "              next start has it by --listen-fds. portd.conf opens the door\n"
    "--of          whose holds the names are, if not one's own\n"
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
    "or a name that does not exist. --timeout limits the time before the program runs.";

const struct command command_exec = {
    .name = "exec",
    .summary = "run a program with copies of descriptors",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .runs = true,
    .joins = true,
    .run = run,
};
