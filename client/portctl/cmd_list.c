/* cmd_list.c: portctl list and portctl show. */
#include "broker.h"
#include "failure.h"
#include "hold.h"
#include "ids.h"
#include "item.h"
#include "listing.h"
#include "look.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static const struct option_row options_list[] = {
    {"mine", NULL, "only objects of the joined session", false, NULL},
    {"look", NULL, "of holds: also what the system tells of them now", false, NULL},
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};
static const struct option_row options_show[] = {
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

enum { KIND_HOLD = PORTD_KIND_SESSION + 1 }; /* what is held: no kind of object */

/* ---- list ---------------------------------------------------------------------------------------------- */

static const struct what {
    const char *name;
    const char *alias;
    int kind;
} whats[] = {
    {"semaphores", "sems", PORTD_KIND_SEMAPHORE},
    {"evts", NULL, PORTD_KIND_EVT},
    {"ports", NULL, PORTD_KIND_PORT},
    {"descriptors", NULL, PORTD_KIND_DESCRIPTOR},
    {"sessions", NULL, PORTD_KIND_SESSION},
    {"holds", NULL, KIND_HOLD},
};

enum { N_WHATS = sizeof(whats) / sizeof(whats[0]) };

static int unknown_what(const struct invocation *in, const char *word) {
    const char *names[N_WHATS + 1], *closest;
    char *hint = NULL;
    int rc;

    for (int i = 0; i < N_WHATS; i++)
        names[i] = whats[i].name;
    names[N_WHATS] = NULL;
    closest = text_closest(word, names);
    if (closest != NULL)
        hint = text_print("did you mean '%s'?", closest);
    else
        hint = text_copy("the kinds are semaphores, evts, ports, descriptors, sessions and holds");
    rc = failure_usage(&in->output, hint, "unknown kind '%s'", word);
    free(hint);
    return rc;
}

/* The kind with that name; PORTD_KIND_ANY: there is none. */
static int find_what(const char *word) {
    for (int i = 0; i < N_WHATS; i++)
        if (strcmp(word, whats[i].name) == 0 || (whats[i].alias != NULL && strcmp(word, whats[i].alias) == 0))
            return whats[i].kind;
    return PORTD_KIND_ANY;
}

static int parse_whats(const struct invocation *in, unsigned *kinds) {
    const char *word;

    *kinds = 0;
    for (size_t i = 0; (word = command_word(in, i)) != NULL; i++) {
        int kind = find_what(word);

        if (kind == PORTD_KIND_ANY)
            return unknown_what(in, word);
        *kinds |= 1u << kind;
    }
    for (int kind = PORTD_KIND_SESSION; kind <= KIND_HOLD; kind++)
        if ((*kinds & 1u << kind) != 0 && *kinds != 1u << kind)
            return failure_usage(&in->output, NULL, "%s cannot be listed together with others",
                                 kind == KIND_HOLD ? "holds" : "sessions");
    return 0;
}

static int list_holds(const struct invocation *in) {
    bool look = command_option(in, "look") != NULL;
    struct holds holds;
    struct broker broker;
    int rc = failure_columns(&in->output, look ? look_list_columns : hold_columns);

    if (rc == 0)
        rc = hold_read_owner(in, &holds);
    if (rc == 0)
        rc = broker_join(in, &broker);
    if (rc != 0)
        return rc;
    rc = look ? look_list(in, broker.client, &holds) : hold_list(in, broker.client, &holds);
    broker_disconnect(&broker);
    return rc;
}

static int run_list(const struct invocation *in) {
    unsigned kinds;
    int rc = parse_whats(in, &kinds);

    if (rc == 0 && command_option(in, "mine") != NULL && kinds >= 1u << PORTD_KIND_SESSION)
        rc = failure_usage(&in->output, NULL, "--mine applies to objects only");
    if (rc == 0 && command_option(in, "of") != NULL && kinds != 1u << KIND_HOLD)
        rc = failure_usage(&in->output, NULL, "--of applies to holds only");
    if (rc == 0 && command_option(in, "look") != NULL && kinds != 1u << KIND_HOLD)
        rc = failure_usage(&in->output, NULL, "--look applies to holds only");
    if (rc == 0 && kinds == 1u << KIND_HOLD)
        return list_holds(in);
    return rc != 0 ? rc : listing_run(in, kinds, command_option(in, "mine") != NULL);
}

static const char *const usage_list[] = {"list [semaphores | evts | ports | descriptors]... [--mine]",
                                         "list sessions", "list holds [--look] [--of USER]", NULL};

static const char *const examples_list[] = {
    "portctl list",
    "portctl list semaphores evts --columns=id,number,cause --no-legend",
    "portctl list holds",
    "portctl list holds --look --columns=name,poison,local",
    "portctl list --json=lines | jq 'select(.kind == \"evt\" and .registered) | .id'",
    NULL,
};

static const char details_list[] =
    "Lists the objects of all sessions of this user, or those of the given kinds;\n"
    "with --mine, those of the joined session. Other private sessions are not shown.\n"
    "'list sessions' lists the sessions, 'list holds' what is held under names. The\n"
    "order is that of creation, session by\n"
    "session, the joined session first.\n"
    "\n"
    "number      the descriptor's number in the client that made it\n"
    "name        of a port, as it was wrapped\n"
    "registered  not yet fired, removed, replaced or closed\n"
    "cause       why it is ready; '-' when it is not, or for an event or a port that\n"
    "            nobody has waited for yet\n"
    "waiters     how many waits in flight are for it\n"
    "descriptor  id of the broker's copy; '-' when it is closed\n"
    "handle      whether a pollable handle was given out\n"
    "objects     of a session: semaphores, events and ports, including ended ones\n"
    "\n"
    "hold        the name of what it was made of, hold_owner whose that is; of a\n"
    "            descriptor, the name under which it is held\n"
    "\n"
    "Of what is held:\n"
    "\n"
    "id          of the broker's copy, for --expects\n"
    "ttl         until it is dropped\n"
    "process     with whose end it is dropped; '-': none, or not visible\n"
    "hang_up     whether it is dropped when it hangs up\n"
    "copies      how many sessions have objects of it\n"
    "put_by      the uid that has put it, put_pid its process\n"
    "spool       how many bytes of what comes are kept; '-': it has no spool\n"
    "gets        how many copies programs have got, got when the last one\n"
    "\n"
    "With --look the broker asks its system about each, which can take a while; the\n"
    "columns are those of 'portctl show NAME'.";

static const char *const words_list[] = {"semaphores|evts|ports|descriptors|sessions|holds",
                                         "semaphores|evts|ports|descriptors...", NULL};

const struct command command_list = {
    .name = "list",
    .summary = "list the objects of this user's sessions",
    .usage = usage_list,
    .details = details_list,
    .options = options_list,
    .columns = item_list_columns,
    .examples = examples_list,
    .words = words_list,
    .joins = true,
    .run = run_list,
};

/* ---- show ---------------------------------------------------------------------------------------------- */

/* Appends the objects with these ids to `nodes`, a page at a time. Returns 1 or PORTD_E_*. */
static int show_pages(const struct invocation *in, portd_client *client, const portd_id *ids, size_t n,
                      struct node *nodes) {
    portd_list *list;
    int rc = 1;

    for (size_t i = 0; i < n && rc > 0; i += IDS_PAGE) {
        rc = portd_show(client, ids + i, n - i < IDS_PAGE ? n - i : IDS_PAGE, in->deadline, &list);
        if (rc <= 0)
            break;
        listing_append(nodes, list, 0, portd_session_id(client));
        portd_list_free(list);
    }
    return rc;
}

static int show(const struct invocation *in, portd_client *client, const portd_id *ids, size_t n) {
    struct node *nodes = node_list();
    int rc = show_pages(in, client, ids, n, nodes);

    if (rc < 0) {
        node_free(nodes);
        return failure_call(&in->output, client, rc);
    }
    output_objects(&in->output, item_any_columns, nodes);
    return 0;
}

/* Whether the words are names; of ids and names together ids_parse tells that a name is no id. */
static bool are_names(const struct invocation *in) {
    const char *word;

    for (size_t i = 0; (word = command_word(in, i)) != NULL; i++)
        if (!hold_is_name(word))
            return false;
    return command_words(in) > 0;
}

static int show_names(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .start = true, .deadline = in->deadline};
    struct holds holds;
    struct broker broker;
    int rc = failure_columns(&in->output, look_columns);

    if (rc == 0)
        rc = holds_parse(in, &holds);
    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc != 0)
        return rc;
    rc = look_show(in, broker.client, &holds);
    broker_disconnect(&broker);
    return rc;
}

static int show_ids(const struct invocation *in) {
    struct broker broker;
    portd_id *ids;
    size_t n;
    int rc = ids_parse(in, &ids, &n);

    if (rc != 0)
        return rc;
    rc = broker_join(in, &broker);
    if (rc == 0) {
        rc = show(in, broker.client, ids, n);
        broker_disconnect(&broker);
    }
    free(ids);
    return rc;
}

static int run_show(const struct invocation *in) {
    int rc = 0;

    if (are_names(in))
        return show_names(in);
    if (command_option(in, "of") != NULL)
        rc = failure_usage(&in->output, NULL, "--of applies to names only");
    if (rc == 0)
        rc = failure_columns(&in->output, item_any_columns);
    return rc != 0 ? rc : show_ids(in);
}

static const char *const usage_show[] = {"show ID...", "show NAME... [--of USER]", NULL};

static const char *const examples_show[] = {
    "portctl show \"$id\"",
    "portctl show \"$id\" -j | jq -r '.[0].cause'",
    "portctl show web",
    "portctl show web log -j | jq -r '.[] | select(.poison != []) | .name'",
    NULL,
};

static const char details_show[] =
    "Shows all that the broker knows about these objects, or about what is held under\n"
    "these names. If one of them does not exist, none is shown.\n"
    "\n"
    "Of a name also what the system tells of the descriptor now. That takes nothing\n"
    "from it and changes nothing. What the system does not tell is '-'.\n"
    "\n"
    "poison      what other holders have changed since it was put: not-listening (a\n"
    "            listener was shut down), shut-read and shut-write (a connection was\n"
    "            shut down), flags (nonblock, append or direct), offset (the position\n"
    "            of a file, also by its ports). 'portctl repair' undoes some of it\n"
    "local, peer the addresses of a socket\n"
    "path        of a file, as the broker sees it\n"
    "flags       how it is open, flags_at_put when it was put\n"
    "accepting   whether it listens, and can be connected to\n"
    "accept_queue  connections that wait to be accepted, at most accept_limit\n"
    "reading, writing  each direction of a connection: open, shut (by a holder), peer\n"
    "            (the other end has ended it), either (one of the two)\n"
    "input_bytes   bytes that can be read now; output_bytes, written and not read yet\n"
    "offset      the position in a file, offset_at_put when it was put\n"
    "receivers   which processes have got copies since the broker's start, the last 8\n"
    "watchers    which sessions have objects of it, at most 16; pid: of their owner";

static const char *const words_show[] = {"@any|@held...", NULL};

const struct command command_show = {
    .name = "show",
    .summary = "show objects by their ids, and what is held by its names",
    .usage = usage_show,
    .details = details_show,
    .options = options_show,
    .columns = item_list_columns,
    .examples = examples_show,
    .words = words_show,
    .joins = true,
    .run = run_show,
};
