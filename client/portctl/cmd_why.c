/* cmd_why.c: portctl why: who has which right to a name, and by which rule. It starts no broker: a new one holds nothing. */
#include "broker.h"
#include "failure.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static const char *const rights[] = {"list", "watch", "read", "write", "get", "put", "drop", "admin", NULL};

struct question {
    const char *name; /* NULL: of admin */
    int right;
    const char *owner, *uid; /* NULL: the caller */
    uint32_t gids[PORTD_WHY_GIDS_MAX];
    size_t n_gids;
};

/* ---- the command line ---------------------------------------------------------------------------------- */

static int read_right(const struct invocation *in, const char *word, int *right) {
    const char *closest;

    for (int i = 0; rights[i] != NULL; i++)
        if (strcmp(rights[i], word) == 0) {
            *right = i + PORTD_RIGHT_LIST;
            return 0;
        }
    closest = text_closest(word, rights);
    if (closest != NULL)
        return failure_usage(&in->output, NULL, "unknown right '%s'; did you mean '%s'?", word, closest);
    return failure_usage(&in->output, "list, watch, read, write, get, put, drop or admin",
                         "unknown right '%s'", word);
}

/* NULL if it was not given. */
static int read_uid(const struct invocation *in, const char *option, const char **uid) {
    uint64_t number;

    *uid = command_option(in, option);
    if (*uid == NULL || text_number(*uid, UINT64_MAX, &number))
        return 0;
    return failure_usage(&in->output, "'id -u NAME' tells that of a user", "--%s %s: expected a uid", option,
                         *uid);
}

static int read_gids(const struct invocation *in, struct question *question) {
    for (size_t i = 0; i < in->n_arguments; i++) {
        const struct argument *argument = &in->arguments[i];
        uint64_t number;

        if (argument->option == NULL || strcmp(argument->option->name, "gid") != 0)
            continue;
        if (!text_number(argument->value, UINT32_MAX, &number))
            return failure_usage(&in->output, "'id -G NAME' tells those of a user",
                                 "--gid %s: expected a gid", argument->value);
        if (question->n_gids == PORTD_WHY_GIDS_MAX)
            return failure_usage(&in->output, NULL, "at most %d groups", (int)PORTD_WHY_GIDS_MAX);
        question->gids[question->n_gids++] = (uint32_t)number;
    }
    return 0;
}

/* NAME RIGHT, or admin alone. */
static int read_words(const struct invocation *in, struct question *question) {
    static const char before[] = "hold:";
    const char *name = command_word(in, 0), *right = command_word(in, 1);
    bool admin = name != NULL && right == NULL && strcmp(name, "admin") == 0;

    if (admin) {
        question->right = PORTD_RIGHT_ADMIN;
        return question->owner == NULL ? 0 : failure_usage(&in->output, NULL, "admin is a right of no owner");
    }
    if (name == NULL || right == NULL || command_words(in) > 2)
        return failure_usage(&in->output, NULL, "expected a name and a right, or admin");
    question->name = strncmp(name, before, strlen(before)) == 0 ? name + strlen(before) : name;
    if (*question->name == '\0' || strlen(question->name) > 255)
        return failure_usage(&in->output, NULL, "'%s' is not a name: a name has 1 to 255 bytes", name);
    if (strcmp(right, "admin") == 0)
        return failure_usage(&in->output, "portctl why admin",
                             "admin is a right over the broker, not to a name");
    return read_right(in, right, &question->right);
}

static int read_question(const struct invocation *in, struct question *question) {
    int rc;

    memset(question, 0, sizeof(*question));
    rc = read_uid(in, "of", &question->owner);
    if (rc == 0)
        rc = read_uid(in, "uid", &question->uid);
    if (rc == 0)
        rc = read_gids(in, question);
    return rc != 0 ? rc : read_words(in, question);
}

/* ---- the verb ------------------------------------------------------------------------------------------ */

static int answer(const struct invocation *in, const struct question *question, bool allowed,
                  const portd_list *list) {
    struct node *object = node_object();
    const char *reason = portd_list_note(list, 0), *rule = portd_list_note(list, 1);
    char *line = text_print("%s: %s", allowed ? "yes" : "no", reason);

    output_line(&in->output, line);
    free(line);
    node_flag(object, "allowed", allowed);
    node_text(object, "right", rights[question->right - PORTD_RIGHT_LIST]);
    if (question->name != NULL)
        node_text(object, "name", question->name);
    else
        node_null(object, "name");
    if (*rule != '\0')
        node_text(object, "rule", rule);
    else
        node_null(object, "rule");
    node_text(object, "reason", reason);
    output_value(&in->output, "", object);
    return allowed ? PORTCTL_DONE : PORTCTL_NO;
}

static int ask(const struct invocation *in, const struct question *question, portd_client *client) {
    portd_list *list;
    int r = portd_why(client, question->owner, question->name, question->right, question->uid, question->gids,
                      question->n_gids, in->deadline, &list);
    int rc = r < 0 ? failure_call(&in->output, client, r) : answer(in, question, r > 0, list);

    portd_list_free(list);
    return rc;
}

static int run(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .deadline = in->deadline};
    struct question question;
    struct broker broker;
    int rc = read_question(in, &question);

    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc != 0)
        return rc;
    rc = ask(in, &question, broker.client);
    broker_disconnect(&broker);
    return rc;
}

static const struct option_row options[] = {
    {"of", "UID", "whose names, if not your own", false, NULL},
    {"uid", "UID", "who wants to do it, if not you", false, NULL},
    {"gid", "GID", "a group of that user, the primary one first", true, NULL},
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "why NAME list|watch|read|write|get|put|drop [--of UID] [--uid UID [--gid GID]...]",
    "why admin [--uid UID [--gid GID]...]",
    NULL,
};

static const char *const words[] = {"admin", "list|watch|read|write|get|put|drop", NULL};

static const char *const examples[] = {
    "portctl why web/log watch --of 33",
    "portctl --system why web/log get --of 33 --uid 1001 --gid 1001 --gid 4",
    "portctl why admin",
    NULL,
};

static const char details[] =
    "Tells whether you, or with --uid somebody else, may do that with the name, held\n"
    "or not, and why: by which rule of the broker's configuration (portd.conf(5)), or\n"
    "what is missing. The owner of a name has all seven rights, others those that\n"
    "rules grant; admin is over the broker.\n"
    "\n"
    "Your groups are those of this portctl. With --uid only the groups count that are\n"
    "named by --gid; both need the right admin, which root and the broker's own user\n"
    "have. Exits with 0 if the answer is yes, with 1 if it is no. No broker is started.";

const struct command command_why = {
    .name = "why",
    .summary = "tell who may do what with a held name, and by which rule",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .words = words,
    .run = run,
};
