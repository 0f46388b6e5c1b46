/* selection.h: what a verb is to end: the ids that it is told, or with --all whatever the session has; and with
 * --dry-run only a look at that. */
#ifndef SELECTION_H
#define SELECTION_H

#include "client/portctl/command.h"
#include "client/portd.h"

struct selection {
    portd_id *ids; /* of --all: none until it is chosen */
    size_t n;
    bool all;
    bool dry;
};

/* What the verb does, for --all and --dry-run. */
struct selection_rule {
    const char *verb;
    const char *what; /* "semaphores and events" */
    int kinds[3];     /* that --all means; the last is 0 */
    bool together;    /* nothing is done when one of the ids is not there */
    /* Whether the verb, told the id of `chosen`, changes the item. */
    bool (*takes)(const portd_item *chosen, const portd_item *item);
};

/* The words of the verb, --all and --yes. Returns 0, or the exit code of an error that has been told: also when --all
 * wants an answer that nobody can be asked for. Always to be followed by selection_deinit. */
int selection_parse(const struct invocation *in, struct selection *selection);
void selection_deinit(struct selection *selection);

/* With --all: what there is and has not ended. Without --yes the user is asked. Returns 0, or the exit code. */
int selection_choose(const struct invocation *in, portd_client *client, struct selection *selection,
                     const struct selection_rule *rule);

/* Lists what the verb would change, as 'portctl list' does. Returns the exit code. */
int selection_show(const struct invocation *in, portd_client *client, const struct selection *selection,
                   const struct selection_rule *rule);

#endif
