/* cmd_spool.c: portctl spool: prints what the broker has kept of what came. Positions make a broker's death harmless: the next one is asked from where the
 * last one has answered. */
#include "broker.h"
#include "client/portd.h"
#include "failure.h"
#include "hold.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 65536, AGAIN_US = 5 * 1000 * 1000, PAUSE_US = 50 * 1000 };

struct spooling {
    const struct invocation *in;
    struct holds holds;
    struct broker broker;
    bool follows, acknowledges, first;
    uint64_t from;
    uint64_t until; /* without --follow: what there was at first */
    portd_id descriptor;
    bool has_gap; /* one was told of: */
    uint64_t gap;
    portd_spool spool;
    char bytes[CHUNK];
};

/* ---- the broker ------------------------------------------------------------------------------------------ */

static int fail(const struct spooling *spooling, int rc) {
    const struct invocation *in = spooling->in;

    if (rc == PORTD_E_NOT_FOUND && !spooling->first)
        return failure_own(&in->output, "ended", PORTCTL_ENDED, NULL, "'%s' is not held any more",
                           spooling->holds.names[0]);
    return hold_fail(in, spooling->broker.client, rc, NULL);
}

/* The keeper has started another broker, or will. */
static bool connect_again(struct spooling *spooling) {
    int64_t deadline = portd_now() + AGAIN_US;
    struct broker_wish wish = {.session = BROKER_ALONE};
    char message[512];

    broker_disconnect(&spooling->broker);
    while (portd_now() < deadline) {
        wish.deadline = portd_now() + PAUSE_US * 10;
        if (broker_try(spooling->in, &wish, &spooling->broker, message, sizeof(message)) == 1)
            return true;
        spooling->broker.client = NULL;
    }
    return false;
}

static int ask(struct spooling *spooling, int64_t deadline) {
    unsigned flags =
        spooling->acknowledges && spooling->from != PORTD_SPOOL_OLDEST ? PORTD_SPOOL_ACKNOWLEDGE : 0;

    spooling->spool = (portd_spool)PORTD_SPOOL_INIT;
    return portd_spool_read(spooling->broker.client, hold_owner(&spooling->holds), spooling->holds.names[0],
                            spooling->descriptor, spooling->from, spooling->bytes, CHUNK, flags, deadline,
                            &spooling->spool);
}

/* The code of the library; a lost broker was looked for. */
static int read_some(struct spooling *spooling, int64_t deadline) {
    int rc = ask(spooling, deadline);

    while (rc == PORTD_E_DISCONNECTED && broker_inherited(spooling->in) == NULL && !spooling->first &&
           connect_again(spooling))
        rc = ask(spooling, deadline);
    return rc;
}

/* ---- output ---------------------------------------------------------------------------------------------- */

static bool print_text(const struct spooling *spooling) {
    const portd_spool *spool = &spooling->spool;

    if (spool->lost > 0)
        output_note(&spooling->in->output, "%llu bytes are not kept any more",
                    (unsigned long long)spool->lost);
    for (size_t i = 0; i < spool->n_gaps; i++)
        output_note(&spooling->in->output, "before position %llu bytes may be missing",
                    (unsigned long long)spool->gaps[i]);
    return fwrite(spooling->bytes, 1, spool->count, stdout) == spool->count && fflush(stdout) == 0;
}

static bool print_json(const struct spooling *spooling) {
    const portd_spool *spool = &spooling->spool;
    struct node *object = node_object(), *gaps = node_list();
    char *data = text_base64(spooling->bytes, spool->count);

    node_number(object, "position", spool->position);
    node_number(object, "count", spool->count);
    node_text(object, "data", data);
    node_number(object, "lost", spool->lost);
    for (size_t i = 0; i < spool->n_gaps; i++)
        node_append_number(gaps, spool->gaps[i]);
    node_put(object, "gaps", gaps);
    node_flag(object, "end", spool->end);
    free(data);
    return output_event(object);
}

/* One behind the last byte of an answer is before the first one of the next answer. */
static void forget_told_gaps(struct spooling *spooling) {
    portd_spool *spool = &spooling->spool;
    size_t told = 0;

    while (spooling->has_gap && told < spool->n_gaps && spool->gaps[told] <= spooling->gap)
        told++;
    spool->n_gaps -= told;
    memmove(spool->gaps, spool->gaps + told, spool->n_gaps * sizeof(spool->gaps[0]));
    if (spool->n_gaps > 0) {
        spooling->has_gap = true;
        spooling->gap = spool->gaps[spool->n_gaps - 1];
    }
}

static bool print(struct spooling *spooling) {
    const portd_spool *spool = &spooling->spool;

    forget_told_gaps(spooling);

    if (spool->count == 0 && spool->lost == 0 && spool->n_gaps == 0 && !spool->end)
        return true;
    return output_is_text(&spooling->in->output) ? print_text(spooling) : print_json(spooling);
}

/* ---- the verb -------------------------------------------------------------------------------------------- */

static bool is_over(const struct spooling *spooling) {
    if (spooling->spool.end || spooling->spool.hung_up)
        return true;
    return !spooling->follows && spooling->from >= spooling->until;
}

static int go(struct spooling *spooling) {
    const struct invocation *in = spooling->in;
    int rc;

    do {
        rc = read_some(spooling, spooling->follows ? in->deadline : portd_now());
        if (rc < 0)
            return fail(spooling, rc);
        if (rc == 0 && spooling->follows)
            return failure_code(&in->output, PORTD_E_TIMEOUT, NULL, "timed out");
        if (spooling->first)
            spooling->until = spooling->spool.next;
        spooling->first = false;
        spooling->descriptor = spooling->spool.descriptor;
        if (rc > 0 && !print(spooling))
            return PORTCTL_DONE; /* the end of portctl tells that standard output has failed */
        if (rc == 0)
            return PORTCTL_DONE;
        spooling->from = spooling->spool.position + spooling->spool.count;
    } while (!is_over(spooling));
    rc = spooling->acknowledges ? read_some(spooling, portd_now()) : 0;
    return rc < 0 && rc != PORTD_E_NOT_FOUND ? fail(spooling, rc) : PORTCTL_DONE;
}

static int parse(const struct invocation *in, struct spooling *spooling) {
    const char *from = command_option(in, "from");
    int rc = holds_parse(in, &spooling->holds);

    spooling->in = in;
    spooling->first = true;
    spooling->follows = command_option(in, "follow") != NULL;
    spooling->acknowledges = command_option(in, "acknowledge") != NULL;
    spooling->from = PORTD_SPOOL_OLDEST;
    if (rc == 0 && spooling->holds.n != 1)
        rc = failure_usage(&in->output, NULL, "expected one name");
    if (rc == 0 && from != NULL && !text_number(from, (UINT64_C(1) << 53) - 1, &spooling->from))
        rc = failure_usage(&in->output, NULL, "--from %s: not a position", from);
    return rc;
}

static int run(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .deadline = in->deadline};
    struct spooling *spooling = text_room(1, sizeof(*spooling));
    int rc = parse(in, spooling);

    if (rc == 0)
        rc = broker_connect(in, &wish, &spooling->broker);
    if (rc == 0) {
        rc = hold_check(in, spooling->broker.client);
        if (rc == 0)
            rc = go(spooling);
        broker_disconnect(&spooling->broker);
    }
    free(spooling);
    return rc;
}

static const struct option_row options[] = {
    {"from", "POSITION", "from that byte on, not from the oldest that is kept", false, NULL},
    {"follow", NULL, "go on with what comes, until its end", false, NULL},
    {"acknowledge", NULL, "what was printed makes room in a spool that stops", false, NULL},
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "spool NAME [--from POSITION] [--follow] [--acknowledge] [--of USER]",
    NULL,
};

static const char *const examples[] = {
    "portctl put log fd 0 --spool 1MiB && portctl spool log --follow",
    "portctl spool build | tail -n 20",
    NULL,
};

static const char details[] =
    "Prints what the broker has kept of what came from a held descriptor that was put\n"
    "with --spool, and takes nothing away: who prints it next sees the same. Bytes that\n"
    "are not kept any more are told on standard error.\n"
    "\n"
    "--from         positions count the bytes from 0 on\n"
    "--follow       until the other end is closed; a broker that has died is waited for,\n"
    "               and nothing is printed twice\n"
    "--acknowledge  for --when-full stop: room for as many bytes as were printed. Needs\n"
    "               the right write, too\n"
    "\n"
    "In JSON each chunk is an object on a line: position, count, data in base64, lost,\n"
    "gaps (positions before which bytes may be missing) and end. Exit code 5: it is\n"
    "not held any more; 8: it has no spool.";

static const char *const words[] = {"@held", NULL};

const struct command command_spool = {
    .name = "spool",
    .summary = "print what was kept of what came from a held descriptor",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .words = words,
    .run = run,
};
