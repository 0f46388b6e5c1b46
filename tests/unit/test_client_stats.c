/* test_client_stats.c: metrics in the library against a fake broker: pages, additions of later brokers, no memory. */
#include "tests/support/broker_fake.h"

#include <pthread.h>

enum { WINDOW = 8, FIRST_ID = 2 };

struct row {
    const char *name, *help, *uid;
    uint64_t value;
};

/* A page of that many rows, each with a label, and the cursor of the next. */
static void reply_page(struct broker_fake *broker, uint64_t id, const struct row *rows, size_t n,
                       uint64_t next) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Stats stats = PORTD__V1__STATS__INIT;
    Portd__V1__Metric metrics[8], *places[8];
    Portd__V1__Label labels[8], *label_places[8];

    for (size_t i = 0; i < n; i++) {
        portd__v1__metric__init(&metrics[i]);
        portd__v1__label__init(&labels[i]);
        labels[i].name = (char *)(uintptr_t) "uid";
        labels[i].value = (char *)(uintptr_t)rows[i].uid;
        label_places[i] = &labels[i];
        metrics[i].name = (char *)(uintptr_t)rows[i].name;
        metrics[i].help = (char *)(uintptr_t)rows[i].help;
        metrics[i].type = PORTD__V1__METRIC__TYPE__TYPE_GAUGE;
        metrics[i].unit = PORTD__V1__METRIC__UNIT__UNIT_BYTES;
        metrics[i].value = rows[i].value;
        metrics[i].labels = &label_places[i];
        metrics[i].n_labels = 1;
        places[i] = &metrics[i];
    }
    stats.metrics = places;
    stats.n_metrics = n;
    stats.next = next;
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_STATS;
    reply.stats = &stats;
    broker_reply(broker, &reply, OS_FD_NONE);
}

static void check_metric(const portd_metric *metric, const char *name, const char *help, const char *uid,
                         uint64_t value) {
    assert_non_null(metric);
    assert_string_equal(metric->name, name);
    assert_string_equal(metric->help, help);
    assert_int_equal(metric->type, PORTD_METRIC_GAUGE);
    assert_int_equal(metric->unit, PORTD_UNIT_BYTES);
    assert_int_equal(metric->n_labels, 1);
    assert_string_equal(metric->labels[0].name, "uid");
    assert_string_equal(metric->labels[0].value, uid);
    assert_int_equal(metric->value, value);
}

static const struct row first[] = {
    {"used", "how much", "1", 10}, {"used", "", "2", 20}, {"limit", "at most", "1", 100}};
static const struct row second[] = {{"used", "how much", "3", 30}, {"limit", "at most", "3", 300}};

struct page {
    const struct row *rows;
    size_t n;
    uint64_t next;
};

struct served {
    struct broker_fake *broker;
    const struct page *pages;
    size_t n;
    uint64_t after[4]; /* what was asked for */
};

static void *serve(void *data) {
    struct served *served = data;

    for (size_t i = 0; i < served->n; i++) {
        const struct page *page = &served->pages[i];
        Portd__V1__Request *request = broker_expect(served->broker, PORTD__V1__REQUEST__METHOD_STATS);
        served->after[i] = request->stats->after;
        reply_page(served->broker, request->id, page->rows, page->n, page->next);
    }
    return NULL;
}

static void pages_become_one_list_with_names_together(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const struct page pages[] = {{first, 3, 77}, {NULL, 0, 78}, {second, 2, 0}};
    struct served served = {.broker = &broker, .pages = pages, .n = 3};
    portd_list *list = NULL;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve, &served), 0);
    assert_int_equal(portd_get_stats(client, PORTD_FOREVER, &list), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(served.after[0], 0);
    assert_int_equal(served.after[1], 77);
    assert_int_equal(served.after[2], 78);
    portd_disconnect(client);
    broker_close(&broker);
    assert_int_equal(portd_list_count(list), 5);
    check_metric(portd_list_metric(list, 0), "used", "how much", "1", 10);
    check_metric(portd_list_metric(list, 1), "used", "how much", "2", 20);
    check_metric(portd_list_metric(list, 2), "used", "how much", "3", 30);
    check_metric(portd_list_metric(list, 3), "limit", "at most", "1", 100);
    check_metric(portd_list_metric(list, 4), "limit", "at most", "3", 300);
    assert_null(portd_list_metric(list, 5));
    assert_null(portd_list_metric(NULL, 0));
    portd_list_free(list);
}

/* A broker that goes round in circles is not followed. */
static void a_cursor_that_does_not_grow_ends_it(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const struct page pages[] = {{first, 3, 5}, {second, 2, 5}};
    struct served served = {.broker = &broker, .pages = pages, .n = 2};
    portd_list *list = NULL;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve, &served), 0);
    assert_int_equal(portd_get_stats(client, PORTD_FOREVER, &list), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(portd_list_count(list), 5);
    portd_list_free(list);
    portd_disconnect(client);
    broker_close(&broker);
}

static void an_empty_answer_is_an_empty_list(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_list *list = NULL;

    (void)state;
    reply_page(&broker, FIRST_ID, NULL, 0, 0);
    assert_int_equal(portd_get_stats(client, PORTD_FOREVER, &list), 1);
    assert_int_equal(portd_list_count(list), 0);
    assert_null(portd_list_metric(list, 0));
    portd_list_free(list);
    broker_reply_error(&broker, FIRST_ID + 1, PORTD__V1__CODE__CODE_UNSUPPORTED, "no");
    assert_int_equal(portd_get_stats(client, PORTD_FOREVER, &list), PORTD_E_UNSUPPORTED);
    assert_null(list);
    assert_int_equal(portd_get_stats(client, 0, NULL), PORTD_E_INVALID);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- without memory ------------------------------------------------------------------------------------------------ */

static long allowed; /* allocations from now on; below 0: all */

static void *allocate(void *context, void *old, size_t size) {
    (void)context;
    if (size == 0) {
        free(old);
        return NULL;
    }
    if (allowed == 0)
        return NULL;
    if (allowed > 0)
        allowed--;
    return realloc(old, size);
}

static void without_memory_nothing_leaks(void **state) {
    portd_options options = PORTD_OPTIONS_INIT;
    portd_list *list = NULL;
    int code = PORTD_E_MEMORY;

    (void)state;
    options.allocate = allocate;
    for (long n = 0; code == PORTD_E_MEMORY; n++) {
        struct broker_fake broker;
        allowed = -1;
        portd_client *client = broker_meet(&broker, &options, WINDOW);
        reply_page(&broker, FIRST_ID, first, 3, 0);
        allowed = n;
        code = portd_get_stats(client, PORTD_FOREVER, &list);
        allowed = -1;
        assert_true((code == 1) == (list != NULL));
        portd_list_free(list);
        portd_disconnect(client);
        broker_close(&broker);
        assert_true(n < 100);
    }
    assert_int_equal(code, 1);
}

TEST_MAIN(TEST_CASE(pages_become_one_list_with_names_together),
          TEST_CASE(a_cursor_that_does_not_grow_ends_it), TEST_CASE(an_empty_answer_is_an_empty_list),
          TEST_CASE(without_memory_nothing_leaks))
