/* look.c: what the broker's system tells of held descriptors, as output nodes.
 *
 * In JSON addresses and processes are objects, and flags and poisons lists. In text each of these is one cell.
 */
#include "look.h"

#include "failure.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16 };

#define BROKER_COLUMNS                                                                                       \
    {"name", COLUMN_PLAIN, false}, {"id", COLUMN_PLAIN, false}, {"type", COLUMN_PLAIN, false},               \
        {"owner", COLUMN_PLAIN, true}, {"ttl_us", COLUMN_DURATION, true}, {"process", COLUMN_PLAIN, true},   \
        {"hang_up", COLUMN_PLAIN, true}, {"spool", COLUMN_PLAIN, true}, {"copies", COLUMN_PLAIN, true},      \
        {"age_us", COLUMN_DURATION, true}, {"put_by", COLUMN_PLAIN, true}, {"put_pid", COLUMN_PLAIN, true},  \
        {"gets", COLUMN_PLAIN, false}, {                                                                     \
        "got_us", COLUMN_DURATION, true                                                                      \
    }

const struct column look_list_columns[] = {BROKER_COLUMNS, LOOK_COLUMNS(true), {NULL, COLUMN_PLAIN, false}};
const struct column look_columns[] = {BROKER_COLUMNS, LOOK_COLUMNS(false), {NULL, COLUMN_PLAIN, false}};

/* ---- nodes --------------------------------------------------------------------------------------------- */

/* Adds a word to a list, or in text to the one word of it, which has commas. */
struct words {
    struct node *list;
    char *text; /* NULL: a list */
};

static struct words words_begin(const struct invocation *in) {
    bool text = output_is_text(&in->output);

    return (struct words){text ? NULL : node_list(), text ? text_copy("") : NULL};
}

static void words_add(struct words *words, const char *word) {
    char *longer;

    if (words->text == NULL) {
        node_append_text(words->list, word);
        return;
    }
    longer = text_print("%s%s%s", words->text, words->text[0] != '\0' ? "," : "", word);
    free(words->text);
    words->text = longer;
}

static struct node *words_end(struct words *words) {
    struct node *node = words->text != NULL ? node_of_text(words->text) : words->list;

    free(words->text);
    return node;
}

struct node *look_poisons(const struct invocation *in, unsigned poisons) {
    static const char *const names[] = {NULL, "not-listening", "shut-read", "shut-write", "flags", "offset"};
    struct words words = words_begin(in);

    for (unsigned i = 1; i < sizeof(names) / sizeof(names[0]); i++)
        if ((poisons & PORTD_POISON_BIT(i)) != 0)
            words_add(&words, names[i]);
    return words_end(&words);
}

static struct node *describe_flags(const struct invocation *in, bool known, unsigned flags) {
    static const char *const names[] = {"read", "write", "nonblock", "append", "direct"};
    struct words words;

    if (!known)
        return node_of_nothing();
    words = words_begin(in);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if ((flags & 1u << i) != 0)
            words_add(&words, names[i]);
    return words_end(&words);
}

/* "127.0.0.1:80", "[::1]:80", "unix:/path". The caller frees it. */
static char *address_text(const portd_endpoint *end) {
    if (strcmp(end->family, "inet") == 0)
        return text_print("%s:%lu", end->host, (unsigned long)end->port);
    if (strcmp(end->family, "inet6") == 0)
        return text_print("[%s]:%lu", end->host, (unsigned long)end->port);
    return text_print("%s:%s", end->family, end->host);
}

static struct node *describe_address(const struct invocation *in, const portd_endpoint *end) {
    struct node *object;
    char *text;

    if (end == NULL)
        return node_of_nothing();
    if (output_is_text(&in->output)) {
        text = address_text(end);
        object = node_of_text(text);
        free(text);
        return object;
    }
    object = node_object();
    node_text(object, "family", end->family);
    node_text(object, "host", end->host);
    node_number(object, "port", end->port);
    return object;
}

static const char *pid_text(uint32_t pid, char text[16]) {
    if (pid == 0)
        return "-";
    snprintf(text, 16, "%lu", (unsigned long)pid);
    return text;
}

static void append_text_take(struct node *list, char *text) {
    node_append_text(list, text);
    free(text);
}

static void put_pid(struct node *object, const char *key, uint32_t pid) {
    if (pid != 0)
        node_number(object, key, pid);
    else
        node_null(object, key);
}

static struct node *describe_receivers(const struct invocation *in, const portd_look *look) {
    struct node *list = node_list(), *object;
    char pid[16], *ago;

    for (size_t i = 0; i < look->n_receivers; i++) {
        const portd_receiver *receiver = &look->receivers[i];

        if (output_is_text(&in->output)) {
            ago = text_from_duration(receiver->age_us);
            append_text_take(list, text_print("uid %s, pid %s, times %llu, %s ago", receiver->uid,
                                              pid_text(receiver->pid, pid),
                                              (unsigned long long)receiver->times, ago));
            free(ago);
            continue;
        }
        object = node_object();
        node_text(object, "uid", receiver->uid);
        put_pid(object, "pid", receiver->pid);
        node_number(object, "times", receiver->times);
        node_number(object, "age_us", receiver->age_us);
        node_append(list, object);
    }
    return list;
}

static struct node *describe_watchers(const struct invocation *in, const portd_look *look) {
    struct node *list = node_list(), *object;
    char pid[16];

    for (size_t i = 0; i < look->n_watchers; i++) {
        const portd_watcher *watcher = &look->watchers[i];

        if (output_is_text(&in->output)) {
            append_text_take(list,
                             text_print("session %llu, uid %s, pid %s", (unsigned long long)watcher->session,
                                        watcher->uid, pid_text(watcher->owner_pid, pid)));
            continue;
        }
        object = node_object();
        if (watcher->session != 0)
            node_number(object, "session", watcher->session);
        else
            node_null(object, "session");
        node_text(object, "uid", watcher->uid);
        put_pid(object, "pid", watcher->owner_pid);
        node_append(list, object);
    }
    return list;
}

static void put_number(struct node *object, const char *key, bool known, uint64_t number) {
    if (known)
        node_number(object, key, number);
    else
        node_null(object, key);
}

static void put_flag(struct node *object, const char *key, bool known, bool flag) {
    if (known)
        node_flag(object, key, flag);
    else
        node_null(object, key);
}

static void put_side(struct node *object, const char *key, int side) {
    static const char *const names[] = {NULL, "open", "shut", "peer", "either"};

    if (side > PORTD_SIDE_UNKNOWN && side <= PORTD_SIDE_EITHER)
        node_text(object, key, names[side]);
    else
        node_null(object, key);
}

static void put_look(const struct invocation *in, struct node *object, const portd_look *look) {
    unsigned known = look->known;

    node_put(object, "poison", look_poisons(in, look->poisons));
    node_put(object, "local", describe_address(in, look->local));
    node_put(object, "peer", describe_address(in, look->peer));
    if (look->path[0] != '\0')
        node_text(object, "path", look->path);
    else
        node_null(object, "path");
    node_put(object, "flags", describe_flags(in, (known & PORTD_LOOK_FLAGS) != 0, look->flags));
    node_put(object, "flags_at_put",
             describe_flags(in, (known & PORTD_LOOK_FLAGS_AT_PUT) != 0, look->flags_at_put));
    put_flag(object, "accepting", (known & PORTD_LOOK_ACCEPTING) != 0, look->accepting);
    put_flag(object, "accepting_at_put", (known & PORTD_LOOK_ACCEPTING_AT_PUT) != 0, look->accepting_at_put);
    put_number(object, "accept_queue", (known & PORTD_LOOK_QUEUE) != 0, look->accept_queue);
    put_number(object, "accept_limit", (known & PORTD_LOOK_QUEUE) != 0, look->accept_limit);
    put_side(object, "reading", look->reading);
    put_side(object, "writing", look->writing);
    put_number(object, "input_bytes", (known & PORTD_LOOK_INPUT) != 0, look->input);
    put_number(object, "output_bytes", (known & PORTD_LOOK_OUTPUT) != 0, look->output);
    put_number(object, "offset", (known & PORTD_LOOK_OFFSET) != 0, look->offset);
    put_number(object, "offset_at_put", (known & PORTD_LOOK_OFFSET_AT_PUT) != 0, look->offset_at_put);
    node_put(object, "receivers", describe_receivers(in, look));
    node_put(object, "watchers", describe_watchers(in, look));
}

/* ---- calls --------------------------------------------------------------------------------------------- */

int look_check(const struct invocation *in, const portd_client *client) {
    int rc = hold_check(in, client);

    if (rc != 0 || portd_broker_has_feature(client, "look"))
        return rc;
    return failure_code(&in->output, PORTD_E_UNSUPPORTED,
                        "a later portd does; 'portctl version' shows this one's",
                        "the broker does not look at what it holds: it lacks the feature \"look\"");
}

/* Appends those with these names. Above 0, or PORTD_E_*. */
static int append(const struct invocation *in, portd_client *client, const struct holds *holds,
                  const char *const *names, size_t n, struct node *nodes) {
    portd_list *list;
    int rc = portd_show_holds(client, hold_owner(holds), names, n, in->deadline, &list);

    for (size_t i = 0; rc > 0 && i < portd_list_count(list); i++) {
        const portd_held *held = portd_list_held(list, i);
        struct node *object = hold_describe(held);

        put_look(in, object, held->look);
        node_append(nodes, object);
    }
    if (rc > 0)
        portd_list_free(list);
    return rc;
}

/* The same, without those that have ended since they were listed. */
static int append_listed(const struct invocation *in, portd_client *client, const struct holds *holds,
                         const char *const *names, size_t n, struct node *nodes) {
    int rc = append(in, client, holds, names, n, nodes);

    if (rc != PORTD_E_NOT_FOUND)
        return rc;
    rc = 1;
    for (size_t i = 0; i < n && rc > 0; i++) {
        rc = append(in, client, holds, &names[i], 1, nodes);
        if (rc == PORTD_E_NOT_FOUND)
            rc = 1;
    }
    return rc;
}

static int list_all(const struct invocation *in, portd_client *client, const struct holds *holds,
                    struct node *nodes) {
    const char *names[BATCH];
    portd_list *list;
    size_t n = 0, count;
    int rc = portd_list_holds(client, hold_owner(holds), in->deadline, &list);

    if (rc < 0)
        return rc;
    count = portd_list_count(list);
    for (size_t i = 0; i < count && rc > 0; i++) {
        names[n++] = portd_list_held(list, i)->name;
        if (n == BATCH || i + 1 == count) {
            rc = append_listed(in, client, holds, names, n, nodes);
            n = 0;
        }
    }
    portd_list_free(list);
    return rc;
}

int look_list(const struct invocation *in, portd_client *client, const struct holds *holds) {
    struct node *nodes;
    int rc = look_check(in, client);

    if (rc != 0)
        return rc;
    nodes = node_list();
    rc = list_all(in, client, holds, nodes);
    if (rc < 0) {
        node_free(nodes);
        return hold_fail(in, client, rc, NULL);
    }
    output_table(&in->output, look_list_columns, nodes);
    return PORTCTL_DONE;
}

int look_show(const struct invocation *in, portd_client *client, const struct holds *holds) {
    struct node *nodes;
    int rc = look_check(in, client);

    if (rc != 0)
        return rc;
    nodes = node_list();
    rc = append(in, client, holds, holds->names, holds->n, nodes);
    if (rc < 0) {
        node_free(nodes);
        return hold_fail(in, client, rc, NULL);
    }
    output_objects(&in->output, look_columns, nodes);
    return PORTCTL_DONE;
}
