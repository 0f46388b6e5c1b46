/* selection.h: the objects that a verb will end: the ids on the command line, or with --all the whole session's; with
 * --dry-run they are only listed. */
#ifndef SELECTION_H
#define SELECTION_H

#include "client/portctl/command.h"
#include "client/portd.h"

struct selection {
    portd_id *ids; /* with --all: filled by selection_choose */
    size_t n;
    bool all;
    bool dry;
};

/* Properties of the verb, for --all and --dry-run. */
struct selection_rule {
    const char *verb;
    const char *what; /* "semaphores and events" */
    int kinds[3];     /* the kinds that --all selects; the last is 0 */
    bool together;    /* nothing is done if one of the ids does not exist */
    /* Whether the verb with the id of `chosen` changes `item`. */
    bool (*takes)(const portd_item *chosen, const portd_item *item);
};

/* Parses the arguments of the verb, --all and --yes. Returns 0, or the exit code of an error that has been printed, also when
 * --all needs a confirmation and cannot ask. Call selection_deinit in either case. */
int selection_parse(const struct invocation *in, struct selection *selection);
void selection_deinit(struct selection *selection);

/* With --all: selects all objects that have not ended; asks for confirmation without --yes. Returns 0, or the exit code. */
int selection_choose(const struct invocation *in, portd_client *client, struct selection *selection,
                     const struct selection_rule *rule);

/* Prints the objects that the verb would change, as 'portctl list' does. Returns the exit code. */
int selection_show(const struct invocation *in, portd_client *client, const struct selection *selection,
                   const struct selection_rule *rule);

#endif
