/* cmd_status.c: portctl status and portctl ping. Neither starts a broker: they report whether one is running. */
#include "broker.h"
#include "failure.h"
#include "text.h"

#include <stdlib.h>

/* ---- status -------------------------------------------------------------------------------------------- */

static const struct column columns_status[] = {
    {"address", COLUMN_PLAIN, false},
    {"broker", COLUMN_PLAIN, false},
    {"protocol", COLUMN_PLAIN, false},
    {"pid", COLUMN_PLAIN, false},
    {"uptime_us", COLUMN_DURATION, false},
    {"engine", COLUMN_PLAIN, false},
    {"identity", COLUMN_PLAIN, false},
    {"session", COLUMN_PLAIN, false},
    {"session_rule", COLUMN_PLAIN, false},
    {"session_owner_pid", COLUMN_PLAIN, false},
    {"session_existed", COLUMN_PLAIN, false},
    {"session_objects", COLUMN_PLAIN, false},
    {"session_ttl_us", COLUMN_DURATION, false},
    {"sessions", COLUMN_PLAIN, false},
    {"connections", COLUMN_PLAIN, false},
    {"descriptors", COLUMN_PLAIN, false},
    {"objects", COLUMN_PLAIN, false},
    {"waits", COLUMN_PLAIN, false},
    {"descriptors_limit", COLUMN_PLAIN, false},
    {"descriptors_free", COLUMN_PLAIN, false},
    {"door_notify", COLUMN_PLAIN, false},
    {"quotas", COLUMN_PLAIN, false},
    {NULL, COLUMN_PLAIN, false},
};

static void describe_broker(struct node *object, const portd_status *status) {
    node_text(object, "broker", status->broker);
    node_number(object, "protocol", status->protocol);
    node_number(object, "pid", status->pid);
    node_number(object, "uptime_us", status->uptime_us);
    node_text(object, "engine", status->engine);
    node_text(object, "identity", status->identity);
}

static void describe_session(struct node *object, const struct broker *broker, const portd_item *session) {
    node_number(object, "session", session->id);
    node_text(object, "session_rule", broker_rule_name(broker->owner.rule));
    if (session->owner_pid != 0)
        node_number(object, "session_owner_pid", session->owner_pid);
    else
        node_null(object, "session_owner_pid");
    node_flag(object, "session_existed", portd_session_joined(broker->client));
    node_number(object, "session_objects", session->objects);
    if (session->ttl_us != 0)
        node_number(object, "session_ttl_us", session->ttl_us);
    else
        node_null(object, "session_ttl_us");
}

static struct node *describe_quota(const portd_quota *quota) {
    struct node *object = node_object();

    node_text(object, "name", quota->name);
    node_number(object, "used", quota->used);
    node_number(object, "limit", quota->limit);
    return object;
}

static void append_quota_line(struct node *quotas, const portd_quota *quota) {
    char *line = text_print("%s: %llu of %llu", quota->name, (unsigned long long)quota->used,
                            (unsigned long long)quota->limit);

    node_append_text(quotas, line);
    free(line);
}

/* One object per quota in JSON, one line in text. */
static struct node *describe_quotas(const struct output *output, const portd_status *status) {
    struct node *quotas = node_list();

    for (size_t i = 0; i < status->n_quotas; i++)
        if (output_is_text(output))
            append_quota_line(quotas, &status->quotas[i]);
        else
            node_append(quotas, describe_quota(&status->quotas[i]));
    return quotas;
}

static void answer_status(const struct invocation *in, const struct broker *broker,
                          const portd_status *status) {
    struct node *object = node_object();

    node_text(object, "address", portd_address(broker->client));
    describe_broker(object, status);
    describe_session(object, broker, status->session);
    node_number(object, "sessions", status->sessions);
    node_number(object, "connections", status->connections);
    node_number(object, "descriptors", status->descriptors);
    node_number(object, "objects", status->objects);
    node_number(object, "waits", status->waits);
    node_number(object, "descriptors_limit", status->descriptors_limit);
    node_number(object, "descriptors_free", status->descriptors_free);
    if (status->door_notify[0] != '\0')
        node_text(object, "door_notify", status->door_notify);
    else
        node_null(object, "door_notify");
    node_put(object, "quotas", describe_quotas(&in->output, status));
    output_object(&in->output, columns_status, object);
}

static int check_no_words(const struct invocation *in) {
    const char *word = command_word(in, 0);

    return word == NULL ? 0 : failure_usage(&in->output, NULL, "unexpected argument '%s'", word);
}

static int run_status(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_LOOK, .deadline = in->deadline};
    struct broker broker;
    portd_list *list;
    int rc = check_no_words(in);

    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc == 0 && broker.owner.rule == OWNER_NOBODY &&
        broker_inherited(in) == NULL) { /* no session yet: show the owner it would get */
        broker_disconnect(&broker);
        wish.session = BROKER_JOIN;
        wish.ownerless = true;
        rc = broker_connect(in, &wish, &broker);
    }
    if (rc != 0)
        return rc;
    rc = portd_get_status(broker.client, in->deadline, &list);
    if (rc > 0) {
        answer_status(in, &broker, portd_list_status(list));
        portd_list_free(list);
        rc = 0;
    } else {
        rc = failure_call(&in->output, broker.client, rc);
    }
    broker_disconnect(&broker);
    return rc;
}

static const char *const usage_status[] = {"status", NULL};

static const char *const examples_status[] = {
    "portctl status",
    "portctl status -j | jq '.quotas[] | select(.used * 10 > .limit * 9)'",
    NULL,
};

static const char details_status[] =
    "Shows the broker, its address and its use, and the session that this call\n"
    "joined:\n"
    "\n"
    "session rule   how it was found: option (--owner), environment (PORTD_SESSION),\n"
    "               ancestor (which already has one, or over fd:N has got it by\n"
    "               this call); for another session made by this call: reader (of\n"
    "               standard output), session-leader, nobody\n"
    "session owner  the first of the owner processes; the session ends with the last\n"
    "sessions ...   and the totals after it: of this user; for root and the broker's\n"
    "               own user, of the whole broker\n"
    "quotas         of this user\n"
    "\n"
    "No broker is started.";

const struct command command_status = {
    .name = "status",
    .summary = "show the broker, the session and the quotas",
    .usage = usage_status,
    .details = details_status,
    .columns = columns_status,
    .examples = examples_status,
    .joins = true,
    .run = run_status,
};

/* ---- ping ---------------------------------------------------------------------------------------------- */

enum { PINGS_MAX = 100000 };

static const struct option_row options_ping[] = {
    {"count", "N", "number of pings", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

/* Measures n round trips. Returns 1 or PORTD_E_*. */
static int measure(const struct invocation *in, portd_client *client, size_t n, uint64_t *trips) {
    for (size_t i = 0; i < n; i++) {
        int64_t before = portd_now();
        int rc = portd_ping(client, in->deadline);

        if (rc < 0)
            return rc;
        trips[i] = (uint64_t)(portd_now() - before);
    }
    return 1;
}

static void answer_ping(const struct invocation *in, const portd_client *client, const uint64_t *trips,
                        size_t n) {
    struct node *object = node_object(), *list = node_list();
    uint64_t least = trips[0], most = trips[0];

    for (size_t i = 0; i < n; i++) {
        char *text = text_print("%llu us", (unsigned long long)trips[i]);

        output_line(&in->output, text);
        free(text);
        node_append_number(list, trips[i]);
        least = trips[i] < least ? trips[i] : least;
        most = trips[i] > most ? trips[i] : most;
    }
    node_text(object, "address", portd_address(client));
    node_number(object, "count", n);
    node_number(object, "min_us", least);
    node_number(object, "max_us", most);
    node_put(object, "round_trips_us", list);
    output_value(&in->output, "", object);
}

static int parse_count(const struct invocation *in, size_t *n) {
    const char *count = command_option(in, "count");
    uint64_t number = 1;
    int rc = check_no_words(in);

    if (rc == 0 && count != NULL && (!text_number(count, PINGS_MAX, &number) || number == 0))
        rc = failure_usage(&in->output, NULL, "--count %s: a number from 1 to %d", count, PINGS_MAX);
    *n = (size_t)number;
    return rc;
}

static int run_ping(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .deadline = in->deadline};
    struct broker broker;
    uint64_t *trips;
    size_t n;
    int rc = parse_count(in, &n);

    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc != 0)
        return rc;
    trips = text_room(n, sizeof(*trips));
    rc = measure(in, broker.client, n, trips);
    if (rc > 0)
        answer_ping(in, broker.client, trips, n);
    rc = rc > 0 ? 0 : failure_call(&in->output, broker.client, rc);
    free(trips);
    broker_disconnect(&broker);
    return rc;
}

static const char *const usage_ping[] = {"ping [--count N]", NULL};

static const char *const examples_ping[] = {
    "portctl ping --timeout 2s",
    "portctl ping --count 100 -j | jq .min_us",
    NULL,
};

static const char details_ping[] =
    "Prints the round-trip time to the broker, a line for each ping. No broker is\n"
    "started.";

const struct command command_ping = {
    .name = "ping",
    .summary = "measure the round trip to the broker",
    .usage = usage_ping,
    .details = details_ping,
    .options = options_ping,
    .examples = examples_ping,
    .run = run_ping,
};
