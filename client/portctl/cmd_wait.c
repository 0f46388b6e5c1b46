/* cmd_wait.c: portctl wait: waits until descriptors or objects are ready.
 *
 * The exit code says whether the targets can be used: an object that was removed, replaced or closed stays ready, and a
 * script that then reads the idle descriptor would hang.
 *
 * --count may take several waits, each for the targets that have not been ready yet; each target is counted once.
 * --allow-missing looks up the ids one by one when the broker says that one of them does not exist.
 *
 * With --one an activity is this wait's once the answer is written; portctl says so when it disconnects. If it is killed or
 * cannot write, another wait gets the activity.
 *
 * --timeout limits the wait. Connecting, and making and removing events, have at least a second, so that --timeout 0 works.
 */
#include "broker.h"
#include "evts.h"
#include "failure.h"
#include "target.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAUSE_US = 50000, TRIES = 20 };

/* ---- the wait ------------------------------------------------------------------------------------------ */

struct wish {
    size_t need; /* how many targets must be ready */
    bool all;    /* all of them at the same time */
    bool one;
    bool allow_missing;
};

static bool is_answered(const struct target *target) {
    return target->missing || target->cause != PORTD_CAUSE_NONE;
}

/* Whether the target is ready for use. One that ended otherwise is not: its descriptor may be idle. */
static bool is_usable(const struct target *target) {
    return !target->missing && target->cause >= PORTD_CAUSE_READY && target->cause <= PORTD_CAUSE_ERROR;
}

static size_t count_usable(const struct targets *targets) {
    size_t n = 0;

    for (size_t i = 0; i < targets->n; i++)
        n += is_usable(&targets->items[i]);
    return n;
}

static size_t count_answered(const struct targets *targets) {
    size_t n = 0;

    for (size_t i = 0; i < targets->n; i++)
        n += is_answered(&targets->items[i]);
    return n;
}

/* One line for each target that is ready, in the order of the command line. */
static void answer(const struct invocation *in, const struct targets *targets) {
    struct node *list = node_list();

    for (size_t i = 0; i < targets->n; i++)
        if (is_answered(&targets->items[i]))
            node_append(list, target_describe(&targets->items[i]));
    output_rows(&in->output, target_columns, list);
}

static int tell_timeout(const struct invocation *in, const struct targets *targets, const struct wish *wish) {
    output_rows(&in->output, target_columns, node_list());
    if (output_is_text(&in->output) && in->output.quiet)
        return PORTCTL_TIMEOUT;
    if (wish->all || wish->need == 1)
        return failure_code(&in->output, PORTD_E_TIMEOUT, NULL, "nothing became ready in time");
    return failure_code(&in->output, PORTD_E_TIMEOUT, NULL, "%zu of %zu targets became ready in time",
                        count_answered(targets), wish->need);
}

/* Collects the ids that are still waited for, each once: two targets can have the same event. */
static size_t collect(const struct targets *targets, portd_id ids[TARGETS_MAX]) {
    size_t n = 0;

    for (size_t i = 0; i < targets->n; i++) {
        size_t known = 0;

        if (is_answered(&targets->items[i]))
            continue;
        while (known < n && ids[known] != targets->items[i].id)
            known++;
        if (known == n)
            ids[n++] = targets->items[i].id;
    }
    return n;
}

/* Whether the broker reports that it lost state (resync) for an object that has not ended: wait for it again. A semaphore
 * has ended. */
static bool is_unknown(const portd_ready *ready) {
    return ready->cause == PORTD_CAUSE_RESYNC && portd_id_kind(ready->id) != PORTD_KIND_SEMAPHORE;
}

/* Stores the causes. False: some targets must be waited for again. */
static bool keep(struct targets *targets, const portd_ready *ready, size_t n) {
    bool known = true;

    for (size_t r = 0; r < n; r++) {
        known = known && !is_unknown(&ready[r]);
        for (size_t i = 0; i < targets->n; i++)
            if (ready[r].id == targets->items[i].id && !is_unknown(&ready[r]))
                targets->items[i].cause = ready[r].cause;
    }
    return known;
}

/* Finds out which id does not exist: the broker's failure does not say. Returns 1, or PORTD_E_*. */
static int find_missing(portd_client *client, struct targets *targets) {
    int result = PORTD_E_NOT_FOUND;

    for (size_t i = 0; i < targets->n; i++) {
        struct target *target = &targets->items[i];
        portd_ready ready;
        int rc;

        if (target->kind != TARGET_ID || is_answered(target))
            continue;
        rc = portd_wait(client, &target->id, 1, 0, 0, &ready);
        if (rc < 0 && rc != PORTD_E_NOT_FOUND)
            return rc;
        target->missing = rc == PORTD_E_NOT_FOUND;
        if (target->missing)
            result = 1;
    }
    return result;
}

/* One wait for the targets that have not been ready yet; if enough have been, only a check. Returns as portd_wait does, and 1
 * if another wait is needed. *tries counts down while the broker cannot watch a descriptor; at 0 it is PORTD_E_UNSUPPORTED. */
static int wait_once(const struct invocation *in, portd_client *client, struct targets *targets,
                     const struct wish *wish, int *tries) {
    portd_id ids[TARGETS_MAX];
    portd_ready ready[TARGETS_MAX];
    size_t n = collect(targets, ids);
    unsigned flags = (wish->all ? (unsigned)PORTD_WAIT_ALL : 0) | (wish->one ? (unsigned)PORTD_WAIT_ONE : 0);
    int rc;

    if (n == 0)
        return 0;
    rc = portd_wait(client, ids, n, flags, count_answered(targets) < wish->need ? in->deadline : 0, ready);
    if (rc == PORTD_E_NOT_FOUND && wish->allow_missing)
        return find_missing(client, targets);
    if (rc > 0 && ready[0].cause == PORTD_CAUSE_DISCONNECTED)
        return PORTD_E_DISCONNECTED;
    if (rc > 0 && !keep(targets, ready, (size_t)rc)) {
        if (count_answered(targets) >= wish->need)
            return 0;
        int64_t until = portd_now() + PAUSE_US;
        (void)portd_poll(client, in->deadline < until ? in->deadline : until);
        *tries = portd_now() >= in->deadline ? 0 : *tries - 1;
        return *tries ? rc : PORTD_E_UNSUPPORTED;
    }
    *tries = TRIES;
    return rc > 0 && count_answered(targets) >= wish->need ? 0 : rc;
}

/* The text of a target that was read as an id and cannot be one, but can be a descriptor's number, which may have been meant. NULL: none. */
static const char *find_invalid_id(const struct targets *targets) {
    for (size_t i = 0; i < targets->n; i++) {
        const struct target *target = &targets->items[i];

        if (target->kind == TARGET_ID && portd_id_kind(target->number) == PORTD_KIND_ANY &&
            target->number <= INT32_MAX)
            return target->text;
    }
    return NULL;
}

static int tell_missing(const struct invocation *in, const portd_client *client,
                        const struct targets *targets) {
    const char *text = find_invalid_id(targets);
    char *hint;
    int rc;

    if (text == NULL)
        return failure_call(&in->output, client, PORTD_E_NOT_FOUND);
    hint = text_print("%s was read as an id: the descriptor with that number is fd:%s", text, text);
    rc = failure_code(&in->output, PORTD_E_NOT_FOUND, hint, "%s", portd_last_error(client));
    free(hint);
    return rc;
}

static int wait_for(const struct invocation *in, portd_client *client, struct targets *targets,
                    const struct wish *wish) {
    int rc, tries = TRIES;

    do {
        rc = wait_once(in, client, targets, wish, &tries);
    } while (rc > 0);
    if (rc == PORTD_E_UNSUPPORTED && tries == 0)
        return failure_code(&in->output, rc, "whether it is ready is not known: check the descriptor itself",
                            "the broker cannot watch a target's descriptor now");
    if (rc == PORTD_E_DISCONNECTED)
        return failure_code(&in->output, rc, NULL, "%s", portd_code_text(rc));
    if (rc == PORTD_E_NOT_FOUND)
        return tell_missing(in, client, targets);
    if (rc < 0)
        return failure_call(&in->output, client, rc);
    if (count_answered(targets) < wish->need)
        return tell_timeout(in, targets, wish);
    answer(in, targets);
    return count_usable(targets) >= wish->need ? PORTCTL_DONE : PORTCTL_ENDED;
}

/* Removes the events that were made. In a session of portctl's own they end with the connection anyway; in the owner's a
 * failure to remove them is reported. If the session has ended, there is nothing to remove. */
static int clean_up(const struct invocation *in, portd_client *client, struct targets *targets, int rc) {
    int removed = evts_remove(in, client, targets);

    if (removed > 0 || targets->n_ids == 0 || rc == PORTCTL_UNREACHABLE || removed == PORTD_E_DISCONNECTED)
        return rc;
    return rc > PORTCTL_NO && rc != PORTCTL_TIMEOUT ? rc : failure_call(&in->output, client, removed);
}

static int parse_wish(const struct invocation *in, const struct targets *targets, struct wish *wish) {
    const char *count = command_option(in, "count");
    bool any = command_option(in, "any") != NULL;
    uint64_t need = 1;

    wish->all = command_option(in, "all") != NULL;
    wish->one = command_option(in, "one") != NULL;
    wish->allow_missing = command_option(in, "allow-missing") != NULL;
    if (any + wish->all + (count != NULL) > 1)
        return failure_usage(&in->output, NULL, "--any, --all and --count are mutually exclusive");
    if (count != NULL && (!text_number(count, targets->n, &need) || need == 0))
        return failure_usage(&in->output, NULL, "--count %s: a number from 1 to that of the targets, %zu",
                             count, targets->n);
    if (wish->allow_missing && targets->n_ids + targets->n_holds == 0)
        return failure_usage(&in->output, NULL, "--allow-missing applies to ids and names only");
    wish->need = wish->all ? targets->n : (size_t)need;
    return 0;
}

static int run(const struct invocation *in) {
    struct broker_wish where = {.start = true, .resumes = true, .deadline = evts_deadline(in)};
    struct targets targets;
    struct broker broker;
    struct wish wish = {.need = 0};
    bool told;
    int rc = targets_parse(in, &targets);

    if (rc == 0)
        rc = parse_wish(in, &targets, &wish);
    if (rc == 0)
        rc = evts_check(in, &targets);
    if (rc == 0) {
        where.session = targets.n_ids > 0 ? BROKER_LOOK : BROKER_ALONE;
        rc = broker_connect(in, &where, &broker);
    }
    if (rc != 0) {
        targets_deinit(&targets);
        return rc;
    }
    rc = evts_make(in, broker.client, &targets);
    if (rc == 0)
        rc = wait_for(in, broker.client, &targets, &wish);
    told = (rc == PORTCTL_DONE || rc == PORTCTL_ENDED) && output_flush();
    rc = clean_up(in, broker.client, &targets, rc);
    if (told)
        broker_disconnect(&broker);
    else
        broker_abandon(&broker);
    targets_deinit(&targets);
    return rc;
}

static const struct option_row options[] = {
    {"fd", "N", "the same as the target fd:N", true, NULL},
    {"socket", "N", "the same as the target socket:N", true, NULL},
    {"mode", "MODE", "read or write, for descriptors since the last --mode", true, "read|write"},
    {"any", NULL, "wait for one target (the default)", false, NULL},
    {"all", NULL, "wait until all are ready at once", false, NULL},
    {"count", "N", "wait until N targets have been ready", false, NULL},
    {"allow-missing", NULL, "report missing ids and names instead of failing", false, NULL},
    {"one", NULL, "for worker pools: wake one wait per activity", false, NULL},
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "wait TARGET... [--any | --all | --count N] [--allow-missing] [--one] [--mode read|write] [--of USER]",
    "wait (--fd N | --socket N)... [--mode read|write] [--any | --all | --count N] [--one]",
    NULL,
};

static const char *const examples[] = {
    "portctl wait --fd 0 --mode read --timeout 5s",
    "portctl wait \"$id\" fd:0 --timeout 1min || echo \"exit code $?\"",
    "portctl wait --fd 0 --mode read --fd 1 --mode write --all",
    "portctl wait \"$a\" \"$b\" \"$c\" --count 2 --allow-missing",
    "portctl wait \"$id\" --timeout 0 && echo 'ready now'",
    "portctl wait web log --timeout 1h",
    NULL,
};

static const char details[] =
    "A TARGET is the id of a semaphore, an event or a port, a descriptor that portctl\n"
    "has inherited: fd:N or socket:N, or the name of a held one ('portctl put'):\n"
    "NAME, or hold:NAME if it is all digits or begins with hold:, fd: or socket:.\n"
    "Nothing is read from it. A descriptor is waited for until it is readable, unless\n"
    "--mode says otherwise: a single --mode applies to all descriptors, each of several\n"
    "to the descriptors named since the previous one.\n"
    "\n"
    "Prints a line for each ready target, with the target and the cause: ready,\n"
    "half-close, hang-up, error, removed, replaced, port-closed, expired.\n"
    "\n"
    "--all waits until all are ready at the same time. --count N waits until N\n"
    "targets have been ready, together or one after the other: each counts once, with\n"
    "the cause it had then, and is not waited for any more, so an event counts even\n"
    "if it has become idle since.\n"
    "\n"
    "--one is for worker pools: of all such waits for the id of one event an activity\n"
    "wakes a single one. If that is killed before it could tell, the next one is.\n"
    "\n"
    "With --allow-missing an id or a name that does not exist has the cause missing\n"
    "and counts as ended. Of a name that is dropped the cause is removed, of one that\n"
    "is put anew replaced, and when its time is over expired.\n"
    "\n"
    "Exit code 0: the ready targets can be used (ready, half-close, hang-up, error;\n"
    "with --count N, N of them; with --all, all). 9: they have ended (removed,\n"
    "replaced, port-closed, expired). 3: the broker is lost. 124: timed out. 5: no\n"
    "such id or name. --timeout 0 checks once; connecting may then take up to a second.";

static const char *const words[] = {"@waitable|@held...", NULL};

const struct command command_wait = {
    .name = "wait",
    .summary = "wait until descriptors, semaphores, events or ports are ready",
    .usage = usage,
    .details = details,
    .options = options,
    .columns = target_columns,
    .examples = examples,
    .words = words,
    .joins = true,
    .run = run,
};
