/* cmd_put.c: portctl put: has descriptors held under names. */
#include "broker.h"
#include "failure.h"
#include "hold.h"
#include "lease.h"
#include "listener.h"
#include "native.h"
#include "procedure.h"
#include "spool.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

struct put {
    struct holds holds;
    portd_native fds[HOLDS_MAX];
    const char *addresses[HOLDS_MAX]; /* of a listener that is made; else NULL */
    size_t n_made;                    /* the names before this have theirs */
    bool refused;                     /* certainly nothing was put */
    portd_id ids[HOLDS_MAX];
    portd_lease lease;
    uint64_t spools[HOLDS_MAX]; /* of each */
    uint64_t spool;             /* 0: none */
    int when_full;
};

enum { WORDS = 3 }; /* NAME fd N */

static int parse_listen(const struct invocation *in, const char *word, const char *address, struct put *put) {
    int rc = address != NULL ? listener_check(in, address)
                             : failure_usage(&in->output, NULL, "the address is missing: listen ADDRESS");

    put->addresses[put->holds.n] = address;
    return rc != 0 ? rc : hold_add(in, &put->holds, word);
}

static int parse_one(const struct invocation *in, size_t first, struct put *put) {
    const char *word = command_word(in, first), *kind = command_word(in, first + 1),
               *number = command_word(in, first + 2);
    int number_kind, rc;

    if (kind == NULL)
        return failure_usage(&in->output, NULL,
                             "%s: the descriptor is missing: fd N, socket N or listen ADDRESS", word);
    if (strcmp(kind, "listen") == 0)
        return parse_listen(in, word, number, put);
    rc = procedure_read(in, kind, number, &number_kind, &put->fds[put->holds.n]);
    if (rc == 0)
        rc = procedure_open(in, put->fds[put->holds.n]);
    return rc != 0 ? rc : hold_add(in, &put->holds, word);
}

static int parse(const struct invocation *in, struct put *put) {
    size_t n = command_words(in);
    int rc = 0;

    if (n == 0)
        return failure_usage(&in->output, NULL,
                             "the name is missing: NAME fd N, NAME socket N or NAME listen ADDRESS");
    for (size_t i = 0; i < n && rc == 0; i += WORDS)
        rc = put->holds.n == HOLDS_MAX
                 ? failure_usage(&in->output, NULL, "at most %d names at a time", HOLDS_MAX)
                 : parse_one(in, i, put);
    if (rc == 0)
        rc = holds_parse_options(in, &put->holds);
    if (rc == 0)
        rc = spool_parse(in, &put->spool, &put->when_full);
    return rc == 0 ? lease_parse(in, &put->lease) : rc;
}

/* The names in the order of the command line; in text the ids alone. */
static void answer(const struct invocation *in, const struct put *put) {
    struct node *object = node_object(), *list = node_list();

    for (size_t i = 0; i < put->holds.n; i++) {
        struct node *one = node_object();

        node_text(one, "name", put->holds.names[i]);
        node_number(one, "id", put->ids[i]);
        if (output_is_text(&in->output)) {
            output_value(&in->output, "id", one);
        } else {
            node_append(list, one);
        }
    }
    node_put(object, "put", list);
    output_value(&in->output, "", object);
}

static int open_listeners(const struct invocation *in, struct put *put) {
    int rc = 0;

    for (; put->n_made < put->holds.n; put->n_made++)
        if (put->addresses[put->n_made] != NULL) {
            rc = listener_open(in, put->addresses[put->n_made], &put->fds[put->n_made]);
            if (rc != 0)
                break;
        }
    return rc;
}

static bool is_certain(int code) {
    return code != PORTD_E_UNCERTAIN && code != PORTD_E_DISCONNECTED && code != PORTD_E_TIMEOUT &&
           code != PORTD_E_INTERRUPTED;
}

static void close_listeners(struct put *put) {
    for (size_t i = 0; i < put->n_made; i++)
        if (put->addresses[i] != NULL) {
            native_close(put->fds[i]);
            if (put->refused)
                listener_forget(put->addresses[i]);
        }
}

static int put_all(const struct invocation *in, portd_client *client, struct put *put) {
    int rc = hold_check(in, client);

    if (rc == 0)
        rc = open_listeners(in, put);
    put->refused = rc != 0;
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < put->holds.n; i++)
        put->spools[i] = put->spool;
    rc = portd_put_spooled(client, hold_owner(&put->holds), put->holds.names, put->fds, put->holds.n,
                           hold_expects(&put->holds), &put->lease, put->spool != 0 ? put->spools : NULL,
                           put->when_full, in->deadline, put->ids);
    put->refused = rc < 0 && is_certain(rc);
    if (rc < 0)
        return hold_fail(
            in, client, rc,
            "--expects with that id replaces it, 'portctl drop' ends it, another name keeps both");
    answer(in, put);
    return PORTCTL_DONE;
}

static int run(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .start = true, .deadline = in->deadline};
    struct put *put = text_room(1, sizeof(*put));
    struct broker broker;
    int rc;

    put->lease = (portd_lease)PORTD_LEASE_INIT;
    rc = parse(in, put);
    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc == 0) {
        rc = put_all(in, broker.client, put);
        close_listeners(put);
        broker_disconnect(&broker);
    }
    lease_close(&put->lease);
    free(put);
    return rc;
}

static const struct option_row options[] = {
    LEASE_OPTION_PROCESS,
    LEASE_OPTION_HANG_UP,
    SPOOL_OPTION_BYTES,
    SPOOL_OPTION_WHEN_FULL,
    HOLD_OPTION_EXPECTS,
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "put NAME fd N [NAME fd N]... [--ttl DURATION] [--process PROCESS] [--hang-up] [--expects ID[,ID]...] "
    "[--spool SIZE [--when-full drop|stop]] [--of USER]",
    "put NAME socket N [NAME socket N]... [--ttl DURATION] [--process PROCESS] [--hang-up] "
    "[--expects ID[,ID]...] [--spool SIZE [--when-full drop|stop]] [--of USER]",
    "put NAME listen ADDRESS [NAME listen ADDRESS]... [--ttl DURATION] [--process PROCESS] [--hang-up] "
    "[--expects ID[,ID]...] [--of USER]",
    NULL,
};

static const char *const examples[] = {
    "portctl put web listen 127.0.0.1:8080",
    "portctl put web socket 5 5<&\"$listener\"",
    "portctl put log fd 1 errors fd 2 --process parent",
    "portctl put line socket 4 --hang-up",
    "make 2>&1 | portctl put build fd 0 --spool 1MiB",
    "portctl put web socket 5 --expects \"$id\" --ttl 1h 5<&\"$other\"",
    NULL,
};

static const char details[] =
    "Has the broker hold a copy of descriptor N under a name, whatever becomes of the\n"
    "program that opened it and of its session, and prints the id of the copy. 'portctl\n"
    "get' and 'exec' give it to a program, 'wait', 'semaphore', 'evt', 'wrap' and 'cat'\n"
    "use it by its name, 'drop' ends it. Several descriptors are put all or none; each\n"
    "is fd, socket or listen.\n"
    "\n"
    "'listen ADDRESS' makes a listening socket and puts that: 127.0.0.1:80, [::1]:80\n"
    "(0.0.0.0:80, [::]:80: all interfaces), unix:PATH or unix:@NAME. Connections wait\n"
    "in it until a program accepts them.\n"
    "\n"
    "A NAME has 1 to 255 bytes of UTF-8 and is one of this user's. One that begins\n"
    "with 'hold:' is written with another 'hold:' before it, as is one of digits\n"
    "where an id is possible.\n"
    "\n"
    "--ttl      drop it after that time\n"
    "--process  drop it when that process has ended: a process id, parent or\n"
    "           session-leader\n"
    "--hang-up  drop it when it hangs up: a pipe whose other end is closed, a stream\n"
    "           socket that is closed for both directions, a terminal; nothing else\n"
    "           tells. With several, at the first of them; with none it is held\n"
    "           until it is dropped\n"
    "--expects  replace: one id for each name, which must be held there, or 0 where\n"
    "           nothing may be. What was made from the old descriptor ends with the\n"
    "           cause replaced. Without it a name that is taken is refused\n"
    "--spool    the broker takes what comes from a pipe, a stream socket or a terminal,\n"
    "           and keeps the last bytes, 4KiB to 64MiB, also when it dies and has a\n"
    "           keeper: 'portctl spool' prints them. Only --raw gets the descriptor then\n"
    "--when-full stop: takes no more until 'portctl spool --acknowledge' makes room,\n"
    "           so nothing is lost; drop: the oldest bytes go\n"
    "--of       hold it for another user, where that is allowed\n"
    "\n"
    "Exit code 1: something is held under a name already, or not what --expects says;\n"
    "the error has its id, and nothing was put. The other end of a pipe or socket sees\n"
    "no end of file while it is held.";

static const char *const words[] = {"@held", "fd|socket|listen", "", "@held", "fd|socket|listen", NULL};

const struct command command_put = {
    .name = "put",
    .summary = "have descriptors held under names",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .words = words,
    .leases = true,
    .run = run,
};
