/* test_client_monitor.c: monitors in the library against a fake broker. */
#include "tests/support/broker_fake.h"

enum { WINDOW = 1, FIRST_ID = 2 };

static void reply_notices(struct broker_fake *broker, uint64_t id, size_t n, uint64_t cursor, uint64_t lost) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Notices notices = PORTD__V1__NOTICES__INIT;
    Portd__V1__Notice rows[256], *places[256];

    for (size_t i = 0; i < n; i++) {
        portd__v1__notice__init(&rows[i]);
        rows[i].seq = cursor - n + 1 + i;
        rows[i].time_us = 1700000000000000 + i;
        rows[i].event = i == 0 ? (Portd__V1__Notice__Event)99 : PORTD__V1__NOTICE__EVENT__EVENT_REFUSED;
        rows[i].session = 13;
        rows[i].uid = 4000000000;
        rows[i].id = 9;
        rows[i].kind = PORTD__V1__KIND__KIND_DESCRIPTOR;
        rows[i].number = INT64_MAX;
        rows[i].direction = PORTD__V1__DIRECTION__DIRECTION_WRITE;
        rows[i].cause = PORTD__V1__CAUSE__CAUSE_HANG_UP;
        rows[i].descriptor = 17;
        rows[i].type = (char *)(uintptr_t) "tcp-listener";
        rows[i].connection = 5;
        rows[i].pid = 6;
        rows[i].code = PORTD__V1__CODE__CODE_LIMIT;
        rows[i].method = (char *)(uintptr_t) "file_descriptor_to_semaphore";
        places[i] = &rows[i];
    }
    notices.notices = places;
    notices.n_notices = n;
    notices.cursor = cursor;
    notices.lost = lost;
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_MONITOR;
    reply.monitor = &notices;
    broker_reply(broker, &reply, OS_FD_NONE);
}

struct heard {
    int calls, code;
    uint64_t cursor;
};

static void hear(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    heard->calls++;
    heard->code = result->code;
    heard->cursor = result->cursor;
}

static void process_all(portd_client *client) {
    while (portd_process(client) > 0)
        continue;
}

static void a_page_outlives_the_client(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    uint64_t cursor = 0, lost = 1;
    portd_list *list = NULL;

    (void)state;
    reply_notices(&broker, FIRST_ID, 256, 1000, 7); /* the largest page */
    assert_int_equal(portd_monitor(client, 13, &cursor, PORTD_FOREVER, &list, &lost), 256);
    assert_int_equal(cursor, 1000);
    assert_int_equal(lost, 7);
    const Portd__V1__Monitor *asked = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_MONITOR)->monitor;
    assert_int_equal(asked->session, 13);
    assert_int_equal(asked->start_case, PORTD__V1__MONITOR__START_AFTER);
    assert_int_equal(asked->after, 0);
    assert_int_equal(asked->limit_case, PORTD__V1__MONITOR__LIMIT__NOT_SET);
    portd_disconnect(client);
    broker_close(&broker);
    assert_int_equal(portd_list_count(list), 256);
    assert_null(portd_list_item(list, 0));
    assert_null(portd_list_metric(list, 0));
    assert_null(portd_list_notice(list, 256));
    for (size_t i = 0; i < 256; i++) {
        const portd_notice *notice = portd_list_notice(list, i);
        assert_int_equal(notice->size, sizeof(*notice));
        assert_int_equal(notice->seq, 745 + i);
        assert_int_equal(notice->time_us, 1700000000000000 + i);
        assert_string_equal(portd_notice_name(notice->event), i == 0 ? "?" : "refused");
        assert_int_equal(notice->session, 13);
        assert_int_equal(notice->uid, 4000000000);
        assert_int_equal(notice->id, 9);
        assert_int_equal(notice->kind, PORTD_KIND_DESCRIPTOR);
        assert_true(notice->number == INT64_MAX);
        assert_int_equal(notice->direction, PORTD_DIRECTION_WRITE);
        assert_int_equal(notice->cause, PORTD_CAUSE_HANG_UP);
        assert_int_equal(notice->descriptor, 17);
        assert_string_equal(notice->type, "tcp-listener");
        assert_int_equal(notice->connection, 5);
        assert_int_equal(notice->pid, 6);
        assert_int_equal(notice->code, PORTD_E_LIMIT);
        assert_string_equal(notice->method, "file_descriptor_to_semaphore");
    }
    portd_list_free(list);
}

static void now_is_no_cursor_and_a_passed_deadline_looks(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    uint64_t cursor = PORTD_CURSOR_NOW;
    portd_list *list = NULL;

    (void)state;
    reply_notices(&broker, FIRST_ID, 0, 1000, 0);
    assert_int_equal(portd_monitor(client, 0, &cursor, 0, &list, NULL), 0);
    assert_null(list);
    assert_int_equal(cursor, 1000);
    const Portd__V1__Monitor *asked = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_MONITOR)->monitor;
    assert_int_equal(asked->start_case, PORTD__V1__MONITOR__START__NOT_SET);
    assert_int_equal(asked->limit_case, PORTD__V1__MONITOR__LIMIT_LIMIT_US);
    assert_int_equal(asked->limit_us, 0);
    reply_notices(&broker, FIRST_ID + 1, 1, 1001, 0);
    assert_int_equal(portd_monitor(client, 0, &cursor, portd_now() + 5000000, &list, NULL), 1);
    asked = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_MONITOR)->monitor;
    assert_int_equal(asked->after, 1000);
    assert_in_range(asked->limit_us, 1, 5000000);
    portd_list_free(list);
    portd_disconnect(client);
    broker_close(&broker);
}

static void a_failure_leaves_the_cursor_alone(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    uint64_t cursor = 77, lost = 1;
    portd_list *list = (portd_list *)&cursor;

    (void)state;
    broker_reply_error(&broker, FIRST_ID, PORTD__V1__CODE__CODE_NOT_FOUND, "no");
    assert_int_equal(portd_monitor(client, 0, &cursor, PORTD_FOREVER, &list, &lost), PORTD_E_NOT_FOUND);
    assert_int_equal(cursor, 77);
    assert_int_equal(lost, 0);
    assert_null(list);
    assert_int_equal(portd_monitor(client, 0, NULL, 0, &list, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_monitor(client, 0, &cursor, 0, NULL, NULL), PORTD_E_INVALID);
    portd_disconnect(client);
    broker_close(&broker);
}

/* It is in flight: however many there are, other requests go. */
static void monitors_do_not_count_against_the_window(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(portd_monitor_start(client, 0, 5, PORTD_FOREVER, hear, &heard, NULL), 1);
    broker_reply_pong(&broker, FIRST_ID + 5);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    for (int i = 0; i < 5; i++)
        broker_expect(&broker, PORTD__V1__REQUEST__METHOD_MONITOR);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
    portd_disconnect(client);
    assert_int_equal(heard.calls, 5);
    assert_int_equal(heard.code, PORTD_E_DISCONNECTED);
    broker_close(&broker);
}

static void a_cancelled_one_is_answered_by_the_broker(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_request *request;
    struct heard heard = {0};

    (void)state;
    assert_int_equal(portd_monitor_start(client, 0, 5, PORTD_FOREVER, hear, &heard, &request), 1);
    process_all(client);
    portd_cancel(request);
    process_all(client);
    assert_int_equal(heard.calls, 0);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_MONITOR);
    assert_int_equal(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_CANCEL)->cancel->request, FIRST_ID);
    reply_notices(&broker, FIRST_ID, 1, 6, 0); /* it came first */
    broker_reply_done(&broker, FIRST_ID + 1, PORTD__V1__REPLY__RESULT_CANCEL);
    process_all(client);
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.code, 1);
    assert_int_equal(heard.cursor, 6);
    portd_disconnect(client);
    broker_close(&broker);
}

/* The time limit is that from the start on, however long ago the client did anything. */
static void the_limit_begins_at_the_start(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    const int64_t limit = 60 * 1000 * 1000;

    (void)state;
    int64_t before = portd_now();
    assert_int_equal(portd_poll(client, before), 0);
    while (portd_now() < before + 5000)
        continue;
    assert_int_equal(portd_monitor_start(client, 0, 5, portd_now() + limit, hear, &heard, NULL), 1);
    process_all(client);
    assert_true(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_MONITOR)->monitor->limit_us <=
                (uint64_t)limit);
    portd_disconnect(client);
    broker_close(&broker);
}

/* A broker that says nothing is not waited for, and where it was goes on being known. */
static void a_silent_broker_is_not_waited_for(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};

    (void)state;
    assert_int_equal(portd_monitor_start(client, 0, 5, 0, hear, &heard, NULL), 1);
    assert_true(portd_get_timeout(client) < PORTD_FOREVER);
    while (heard.calls == 0)
        assert_true(portd_poll(client, portd_now() + 10000000) > 0);
    assert_int_equal(heard.code, 0);
    assert_int_equal(heard.cursor, 5);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_MONITOR);
    assert_int_equal(broker_expect(&broker, PORTD__V1__REQUEST__METHOD_CANCEL)->cancel->request, FIRST_ID);
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
        uint64_t cursor = 5;
        allowed = -1;
        portd_client *client = broker_meet(&broker, &options, WINDOW);
        reply_notices(&broker, FIRST_ID, 3, 10, 0);
        allowed = n;
        code = portd_monitor(client, 0, &cursor, PORTD_FOREVER, &list, NULL);
        allowed = -1;
        assert_int_equal(cursor, code > 0 ? 10 : 5);
        assert_true((code == 3) == (list != NULL));
        portd_list_free(list);
        portd_disconnect(client);
        broker_close(&broker);
        assert_true(n < 100);
    }
    assert_int_equal(code, 3);
}

TEST_MAIN(TEST_CASE(a_page_outlives_the_client), TEST_CASE(now_is_no_cursor_and_a_passed_deadline_looks),
          TEST_CASE(a_failure_leaves_the_cursor_alone), TEST_CASE(monitors_do_not_count_against_the_window),
          TEST_CASE(a_cancelled_one_is_answered_by_the_broker), TEST_CASE(the_limit_begins_at_the_start),
          TEST_CASE(a_silent_broker_is_not_waited_for), TEST_CASE(without_memory_nothing_leaks))
