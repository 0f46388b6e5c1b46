/* cmd_remove.c: portctl remove and portctl release.
 *
 * Remove ends the registration of a number; release frees an id. Remove makes one call per id: all ids are tried, and the
 * first failure is the exit code. Release checks all ids before it releases any.
 */
#include "broker.h"
#include "failure.h"
#include "ids.h"
#include "item.h"
#include "selection.h"

#include <stdlib.h>

/* Prints nothing in text form. */
static void answer(const struct invocation *in, const char *key, struct node *done) {
    struct node *object = node_object();

    node_put(object, key, done);
    output_value(&in->output, "", object);
}

/* ---- remove -------------------------------------------------------------------------------------------- */

/* Refuses ports before anything is done. An id that does not exist is left to the call itself. */
static int check_kinds(const struct invocation *in, portd_client *client, const portd_id *ids, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int rc;

        if (portd_id_kind(ids[i]) != PORTD_KIND_PORT)
            continue;
        rc = ids_exists(client, ids[i], in->deadline);
        if (rc < 0)
            return failure_call(&in->output, client, rc);
        if (rc > 0)
            return failure_usage(&in->output, "ports are closed, not removed", "%llu is a port",
                                 (unsigned long long)ids[i]);
    }
    return 0;
}

/* Returns 0 or the exit code of the first failure. */
static int remove_all(const struct invocation *in, portd_client *client, const portd_id *ids, size_t n) {
    struct node *removed = node_list();
    int first = 0;

    for (size_t i = 0; i < n; i++) {
        int rc = portd_remove(client, ids[i], in->deadline);

        if (rc > 0) {
            node_append_number(removed, ids[i]);
            continue;
        }
        rc = failure_call(&in->output, client, rc);
        first = first == 0 ? rc : first;
    }
    answer(in, "removed", removed);
    return first;
}

/* Remove ends both directions of a number; all objects of a number refer to the same copy. */
static bool removes(const portd_item *chosen, const portd_item *item) {
    return chosen->registered && item->registered && item->kind == chosen->kind &&
           item->descriptor == chosen->descriptor;
}

static const struct selection_rule rule_remove = {
    "remove", "semaphores and events", {PORTD_KIND_SEMAPHORE, PORTD_KIND_EVT, 0}, false, removes};

static int remove_selection(const struct invocation *in, portd_client *client, struct selection *selection) {
    int rc = check_kinds(in, client, selection->ids, selection->n);

    if (rc != 0)
        return rc;
    if (selection->dry)
        return selection_show(in, client, selection, &rule_remove);
    rc = selection_choose(in, client, selection, &rule_remove);
    return rc != 0 ? rc : remove_all(in, client, selection->ids, selection->n);
}

static int run_remove(const struct invocation *in) {
    struct selection selection;
    struct broker broker;
    int rc = selection_parse(in, &selection);

    if (rc == 0)
        rc = broker_join(in, &broker);
    if (rc == 0) {
        rc = remove_selection(in, broker.client, &selection);
        broker_disconnect(&broker);
    }
    selection_deinit(&selection);
    return rc;
}

static const struct option_row options_remove[] = {
    {"all", NULL, "remove all of the session, after asking", false, NULL},
    {"yes", NULL, "do not ask", false, NULL},
    {"dry-run", NULL, "list what would be removed, change nothing", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage_remove[] = {"remove ID... [--dry-run]", "remove --all [--yes | --dry-run]",
                                           NULL};

static const char *const examples_remove[] = {
    "portctl remove \"$id\"",
    "portctl remove --all --dry-run",
    "portctl list semaphores -j | jq '.[].id' | xargs -r portctl remove",
    NULL,
};

static const char details_remove[] =
    "Removes each semaphore or event as mode remove does: both directions fire\n"
    "(semaphores) or stay ready (events), their waits end with the cause removed, and\n"
    "the broker's copy is closed when this returns, unless something else refers to\n"
    "it. Removing a removed object succeeds. Of a semaphore that has fired, the other\n"
    "direction ends if it was registered by then; what was made since stays.\n"
    "\n"
    "--all selects every semaphore and event of the session that has not ended. On a\n"
    "terminal it asks (exit code 1 when the answer is no); elsewhere, and with --json\n"
    "and --quiet, it needs --yes.\n"
    "\n"
    "--dry-run lists, as 'portctl list' does, all that would end, including the other\n"
    "direction (but not that of a semaphore that has fired), and changes nothing.\n"
    "Released ids are not found.";

static const char *const words_remove[] = {"@watched...", NULL};

const struct command command_remove = {
    .name = "remove",
    .summary = "remove semaphores and events",
    .usage = usage_remove,
    .details = details_remove,
    .options = options_remove,
    .columns = item_columns,
    .examples = examples_remove,
    .words = words_remove,
    .joins = true,
    .run = run_remove,
};

/* ---- release ------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    portd_id first = *(const portd_id *)a, second = *(const portd_id *)b;

    return first < second ? -1 : first > second;
}

/* Removes duplicate ids: the second release of an id would fail. Returns how many are left. */
static size_t drop_repeated(portd_id *ids, size_t n) {
    size_t kept = 0;

    qsort(ids, n, sizeof(*ids), compare);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    return kept;
}

static int release_all(const struct invocation *in, portd_client *client, portd_id *ids, size_t n) {
    struct node *released = node_list();
    int rc = 1;

    if (n > IDS_PAGE)
        n = drop_repeated(ids, n);
    for (size_t i = 0; i < n && rc > 0; i += IDS_PAGE) {
        size_t page = n - i < IDS_PAGE ? n - i : IDS_PAGE;

        rc = portd_release(client, ids + i, page, in->deadline);
        for (size_t p = 0; p < page && rc > 0; p++)
            node_append_number(released, ids[i + p]);
    }
    rc = rc > 0 ? 0 : failure_call(&in->output, client, rc);
    answer(in, "released", released);
    return rc;
}

static bool releases(const portd_item *chosen, const portd_item *item) { return chosen->id == item->id; }

static const struct selection_rule rule_release = {"release", "", {0}, true, releases};

static int run_release(const struct invocation *in) {
    struct selection selection;
    struct broker broker;
    int rc = selection_parse(in, &selection);

    if (rc == 0)
        rc = broker_join(in, &broker);
    if (rc == 0) {
        rc = selection.dry ? selection_show(in, broker.client, &selection, &rule_release)
                           : release_all(in, broker.client, selection.ids, selection.n);
        broker_disconnect(&broker);
    }
    selection_deinit(&selection);
    return rc;
}

static const struct option_row options_release[] = {
    {"dry-run", NULL, "list what would be released, change nothing", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage_release[] = {"release ID... [--dry-run]", NULL};

static const char *const examples_release[] = {
    "portctl wait \"$id\" && portctl release \"$id\"",
    "portctl release \"$first\" \"$second\"",
    NULL,
};

static const char details_release[] =
    "Releases ids for the whole session. Objects that have fired or were removed are\n"
    "forgotten now, registered ones when they end. Without release the broker keeps\n"
    "fired objects until the session ends.\n"
    "\n"
    "--dry-run lists these objects, as 'portctl list' does, and changes nothing.";

static const char *const words_release[] = {"@any...", NULL};

const struct command command_release = {
    .name = "release",
    .summary = "release ids",
    .usage = usage_release,
    .details = details_release,
    .options = options_release,
    .columns = item_columns,
    .examples = examples_release,
    .words = words_release,
    .joins = true,
    .run = run_release,
};
