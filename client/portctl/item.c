/* item.c: one object of a listing as an output node.
 *
 * Members that do not apply to a kind are absent; those that apply and have no value (the cause of an idle semaphore, a
 * descriptor that has been closed) are null.
 */
#include "item.h"

#include "look.h"

#define OBJECT_COLUMNS                                                                                       \
    {"number", COLUMN_PLAIN, false}, {"direction", COLUMN_PLAIN, false}, {"type", COLUMN_PLAIN, false},      \
        {"name", COLUMN_PLAIN, false}, {"hold", COLUMN_PLAIN, false}, {"socket", COLUMN_PLAIN, true},        \
        {"registered", COLUMN_PLAIN, false}, {"cause", COLUMN_PLAIN, false},                                 \
        {"waiters", COLUMN_PLAIN, false}, {"descriptor", COLUMN_PLAIN, false},                               \
        {"session", COLUMN_PLAIN, false}, {"handle", COLUMN_PLAIN, true}, {                                  \
        "hold_owner", COLUMN_PLAIN, true                                                                     \
    }
#define SESSION_COLUMNS                                                                                      \
    {"current", COLUMN_PLAIN, false}, {"owner_pid", COLUMN_PLAIN, false}, {"uid", COLUMN_PLAIN, false},      \
        {"client", COLUMN_PLAIN, false}, {"connections", COLUMN_PLAIN, false},                               \
        {"objects", COLUMN_PLAIN, false}, {"descriptors", COLUMN_PLAIN, false},                              \
        {"age_us", COLUMN_DURATION, false}, {                                                                \
        "ttl_us", COLUMN_DURATION, false                                                                     \
    }

const struct column item_columns[] = {
    {"id", COLUMN_PLAIN, false}, {"kind", COLUMN_PLAIN, false}, OBJECT_COLUMNS, {NULL, COLUMN_PLAIN, false}};

const struct column item_session_columns[] = {
    {"id", COLUMN_PLAIN, false}, SESSION_COLUMNS, {"kind", COLUMN_PLAIN, true}, {NULL, COLUMN_PLAIN, false}};

const struct column item_any_columns[] = {{"id", COLUMN_PLAIN, false},
                                          {"kind", COLUMN_PLAIN, false},
                                          OBJECT_COLUMNS,
                                          SESSION_COLUMNS,
                                          {NULL, COLUMN_PLAIN, false}};

const struct column item_list_columns[] = {{"id", COLUMN_PLAIN, false},
                                           {"kind", COLUMN_PLAIN, false},
                                           OBJECT_COLUMNS,
                                           SESSION_COLUMNS,
                                           {"owner", COLUMN_PLAIN, false},
                                           {"process", COLUMN_PLAIN, false},
                                           {"hang_up", COLUMN_PLAIN, false},
                                           {"copies", COLUMN_PLAIN, false},
                                           {"put_by", COLUMN_PLAIN, false},
                                           {"put_pid", COLUMN_PLAIN, false},
                                           {"spool", COLUMN_PLAIN, false},
                                           {"gets", COLUMN_PLAIN, false},
                                           {"got_us", COLUMN_DURATION, false},
                                           LOOK_COLUMNS(false),
                                           {NULL, COLUMN_PLAIN, false}};

static void number_or_null(struct node *object, const char *key, uint64_t number) {
    if (number != 0)
        node_number(object, key, number);
    else
        node_null(object, key);
}

static void describe_waitable(struct node *object, const portd_item *item) {
    node_text(object, "direction", item->direction == PORTD_DIRECTION_WRITE ? "write" : "read");
    node_flag(object, "registered", item->registered);
    if (item->cause != PORTD_CAUSE_NONE)
        node_text(object, "cause", portd_cause_name(item->cause));
    else
        node_null(object, "cause");
    node_number(object, "waiters", item->waiters);
    number_or_null(object, "descriptor", item->descriptor);
    node_flag(object, "handle", item->handle);
}

/* What it was made of: a number, or a held descriptor. */
static void describe_source(struct node *object, const portd_item *item) {
    bool held = item->hold_name[0] != '\0';

    if (item->number >= 0)
        node_number(object, "number", (uint64_t)item->number);
    else
        node_null(object, "number");
    if (held)
        node_text(object, "hold", item->hold_name);
    else
        node_null(object, "hold");
    if (held)
        node_text(object, "hold_owner", item->hold_owner);
    else
        node_null(object, "hold_owner");
}

static struct node *describe_session(const portd_item *item, portd_id current) {
    struct node *object = node_object();

    node_number(object, "id", item->id);
    node_text(object, "kind", portd_kind_name(item->kind));
    node_flag(object, "current", item->id == current);
    number_or_null(object, "owner_pid", item->owner_pid);
    node_number(object, "uid", item->uid);
    node_text(object, "client", item->client);
    node_number(object, "connections", item->connections);
    node_number(object, "objects", item->objects);
    node_number(object, "descriptors", item->descriptors);
    node_number(object, "age_us", item->age_us);
    number_or_null(object, "ttl_us", item->ttl_us);
    return object;
}

struct node *item_describe(const portd_item *item, portd_id current) {
    struct node *object;

    if (item->kind == PORTD_KIND_SESSION)
        return describe_session(item, current);
    object = node_object();
    node_number(object, "id", item->id);
    node_text(object, "kind", portd_kind_name(item->kind));
    describe_source(object, item);
    if (item->kind == PORTD_KIND_DESCRIPTOR)
        node_text(object, "type", item->type);
    if (item->kind == PORTD_KIND_PORT) {
        node_text(object, "name", item->name);
        node_flag(object, "socket", item->socket);
    }
    if (item->kind == PORTD_KIND_SEMAPHORE || item->kind == PORTD_KIND_EVT || item->kind == PORTD_KIND_PORT)
        describe_waitable(object, item);
    number_or_null(object, "session", item->session);
    return object;
}
