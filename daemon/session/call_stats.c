/* call_stats.c: replies with a page of rows. A caller gets the rows of its own uid, and of the broker those that show nothing of
 * other uids; one with the right to see all gets all sums, and the rows of all uids, some per page. */
#include "call.h"
#include "connection.h"
#include "daemon/access/quota.h"
#include "dispatch.h"
#include "method.h"
#include "rows.h"

enum { ROWS = 320, USER_ROWS = 2 * USER_QUOTAS + 1 };

_Static_assert(1 + METRICS + METHODS_MAX + ROWS_USERS * USER_ROWS <= ROWS, "a page has room for all rows");

/* One page under construction. */
struct page {
    Portd__V1__Stats stats;
    Portd__V1__Metric *places[ROWS];
    struct {
        Portd__V1__Metric metric;
        Portd__V1__Label *places[ROWS_LABELS];
        Portd__V1__Label labels[ROWS_LABELS];
    } rows[ROWS];
};

static void write_row(struct page *page, const struct row *row) {
    const struct metrics_words *words = &metrics_words[row->family];
    size_t n = page->stats.n_metrics++;
    Portd__V1__Metric *metric = page->places[n] = &page->rows[n].metric;
    portd__v1__metric__init(metric);
    metric->name = call_text(words->name);
    metric->type = (Portd__V1__Metric__Type)words->type;
    metric->unit = (Portd__V1__Metric__Unit)words->unit;
    metric->value = row->value;
    if (n == 0 || page->rows[n - 1].metric.name != metric->name)
        metric->help = call_text(words->help);
    metric->labels = page->rows[n].places;
    metric->n_labels = row->n_labels;
    for (size_t i = 0; i < row->n_labels; i++) {
        Portd__V1__Label *label = metric->labels[i] = &page->rows[n].labels[i];
        portd__v1__label__init(label);
        label->name = call_text(row->labels[i].name);
        label->value = call_text(row->labels[i].value);
    }
}

int call_stats(struct call *call) {
    const struct connection *connection = call->connection;
    uint64_t after = call->request->stats->after;
    struct rows rows;
    struct row row;
    struct page page;
    portd__v1__stats__init(&page.stats);
    page.stats.metrics = page.places;
    rows_begin(&rows, connection->all, !after, call->others ? NULL : connection->user, after ? after - 1 : 0);
    while (rows_next(&rows, &row))
        write_row(&page, &row);
    if (rows.next)
        page.stats.next = rows.next + 1;
    if (connection_check_room(call->connection, portd__v1__stats__get_packed_size(&page.stats),
                              &call->refusal))
        return -1;
    return call_answer(call, PORTD__V1__REPLY__RESULT_STATS, &page.stats);
}
