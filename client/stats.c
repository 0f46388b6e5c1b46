/* stats.c: the broker's metrics. */
#include "call.h"
#include "client.h"
#include "list.h"
#include "submit.h"

#include <string.h>

static size_t count_labels(const Portd__V1__Stats *page) {
    size_t n = 0;

    for (size_t i = 0; i < page->n_metrics; i++)
        n += page->metrics[i]->n_labels;
    return n;
}

/* In a page only the first metric of a name has the help text. */
static const char *help_of(const Portd__V1__Stats *page, size_t i, const portd_metric *metrics) {
    const char *help = page->metrics[i]->help;

    return !*help && i > 0 && strcmp(metrics[i - 1].name, page->metrics[i]->name) == 0 ? metrics[i - 1].help
                                                                                       : help;
}

static int read_stats(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                      struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Stats *page = reply->stats;
    size_t n = page->n_metrics;

    (void)request;
    (void)frame;
    result->cursor = page->next;
    result->more = page->next != 0;
    if (n == 0)
        return 1;
    const portd_metric **places = client->extra = memory_get(
        &client->memory, n * (sizeof(*places) + sizeof(**places)) + count_labels(page) * sizeof(portd_label));
    if (!places)
        return PORTD_E_MEMORY;
    portd_metric *metrics = (portd_metric *)(places + n);
    portd_label *labels = (portd_label *)(metrics + n);
    for (size_t i = 0; i < n; i++) {
        const Portd__V1__Metric *from = page->metrics[i];
        metrics[i] = (portd_metric){.size = sizeof(*metrics),
                                    .name = from->name,
                                    .type = (int)from->type,
                                    .unit = (int)from->unit,
                                    .value = from->value,
                                    .labels = labels,
                                    .n_labels = from->n_labels,
                                    .help = help_of(page, i, metrics)};
        for (size_t l = 0; l < from->n_labels; l++)
            *labels++ = (portd_label){from->labels[l]->name, from->labels[l]->value};
        places[i] = &metrics[i];
    }
    result->metrics = places;
    result->n_metrics = n;
    return 1;
}

int portd_get_stats_start(portd_client *client, uint64_t cursor, portd_callback *callback, void *data,
                          portd_request **request) {
    Portd__V1__StatsOf stats = PORTD__V1__STATS_OF__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    stats.after = cursor;
    message.method_case = PORTD__V1__REQUEST__METHOD_STATS;
    message.stats = &stats;
    return submit_request(client, &message, OS_FD_NONE, read_stats, callback, data, request);
}

/* Requests page after page, as portd_list_objects. */
int portd_get_stats(portd_client *client, int64_t deadline, portd_list **list) {
    struct call call;
    portd_client *asked = call_begin_list(&call, client, list);
    uint64_t cursor;
    int r;

    do {
        cursor = call.result.cursor;
        r = portd_get_stats_start(asked, cursor, call_done, &call, &call.request);
        r = call_run(&call, r, deadline);
    } while (r > 0 && call.result.more && call.result.cursor > cursor);
    if (r > 0 && list_gather(call.list) < 0)
        r = client_fail(client, PORTD_E_MEMORY, 0, NULL, NULL);
    return call_leave(&call, r);
}
