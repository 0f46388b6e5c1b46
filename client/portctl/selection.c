/* selection.c: the objects that a verb will end.
 *
 * --all asks for confirmation, since it cannot be undone. If that is not possible (no terminal, or --json) it requires --yes,
 * and fails before connecting.
 *
 * --dry-run only reads a listing and sends no request that could change anything. So it reports a released id as missing,
 * though the verb itself would succeed.
 */
#include "selection.h"

#include "failure.h"
#include "ids.h"
#include "item.h"
#include "listing.h"
#include "native.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the command line ---------------------------------------------------------------------------------- */

static bool can_ask(const struct invocation *in) {
    return output_is_text(&in->output) && !in->output.quiet && native_is_terminal(0) && native_is_terminal(2);
}

int selection_parse(const struct invocation *in, struct selection *selection) {
    bool yes = command_option(in, "yes") != NULL;

    *selection = (struct selection){.all = command_option(in, "all") != NULL,
                                    .dry = command_option(in, "dry-run") != NULL};
    if (!selection->dry && in->output.columns != NULL)
        return failure_columns(&in->output, NULL);
    if (yes && (!selection->all || selection->dry))
        return failure_usage(&in->output, NULL, "--yes requires --all and excludes --dry-run");
    if (!selection->all)
        return ids_parse(in, &selection->ids, &selection->n);
    if (command_words(in) > 0)
        return failure_usage(&in->output, NULL, "--all or ids, not both: '%s'", command_word(in, 0));
    if (yes || selection->dry || can_ask(in))
        return 0;
    return failure_usage(&in->output, "--yes confirms, --dry-run shows what would be affected",
                         "--all requires --yes when it cannot ask");
}

void selection_deinit(struct selection *selection) {
    free(selection->ids);
    selection->ids = NULL;
}

/* ---- all of them --------------------------------------------------------------------------------------- */

static bool is_meant(const struct selection_rule *rule, const portd_item *item) {
    for (const int *kind = rule->kinds; *kind != 0; kind++)
        if (*kind == item->kind)
            return item->registered;
    return false;
}

/* Asks for confirmation. 0: confirmed; else the exit code. */
static int ask(const struct invocation *in, const portd_client *client, size_t n,
               const struct selection_rule *rule) {
    char answer[16] = "";
    int rc;

    fprintf(stderr, "%s all %s of session %llu, %zu in number? [y/N] ", rule->verb, rule->what,
            (unsigned long long)portd_session_id(client), n);
    fflush(stderr);
    rc = native_await(0, false, in->deadline);
    if (rc == 0)
        return failure_code(&in->output, PORTD_E_TIMEOUT, NULL, "no answer in time");
    if (rc > 0 && fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return 0;
    output_note(&in->output, "nothing was done");
    return PORTCTL_NO;
}

int selection_choose(const struct invocation *in, portd_client *client, struct selection *selection,
                     const struct selection_rule *rule) {
    portd_list *list;
    int rc;

    if (!selection->all)
        return 0;
    rc = portd_list_objects(client, PORTD_KIND_ANY, in->deadline, &list);
    if (rc < 0)
        return failure_call(&in->output, client, rc);
    selection->ids = text_room(portd_list_count(list) + 1, sizeof(*selection->ids));
    for (size_t i = 0; i < portd_list_count(list); i++)
        if (is_meant(rule, portd_list_item(list, i)))
            selection->ids[selection->n++] = portd_list_item(list, i)->id;
    portd_list_free(list);
    if (selection->n == 0 || command_option(in, "yes") != NULL)
        return 0;
    return ask(in, client, selection->n, rule);
}

/* ---- only a look --------------------------------------------------------------------------------------- */

static const portd_item *find(const struct listing *listing, portd_id id) {
    for (size_t i = 0; i < listing->n; i++)
        if (listing->items[i]->id == id)
            return listing->items[i];
    return NULL;
}

/* Finds the items with these ids; for a missing one prints an error and stores NULL. Returns 0, or the first exit code. */
static int look_up(const struct invocation *in, const struct selection *selection,
                   const struct listing *listing, const portd_item **chosen) {
    int first = 0;

    for (size_t i = 0; i < selection->n; i++) {
        unsigned long long id = selection->ids[i];
        int rc = 0;

        chosen[i] = find(listing, selection->ids[i]);
        if (chosen[i] == NULL)
            rc = failure_code(&in->output, PORTD_E_NOT_FOUND, NULL,
                              "no object %llu: it no longer exists, never did, or belongs to another user",
                              id);
        else if (chosen[i]->kind == PORTD_KIND_DESCRIPTOR)
            rc =
                failure_code(&in->output, PORTD_E_INVALID, NULL, "%llu has the wrong kind for this verb", id);
        if (rc != 0)
            chosen[i] = NULL;
        first = first == 0 ? rc : first;
    }
    return first;
}

static bool is_taken(const struct selection *selection, const struct selection_rule *rule,
                     const portd_item *const *chosen, const portd_item *item) {
    if (selection->all)
        return is_meant(rule, item);
    for (size_t i = 0; i < selection->n; i++)
        if (chosen[i] != NULL && rule->takes(chosen[i], item))
            return true;
    return false;
}

int selection_show(const struct invocation *in, portd_client *client, const struct selection *selection,
                   const struct selection_rule *rule) {
    const portd_item **chosen;
    struct listing listing;
    struct node *nodes;
    int rc = listing_fetch(client, selection->all, PORTD_KIND_ANY, in->deadline, &listing);

    if (rc < 0) {
        listing_deinit(&listing);
        return failure_call(&in->output, client, rc);
    }
    nodes = node_list();
    chosen = text_room(selection->n + 1, sizeof(*chosen));
    rc = look_up(in, selection, &listing, chosen);
    for (size_t i = 0; i < listing.n && !(rc != 0 && rule->together); i++)
        if (is_taken(selection, rule, chosen, listing.items[i]))
            node_append(nodes, item_describe(listing.items[i], 0));
    free(chosen);
    listing_deinit(&listing);
    output_table(&in->output, item_columns, nodes);
    return rc;
}
