/* cmd_remove.c: portctl remove and portctl release, the two ways to be done with an object.
 *
 * Remove ends what the descriptor means; release gives the id back. Remove is one call for each id: those
 * that can be removed are, and the first failure is the exit code. Release looks at all ids before it
 * releases any.
 */
#include "broker.h"
#include "failure.h"
#include "ids.h"

#include <stdlib.h>

static const struct option_row options[] = {{NULL, NULL, NULL, false, NULL}};

/* In text nothing is said: it is done. */
static void answer(const struct invocation *in, const char *key, struct node *done) {
    struct node *object = node_object();

    node_put(object, key, done);
    output_value(&in->output, "", object);
}

/* ---- remove -------------------------------------------------------------------------------------------- */

static int check_kinds(const struct invocation *in, const portd_id *ids, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (portd_id_kind(ids[i]) == PORTD_KIND_PORT)
            return failure_usage(&in->output, "ports are closed, not removed", "%llu is a port",
                                 (unsigned long long)ids[i]);
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

static int run_remove(const struct invocation *in) {
    struct broker broker;
    portd_id *ids;
    size_t n;
    int rc = ids_parse(in, &ids, &n);

    if (rc != 0)
        return rc;
    rc = check_kinds(in, ids, n);
    if (rc == 0)
        rc = broker_join(in, &broker);
    if (rc == 0) {
        rc = remove_all(in, broker.client, ids, n);
        broker_disconnect(&broker);
    }
    free(ids);
    return rc;
}

static const char *const usage_remove[] = {"remove ID...", NULL};

static const char *const examples_remove[] = {
    "portctl remove \"$id\"",
    "portctl list semaphores -j | jq '.[].id' | xargs portctl remove",
    NULL,
};

static const char details_remove[] =
    "Does for the descriptor of each semaphore or event what mode remove does: both\n"
    "directions fire (semaphores) or become ready for ever (events), their waits end\n"
    "with the cause removed, and the broker's copy is closed when this returns,\n"
    "unless something else refers to it. What is removed already is done as well.";

static const char *const words_remove[] = {"@watched...", NULL};

const struct command command_remove = {
    .name = "remove",
    .summary = "fire and forget semaphores and events",
    .usage = usage_remove,
    .details = details_remove,
    .options = options,
    .examples = examples_remove,
    .words = words_remove,
    .joins = true,
    .run = run_remove,
};

/* ---- release ------------------------------------------------------------------------------------------- */

static int release_all(const struct invocation *in, portd_client *client, const portd_id *ids, size_t n) {
    struct node *released = node_list();
    int rc = 1;

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

static int run_release(const struct invocation *in) {
    struct broker broker;
    portd_id *ids;
    size_t n;
    int rc = ids_parse(in, &ids, &n);

    if (rc != 0)
        return rc;
    rc = broker_join(in, &broker);
    if (rc == 0) {
        rc = release_all(in, broker.client, ids, n);
        broker_disconnect(&broker);
    }
    free(ids);
    return rc;
}

static const char *const usage_release[] = {"release ID...", NULL};

static const char *const examples_release[] = {
    "portctl wait \"$id\" && portctl release \"$id\"",
    "portctl release \"$first\" \"$second\"",
    NULL,
};

static const char details_release[] =
    "Gives ids back, for the whole session. What has fired or was removed is\n"
    "forgotten now, what is still registered when that ends. Without it the broker\n"
    "keeps what has fired until the session ends.";

static const char *const words_release[] = {"@any...", NULL};

const struct command command_release = {
    .name = "release",
    .summary = "give ids back",
    .usage = usage_release,
    .details = details_release,
    .options = options,
    .examples = examples_release,
    .words = words_release,
    .joins = true,
    .run = run_release,
};
