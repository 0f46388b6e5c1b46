/* hold.c: the names of held descriptors on the command line.
 *
 * A name may have any byte but zero. Where ids or descriptors are meant as well a name of digits, or one that begins like a
 * descriptor, is written with "hold:" before it; that is so everywhere, so that a word always stands for the same name.
 */
#include "hold.h"

#include "failure.h"
#include "native.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "hold:";

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* ---- names ----------------------------------------------------------------------------------------------- */

bool hold_is_name(const char *word) {
    return word[strspn(word, "0123456789")] != '\0' && !begins(word, "fd:") && !begins(word, "socket:");
}

int hold_read(const struct invocation *in, const char *word, const char **name) {
    *name = begins(word, prefix) ? word + strlen(prefix) : word;
    if (**name != '\0' && strlen(*name) <= 255)
        return 0;
    return failure_usage(&in->output, NULL, "'%s' is not a name: a name has 1 to 255 bytes", word);
}

char *hold_word(const char *name) {
    bool plain = hold_is_name(name) && name[0] != '-' && !begins(name, prefix);

    return text_print("%s%s", plain ? "" : prefix, name);
}

int hold_add(const struct invocation *in, struct holds *holds, const char *word) {
    const char *name;
    int rc = hold_read(in, word, &name);

    if (rc != 0)
        return rc;
    if (holds->n == HOLDS_MAX)
        return failure_usage(&in->output, NULL, "at most %d names at a time", HOLDS_MAX);
    for (size_t i = 0; i < holds->n; i++)
        if (strcmp(holds->names[i], name) == 0)
            return failure_usage(&in->output, NULL, "'%s' is named twice", name);
    holds->names[holds->n++] = name;
    return 0;
}

int holds_parse(const struct invocation *in, struct holds *holds) {
    const char *word;
    int rc = 0;

    memset(holds, 0, sizeof(*holds));
    for (size_t i = 0; rc == 0 && (word = command_word(in, i)) != NULL; i++)
        rc = hold_add(in, holds, word);
    if (rc != 0)
        return rc;
    if (holds->n == 0)
        return failure_usage(&in->output, NULL, "the name is missing");
    return holds_parse_options(in, holds);
}

/* ---- options --------------------------------------------------------------------------------------------- */

int hold_read_owner(const struct invocation *in, struct holds *holds) {
    const char *user = command_option(in, "of");
    uint64_t uid;

    holds->owner[0] = '\0';
    if (user == NULL)
        return 0;
    if (!text_number(user, UINT64_MAX, &uid) && !native_user(user, &uid))
        return failure_usage(&in->output, "name a user, or a uid in decimal", "--of %s: no such user", user);
    snprintf(holds->owner, sizeof(holds->owner), "%llu", (unsigned long long)uid);
    return 0;
}

/* "ID,ID": as many as there are names. */
static int read_expects(const struct invocation *in, struct holds *holds, const char *list) {
    const char *at = list;
    size_t n = 0;

    while (at != NULL) {
        size_t length = strcspn(at, ",");
        char *text = text_print("%.*s", (int)length, at);
        bool valid = n < holds->n && text_number(text, (UINT64_C(1) << 53) - 1, &holds->expects[n]);

        free(text);
        if (!valid)
            break;
        n++;
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    if (at == NULL && n == holds->n)
        return 0;
    return failure_usage(&in->output, "'portctl list holds' shows the ids",
                         "--expects %s: expected %zu id%s, one for each name", list, holds->n,
                         holds->n == 1 ? "" : "s");
}

int holds_parse_options(const struct invocation *in, struct holds *holds) {
    const char *expects = command_option(in, "expects");
    int rc = hold_read_owner(in, holds);

    holds->expected = expects != NULL;
    return rc != 0 || expects == NULL ? rc : read_expects(in, holds, expects);
}

const char *hold_owner(const struct holds *holds) { return holds->owner[0] != '\0' ? holds->owner : NULL; }

const portd_id *hold_expects(const struct holds *holds) { return holds->expected ? holds->expects : NULL; }

/* ---- calls ----------------------------------------------------------------------------------------------- */

int hold_check(const struct invocation *in, const portd_client *client) {
    if (portd_broker_has_feature(client, "hold"))
        return 0;
    return failure_code(&in->output, PORTD_E_UNSUPPORTED,
                        "a later portd does; 'portctl version' shows this one's",
                        "the broker holds no descriptors under names: it lacks the feature \"hold\"");
}

int hold_fail(const struct invocation *in, const portd_client *client, int code, const char *hint) {
    const char *text = portd_last_error(client);

    if (code == PORTD_E_NOT_FOUND)
        hint = "'portctl list holds' shows what is held";
    else if (code == PORTD_E_UNCERTAIN)
        hint = "'portctl list holds' shows whether it was done";
    else if (code != PORTD_E_EXISTS || hint == NULL)
        hint = portd_last_hint(client);
    return failure_code(&in->output, code, hint, "%s", text[0] != '\0' ? text : portd_code_text(code));
}

void hold_answer(const struct invocation *in, const struct holds *holds, const char *key) {
    struct node *object = node_object(), *list = node_list();

    for (size_t i = 0; i < holds->n; i++)
        node_append_text(list, holds->names[i]);
    node_put(object, key, list);
    output_value(&in->output, "", object);
}

/* ---- the list -------------------------------------------------------------------------------------------- */

const struct column hold_columns[] = {
    {"name", COLUMN_PLAIN, false},     {"id", COLUMN_PLAIN, false},        {"type", COLUMN_PLAIN, false},
    {"owner", COLUMN_PLAIN, false},    {"ttl_us", COLUMN_DURATION, false}, {"process", COLUMN_PLAIN, false},
    {"hang_up", COLUMN_PLAIN, false},  {"copies", COLUMN_PLAIN, false},    {"age_us", COLUMN_DURATION, false},
    {"put_by", COLUMN_PLAIN, true},    {"put_pid", COLUMN_PLAIN, true},    {"gets", COLUMN_PLAIN, true},
    {"got_us", COLUMN_DURATION, true}, {"spool", COLUMN_PLAIN, true},      {NULL, COLUMN_PLAIN, false},
};

static void number_or_null(struct node *object, const char *key, uint64_t number) {
    if (number != 0)
        node_number(object, key, number);
    else
        node_null(object, key);
}

struct node *hold_describe(const portd_held *held) {
    struct node *object = node_object();

    node_text(object, "name", held->name);
    node_number(object, "id", held->descriptor);
    node_text(object, "type", held->type);
    node_text(object, "owner", held->owner);
    number_or_null(object, "ttl_us", held->ttl_us);
    number_or_null(object, "process", held->process_pid);
    node_flag(object, "hang_up", held->hang_up);
    node_number(object, "copies", held->copies);
    node_number(object, "age_us", held->age_us);
    node_text(object, "put_by", held->put_by);
    number_or_null(object, "put_pid", held->put_pid);
    number_or_null(object, "spool", held->spool_bytes);
    node_number(object, "gets", held->gets);
    if (held->gets != 0)
        node_number(object, "got_us", held->got_us);
    else
        node_null(object, "got_us");
    return object;
}

int hold_list(const struct invocation *in, portd_client *client, const struct holds *holds) {
    struct node *nodes;
    portd_list *list;
    int rc = hold_check(in, client);

    if (rc != 0)
        return rc;
    rc = portd_list_holds(client, hold_owner(holds), in->deadline, &list);
    if (rc < 0)
        return hold_fail(in, client, rc, NULL);
    nodes = node_list();
    for (size_t i = 0; i < portd_list_count(list); i++)
        node_append(nodes, hold_describe(portd_list_held(list, i)));
    portd_list_free(list);
    output_table(&in->output, hold_columns, nodes);
    return PORTCTL_DONE;
}
