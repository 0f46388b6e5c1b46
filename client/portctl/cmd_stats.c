/* cmd_stats.c: portctl stats: the broker's metrics.
 *
 * Three forms: a table for people, JSON, and the OpenMetrics text format, in which names get the prefix portd_, and
 * counters the suffix _total. OpenMetrics wants base units, so microseconds become seconds there. No broker is started: a new one
 * has no counts.
 */
#include "broker.h"
#include "failure.h"
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct column columns[] = {
    {"name", COLUMN_PLAIN, false}, {"labels", COLUMN_PLAIN, false}, {"value", COLUMN_PLAIN, false},
    {"type", COLUMN_PLAIN, true},  {"unit", COLUMN_PLAIN, true},    {"help", COLUMN_PLAIN, true},
    {NULL, COLUMN_PLAIN, false},
};

static const char *type_name(const portd_metric *metric) {
    return metric->type == PORTD_METRIC_COUNTER ? "counter"
           : metric->type == PORTD_METRIC_GAUGE ? "gauge"
           : metric->type == PORTD_METRIC_INFO  ? "info"
                                                : "unknown";
}

/* ---- the table and JSON -------------------------------------------------------------------------------- */

/* "uid=0 resource=waits" */
static char *join_labels(const portd_metric *metric) {
    char *text = text_copy("");

    for (size_t i = 0; i < metric->n_labels; i++) {
        char *longer =
            text_print("%s%s%s=%s", text, i > 0 ? " " : "", metric->labels[i].name, metric->labels[i].value);

        free(text);
        text = longer;
    }
    return text;
}

static void put_labels(const struct output *output, struct node *object, const portd_metric *metric) {
    struct node *labels;
    char *text;

    if (output_is_text(output)) {
        text = join_labels(metric);
        node_text(object, "labels", text);
        free(text);
        return;
    }
    labels = node_object();
    for (size_t i = 0; i < metric->n_labels; i++)
        node_text(labels, metric->labels[i].name, metric->labels[i].value);
    node_put(object, "labels", labels);
}

static void put_value(const struct output *output, struct node *object, const portd_metric *metric) {
    char *text;

    if (!output_is_text(output) || metric->unit != PORTD_UNIT_MICROSECONDS) {
        node_number(object, "value", metric->value);
        return;
    }
    text = text_from_duration(metric->value);
    node_text(object, "value", text);
    free(text);
}

static struct node *describe(const struct output *output, const portd_metric *metric) {
    struct node *object = node_object();

    node_text(object, "name", metric->name);
    put_labels(output, object, metric);
    put_value(output, object, metric);
    node_text(object, "type", type_name(metric));
    if (metric->unit == PORTD_UNIT_NONE)
        node_null(object, "unit");
    else
        node_text(object, "unit", metric->unit == PORTD_UNIT_BYTES ? "bytes" : "microseconds");
    node_text(object, "help", metric->help);
    return object;
}

static void answer(const struct output *output, const portd_list *list) {
    struct node *nodes = node_list();

    for (size_t i = 0; i < portd_list_count(list); i++)
        node_append(nodes, describe(output, portd_list_metric(list, i)));
    output_table(output, columns, nodes);
}

/* ---- OpenMetrics --------------------------------------------------------------------------------------- */

/* The name with other characters than letters, digits and _ replaced, so that the text is valid whatever the broker sends. */
static char *family_name(const portd_metric *metric) {
    const char *unit = metric->unit == PORTD_UNIT_MICROSECONDS ? "_seconds" : "";
    char *name = text_print("portd_%s%s", metric->name, unit);

    for (char *at = name; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at))
            *at = '_';
    return name;
}

static void print_escaped(const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            putchar('\\');
        if (*text == '\n')
            fputs("\\n", stdout);
        else
            putchar(*text);
    }
}

static void print_family(const portd_metric *metric, const char *name) {
    printf("# TYPE %s %s\n", name, type_name(metric));
    if (metric->unit != PORTD_UNIT_NONE)
        printf("# UNIT %s %s\n", name, metric->unit == PORTD_UNIT_BYTES ? "bytes" : "seconds");
    printf("# HELP %s ", name);
    print_escaped(metric->help);
    putchar('\n');
}

static void print_sample(const portd_metric *metric, const char *name) {
    unsigned long long value = metric->value;

    printf("%s%s", name,
           metric->type == PORTD_METRIC_COUNTER ? "_total"
           : metric->type == PORTD_METRIC_INFO  ? "_info"
                                                : "");
    for (size_t i = 0; i < metric->n_labels; i++) {
        printf("%c%s=\"", i == 0 ? '{' : ',', metric->labels[i].name);
        print_escaped(metric->labels[i].value);
        putchar('"');
    }
    printf(metric->n_labels > 0 ? "} " : " ");
    if (metric->unit == PORTD_UNIT_MICROSECONDS)
        printf("%llu.%06llu\n", value / 1000000, value % 1000000);
    else
        printf("%llu\n", value);
}

static void print_openmetrics(const portd_list *list) {
    const char *last = "";

    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_metric *metric = portd_list_metric(list, i);
        char *name = family_name(metric);

        if (strcmp(metric->name, last) != 0)
            print_family(metric, name);
        last = metric->name;
        print_sample(metric, name);
        free(name);
    }
    puts("# EOF");
}

/* ---- the verb ------------------------------------------------------------------------------------------ */

static int check(const struct invocation *in) {
    const char *word = command_word(in, 0);

    if (word != NULL)
        return failure_usage(&in->output, NULL, "unexpected argument '%s'", word);
    if (command_option(in, "openmetrics") == NULL)
        return 0;
    if (!output_is_text(&in->output))
        return failure_usage(&in->output, NULL, "--openmetrics or --json, not both");
    return failure_columns(&in->output, NULL);
}

static int run(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .deadline = in->deadline};
    struct broker broker;
    portd_list *list;
    int rc = check(in);

    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc != 0)
        return rc;
    rc = portd_get_stats(broker.client, in->deadline, &list);
    if (rc > 0) {
        if (command_option(in, "openmetrics") != NULL)
            print_openmetrics(list);
        else
            answer(&in->output, list);
        portd_list_free(list);
        rc = 0;
    } else {
        rc = failure_call(&in->output, broker.client, rc);
    }
    broker_disconnect(&broker);
    return rc;
}

static const struct option_row options[] = {
    {"openmetrics", NULL, "print OpenMetrics text", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {"stats [--openmetrics]", NULL};

static const char *const examples[] = {
    "portctl stats",
    "portctl stats -j | jq '.[] | select(.name == \"limits\" and .value > 0)'",
    "portctl stats --openmetrics >portd.prom.new && mv portd.prom.new portd.prom",
    NULL,
};

static const char details[] =
    "Shows the broker's counters since its start, and its current gauges. Root and\n"
    "the broker's own user see all: sums over all users, and user_used, user_limit and\n"
    "user_requests of each. Others see these three of themselves, and of the broker\n"
    "its version, its uptime and the size of its descriptor table.\n"
    "\n"
    "--columns=name,help explains each number; type is counter, gauge or info. In\n"
    "JSON, 'unit' is microseconds or bytes; with --openmetrics times are seconds, and\n"
    "names begin with portd_.\n"
    "\n"
    "No broker is started.";

const struct command command_stats = {
    .name = "stats",
    .summary = "show the broker's counters and gauges",
    .usage = usage,
    .details = details,
    .options = options,
    .columns = columns,
    .examples = examples,
    .run = run,
};
