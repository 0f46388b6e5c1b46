/* test_client_wait.c: waits, their time limits and cancelling, against a fake broker. */
#include "tests/support/broker_fake.h"
#include "tests/support/native.h"

#include <pthread.h>

enum { WINDOW = 8, FIRST_ID = 2 };

struct heard {
    int calls;
    int code;
    portd_ready ready[FRAME_TARGETS_MAX];
};

static void hear(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    heard->calls++;
    heard->code = result->code;
    if (result->code > 0 && result->ready)
        memcpy(heard->ready, result->ready, (size_t)result->code * sizeof(*result->ready));
}

static void process_all(portd_client *client) {
    while (portd_process(client) > 0)
        continue;
}

static Portd__V1__Wait *expect_wait(struct broker_fake *broker) {
    return broker_expect(broker, PORTD__V1__REQUEST__METHOD_WAIT)->wait;
}

static void reply_cancelled(struct broker_fake *broker, uint64_t id, bool found) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Cancelled cancelled = PORTD__V1__CANCELLED__INIT;

    cancelled.found = found;
    reply.id = id;
    reply.result_case = PORTD__V1__REPLY__RESULT_CANCEL;
    reply.cancel = &cancelled;
    broker_reply(broker, &reply, OS_FD_NONE);
}

/* ---- what is sent and answered ------------------------------------------------------------------------------------ */

static void wait_says_what_it_is_for(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const portd_id ids[3] = {19, 27, 19};
    portd_ready ready[3] = {{0, 0}};

    (void)state;
    broker_reply_wait(&broker, FIRST_ID, &ids[1], 2);
    assert_int_equal(portd_wait(client, ids, 3, PORTD_WAIT_ALL | PORTD_WAIT_ONE, PORTD_FOREVER, ready), 2);
    assert_int_equal(ready[0].id, 27);
    assert_int_equal(ready[1].id, 19);
    assert_int_equal(ready[1].cause, PORTD_CAUSE_HANG_UP);
    assert_int_equal(ready[2].id, 0);
    Portd__V1__Wait *wait = expect_wait(&broker);
    assert_int_equal(wait->n_ids, 3);
    assert_memory_equal(wait->ids, ids, sizeof(ids));
    assert_true(wait->all && wait->one);
    assert_int_equal(wait->limit_case, PORTD__V1__WAIT__LIMIT__NOT_SET);
    portd_disconnect(client);
    broker_close(&broker);
}

static void limit_is_relative_on_the_wire(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    const portd_id id = 19;
    const int64_t deadline = portd_now() + 3600 * INT64_C(1000000);

    (void)state;
    assert_int_equal(portd_wait_start(client, &id, 1, 0, deadline, hear, &heard, NULL), 1);
    assert_int_equal(portd_wait_start(client, &id, 1, 0, portd_now() - 1, hear, &heard, NULL), 1);
    assert_int_equal(portd_wait_start(client, &id, 1, 0, INT64_MIN, hear, &heard, NULL), 1);
    process_all(client);
    uint64_t limit = expect_wait(&broker)->limit_us;
    assert_true(limit <= UINT64_C(3600000000) && limit > UINT64_C(3500000000));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(expect_wait(&broker)->limit_case, PORTD__V1__WAIT__LIMIT_LIMIT_US);
        assert_int_equal(broker.request->wait->limit_us, 0);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

static void limit_of_a_queued_wait_counts_from_its_start(void **state) {
    struct broker_fake broker;
    portd_client *client;
    struct heard heard = {0};
    const portd_id id = 19;
    int met = 0;

    (void)state;
    broker_listen(&broker);
    assert_int_equal(portd_connect_start(broker.place.address, NULL, broker_met, &met, &client), 1);
    int64_t deadline = portd_now() + 3600 * INT64_C(1000000);
    assert_int_equal(portd_wait_start(client, &id, 1, 0, deadline, hear, &heard, NULL), 1);
    broker_accept(&broker);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO);
    int64_t before = portd_now();
    broker_welcome(&broker, 1, WINDOW);
    process_all(client);
    int64_t after = portd_now();
    int64_t limit = (int64_t)expect_wait(&broker)->limit_us;
    assert_true(limit <= deadline - before && limit >= deadline - after);
    portd_disconnect(client);
    broker_close(&broker);
}

static void broker_judges_the_limit(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const portd_id id = 19;
    portd_ready ready;

    (void)state;
    /* The limit has passed before the call, and the answer is there all the same. */
    broker_reply_wait(&broker, FIRST_ID, &id, 1);
    assert_int_equal(portd_wait(client, &id, 1, 0, 0, &ready), 1);
    assert_int_equal(ready.id, id);
    broker_reply_wait(&broker, FIRST_ID + 1, NULL, 0);
    assert_int_equal(portd_wait(client, &id, 1, 0, portd_now() + 1000, &ready), 0);
    portd_disconnect(client);
    broker_close(&broker);
}

static void silent_broker_is_not_waited_for(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    const portd_id id = 19;
    portd_ready ready;

    (void)state;
    int64_t start = portd_now();
    assert_int_equal(portd_wait(client, &id, 1, 0, start, &ready), 0);
    assert_true(portd_now() >= start + 100 * 1000);
    expect_wait(&broker);
    Portd__V1__Request *cancel = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_CANCEL);
    assert_int_equal(cancel->cancel->request, FIRST_ID);
    /* Both late answers are swallowed. */
    broker_reply_error(&broker, FIRST_ID, PORTD__V1__CODE__CODE_CANCELLED, "");
    reply_cancelled(&broker, cancel->id, true);
    broker_reply_pong(&broker, FIRST_ID + 2);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);

    assert_int_equal(portd_wait_start(client, &id, 1, 0, portd_now(), hear, &heard, NULL), 1);
    assert_int_equal(portd_process(client), 0);
    assert_true(portd_get_timeout(client) < PORTD_FOREVER);
    while (heard.calls == 0)
        assert_int_equal(portd_poll(client, PORTD_FOREVER), 1);
    assert_int_equal(heard.code, 0);
    assert_int_equal(portd_get_timeout(client), PORTD_FOREVER);
    portd_disconnect(client);
    assert_int_equal(heard.calls, 1);
    broker_close(&broker);
}

/* The clock of a limit stops with its answer, and what was a wait once and is another request now has none. */
static void answered_waits_are_not_timed(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard first = {0}, second = {0}, ping = {0};
    const portd_id id = 19;
    const int64_t soon = portd_now() + 1800 * INT64_C(1000000), late = soon + 1800 * INT64_C(1000000);

    (void)state;
    assert_int_equal(portd_get_timeout(client), PORTD_FOREVER);
    assert_int_equal(portd_wait_start(client, &id, 1, 0, late, hear, &second, NULL), 1);
    assert_int_equal(portd_wait_start(client, &id, 1, 0, soon, hear, &first, NULL), 1);
    process_all(client);
    assert_true(portd_get_timeout(client) >= soon && portd_get_timeout(client) < late);
    broker_reply_wait(&broker, FIRST_ID + 1, &id, 1);
    process_all(client);
    assert_int_equal(first.calls, 1);
    assert_int_equal(portd_ping_start(client, hear, &ping, NULL), 1); /* takes the record of the first */
    broker_reply_pong(&broker, FIRST_ID + 2);
    process_all(client);
    assert_int_equal(ping.calls, 1);
    assert_true(portd_get_timeout(client) < PORTD_FOREVER); /* the second is timed still */
    broker_reply_wait(&broker, FIRST_ID, &id, 1);
    process_all(client);
    assert_int_equal(second.calls, 1);
    assert_int_equal(portd_get_timeout(client), PORTD_FOREVER);
    assert_int_equal(portd_wait_start(client, &id, 1, 0, PORTD_FOREVER, hear, &second, NULL), 1);
    process_all(client);
    assert_int_equal(portd_get_timeout(client), PORTD_FOREVER);
    portd_disconnect(client);
    broker_close(&broker);
}

static void reply_that_has_arrived_beats_the_limit(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    Portd__V1__Reply unasked = PORTD__V1__REPLY__INIT;
    const portd_id id = 19;

    (void)state;
    unasked.id = 77;
    assert_int_equal(portd_wait_start(client, &id, 1, 0, portd_now(), hear, &heard, NULL), 1);
    process_all(client);
    /* Behind a descriptor, where the kernel ends a read: it takes two reads to see the reply. */
    broker_reply(&broker, &unasked, native_null());
    broker_reply_wait(&broker, FIRST_ID, &id, 1);
    while (portd_now() < portd_get_timeout(client)) /* the loop comes late */
        (void)usleep(1000);
    process_all(client);
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.code, 1);
    portd_disconnect(client);
    broker_close(&broker);
}

static void more_ready_than_asked_is_garbled(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    static uint64_t ids[FRAME_TARGETS_MAX + 1];
    portd_ready ready[1];

    (void)state;
    broker_reply_wait(&broker, FIRST_ID, ids, 2);
    assert_int_equal(portd_wait(client, ids, 1, 0, PORTD_FOREVER, ready), PORTD_E_GARBLED);
    broker_reply_wait(&broker, FIRST_ID + 1, ids, FRAME_TARGETS_MAX + 1);
    assert_int_equal(portd_wait(client, ids, 1, 0, PORTD_FOREVER, ready), PORTD_E_GARBLED);
    portd_disconnect(client);
    broker_close(&broker);
}

static void wait_on_256_ids_fills_them_all(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    portd_id ids[FRAME_TARGETS_MAX];
    static portd_ready ready[FRAME_TARGETS_MAX];

    (void)state;
    for (size_t i = 0; i < FRAME_TARGETS_MAX; i++)
        ids[i] = (UINT64_C(1) << 53) - 1 - i;
    broker_reply_wait(&broker, FIRST_ID, ids, FRAME_TARGETS_MAX);
    assert_int_equal(portd_wait(client, ids, FRAME_TARGETS_MAX, 0, PORTD_FOREVER, ready), FRAME_TARGETS_MAX);
    for (size_t i = 0; i < FRAME_TARGETS_MAX; i++)
        assert_int_equal(ready[i].id, ids[i]);
    assert_int_equal(expect_wait(&broker)->n_ids, FRAME_TARGETS_MAX);
    portd_disconnect(client);
    broker_close(&broker);
}

static void each_cause_is_told_and_unknown_ones_are_ready(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__WaitResult result = PORTD__V1__WAIT_RESULT__INIT;
    Portd__V1__Ready one = PORTD__V1__READY__INIT, *pointers[1] = {&one};
    const portd_id id = 19;
    portd_ready ready;

    (void)state;
    one.id = id;
    result.n_ready = 1;
    result.ready = pointers;
    reply.result_case = PORTD__V1__REPLY__RESULT_WAIT;
    reply.wait = &result;
    for (int cause = -1; cause <= PORTD_CAUSE_RESYNC + 2; cause++) {
        one.cause = (Portd__V1__Cause)cause;
        reply.id = (uint64_t)(FIRST_ID + 1 + cause);
        broker_reply(&broker, &reply, OS_FD_NONE);
        assert_int_equal(portd_wait(client, &id, 1, 0, PORTD_FOREVER, &ready), 1);
        assert_int_equal(ready.cause,
                         cause > PORTD_CAUSE_NONE && cause <= PORTD_CAUSE_RESYNC ? cause : PORTD_CAUSE_READY);
        (void)expect_wait(&broker);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

static void lost_connection_wakes_a_blocked_wait(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const portd_id ids[2] = {19, 27};
    portd_ready ready[2];

    (void)state;
    broker_hang_up(&broker);
    assert_int_equal(portd_wait(client, ids, 2, 0, PORTD_FOREVER, ready), 2);
    assert_int_equal(ready[1].id, 27);
    assert_int_equal(ready[1].cause, PORTD_CAUSE_DISCONNECTED);
    assert_int_equal(portd_wait(client, ids, 2, 0, PORTD_FOREVER, ready), PORTD_E_DISCONNECTED);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- cancelling --------------------------------------------------------------------------------------------------- */

static void cancelled_wait_is_answered_by_the_broker(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    portd_request *request;
    const portd_id id = 19;

    (void)state;
    assert_int_equal(portd_wait_start(client, &id, 1, 0, PORTD_FOREVER, hear, &heard, &request), 1);
    process_all(client);
    portd_cancel(request);
    portd_cancel(request); /* the second one has nothing to say */
    assert_int_equal(heard.calls, 0);
    process_all(client);
    assert_int_equal(heard.calls, 0);
    expect_wait(&broker);
    Portd__V1__Request *cancel = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_CANCEL);
    assert_int_equal(cancel->cancel->request, FIRST_ID);
    assert_true(broker_hears_nothing(&broker));
    broker_reply_error(&broker, FIRST_ID, PORTD__V1__CODE__CODE_CANCELLED, "");
    reply_cancelled(&broker, cancel->id, true);
    process_all(client);
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.code, PORTD_E_CANCELLED);
    portd_disconnect(client);
    broker_close(&broker);
}

static void result_that_came_first_beats_the_cancel(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0}, ping = {0};
    portd_request *wait, *request;
    const portd_id id = 19;

    (void)state;
    assert_int_equal(portd_wait_start(client, &id, 1, PORTD_WAIT_ONE, PORTD_FOREVER, hear, &heard, &wait), 1);
    assert_int_equal(portd_ping_start(client, hear, &ping, &request), 1);
    process_all(client);
    broker_reply_wait(&broker, FIRST_ID, &id, 1);
    broker_reply_pong(&broker, FIRST_ID + 1);
    portd_cancel(wait);
    portd_cancel(request);
    process_all(client);
    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.code, 1);
    assert_int_equal(ping.calls, 1);
    assert_int_equal(ping.code, 1);
    reply_cancelled(&broker, FIRST_ID + 2, false);
    process_all(client);
    portd_disconnect(client);
    assert_int_equal(heard.calls, 1);
    broker_close(&broker);
}

static void cancelled_request_is_answered_at_once(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, 1);
    struct heard sent = {0}, queued = {0}, last = {0};
    portd_request *request[2];
    const portd_id id = 19;
    os_fd null = native_null();

    (void)state;
    assert_int_equal(portd_ping_start(client, hear, &sent, &request[0]), 1);
    assert_int_equal(portd_wait_start(client, &id, 1, 0, PORTD_FOREVER, hear, &last, NULL), 1);
    assert_int_equal(
        portd_fd_to_semaphore_start(client, (portd_native)null, PORTD_MODE_READ, hear, &queued, &request[1]),
        1);
    os_close(null);
    portd_cancel(request[0]);
    portd_cancel(request[1]);
    assert_int_equal(sent.calls + queued.calls, 0); /* never inside portd_cancel */
    assert_true(portd_get_timeout(client) <= portd_now());
    assert_int_equal(portd_poll(client, PORTD_FOREVER), 1);
    assert_int_equal(sent.code, PORTD_E_CANCELLED);
    assert_int_equal(queued.code, PORTD_E_CANCELLED);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_PING);
    expect_wait(&broker);
    assert_true(broker_hears_nothing(&broker)); /* the queued one was never sent */
    broker_reply_pong(&broker, FIRST_ID);
    process_all(client);
    assert_int_equal(sent.calls, 1);
    assert_int_equal(queued.calls, 1);
    portd_disconnect(client);
    assert_int_equal(last.calls, 1);
    broker_close(&broker);
}

static void create_call_that_is_cancelled_is_undone(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    portd_request *request;
    os_fd null = native_null();

    (void)state;
    assert_int_equal(
        portd_fd_to_semaphore_start(client, (portd_native)null, PORTD_MODE_READ, hear, &heard, &request), 1);
    os_close(null);
    portd_cancel(request);
    process_all(client);
    assert_int_equal(heard.code, PORTD_E_CANCELLED);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE);
    broker_reply_object(&broker, FIRST_ID, 19, true);
    process_all(client);
    Portd__V1__Request *release = broker_expect(&broker, PORTD__V1__REQUEST__METHOD_RELEASE);
    assert_int_equal(release->release->n_ids, 1);
    assert_int_equal(release->release->ids[0], 19);
    assert_int_equal(release->release->undo, BROKER_UNDO);
    broker_reply_done(&broker, release->id, PORTD__V1__REPLY__RESULT_RELEASE);
    process_all(client);
    assert_int_equal(heard.calls, 1);
    portd_disconnect(client);
    broker_close(&broker);
}

struct cancelling {
    portd_request *own, *other;
    int calls;
    int code;
};

/* The handle that comes for it is closed: the case ends with as many descriptors as before. */
static void handle_of_a_cancelled_request_is_closed(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct heard heard = {0};
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__HandleOf handle = PORTD__V1__HANDLE_OF__INIT;
    portd_request *request;

    (void)state;
    assert_int_equal(portd_handle_dup_start(client, 19, hear, &heard, &request), 1);
    portd_cancel(request);
    process_all(client);
    assert_int_equal(heard.code, PORTD_E_CANCELLED);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HANDLE);
    reply.id = FIRST_ID;
    reply.result_case = PORTD__V1__REPLY__RESULT_HANDLE;
    reply.handle = &handle;
    broker_reply(&broker, &reply, native_null());
    process_all(client);
    assert_int_equal(heard.calls, 1);
    portd_disconnect(client);
    broker_close(&broker);
}

static void cancel_both(portd_client *client, const portd_result *result, void *data) {
    struct cancelling *cancelling = data;

    (void)client;
    cancelling->calls++;
    cancelling->code = result->code;
    portd_cancel(cancelling->own);
    portd_cancel(cancelling->other);
}

static void callback_may_cancel_itself_and_others(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    struct cancelling cancelling = {0};
    struct heard other = {0};

    (void)state;
    assert_int_equal(portd_ping_start(client, cancel_both, &cancelling, &cancelling.own), 1);
    assert_int_equal(portd_ping_start(client, hear, &other, &cancelling.other), 1);
    process_all(client);
    broker_reply_pong(&broker, FIRST_ID);
    process_all(client);
    assert_int_equal(cancelling.calls, 1);
    assert_int_equal(cancelling.code, 1);
    assert_int_equal(other.calls, 1);
    assert_int_equal(other.code, PORTD_E_CANCELLED);
    portd_cancel(NULL);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- woken up in between ------------------------------------------------------------------------------------------- */

struct woken {
    struct broker_fake *broker;
    portd_client *client;
    uint64_t answer; /* what becomes of the wait after the cancel; 0: it is cancelled */
};

/* Wakes the client when its wait is there, and answers the wait when the cancel is there, too. */
static void *wake_and_answer(void *data) {
    const struct woken *woken = data;
    uint64_t wait = broker_expect(woken->broker, PORTD__V1__REQUEST__METHOD_WAIT)->id;

    portd_wakeup(woken->client);
    uint64_t cancel = broker_expect(woken->broker, PORTD__V1__REQUEST__METHOD_CANCEL)->id;
    if (woken->answer)
        broker_reply_wait(woken->broker, wait, &woken->answer, 1);
    else
        broker_reply_error(woken->broker, wait, PORTD__V1__CODE__CODE_CANCELLED, "cancelled");
    broker_reply_done(woken->broker, cancel, PORTD__V1__REPLY__RESULT_CANCEL);
    return NULL;
}

/* What a wake-one wait was answered is told to nobody else, so it is not dropped for a wakeup, which stays for the next call. */
static void woken_wait_of_a_pool_loses_no_answer(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    const portd_id id = 19;

    (void)state;
    for (int answered = 0; answered <= 1; answered++) {
        struct woken woken = {&broker, client, answered ? id : 0};
        pthread_t thread;
        portd_ready ready;
        assert_int_equal(pthread_create(&thread, NULL, wake_and_answer, &woken), 0);
        int code = portd_wait(client, &id, 1, PORTD_WAIT_ONE, PORTD_FOREVER, &ready);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(code, answered ? 1 : PORTD_E_INTERRUPTED);
        while (portd_process(client) > 0) /* the answer to the cancel */
            continue;
        assert_int_equal(portd_poll(client, 0), answered ? PORTD_E_INTERRUPTED : 0);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

TEST_MAIN(TEST_CASE(wait_says_what_it_is_for), TEST_CASE(limit_is_relative_on_the_wire),
          TEST_CASE(limit_of_a_queued_wait_counts_from_its_start), TEST_CASE(broker_judges_the_limit),
          TEST_CASE(silent_broker_is_not_waited_for), TEST_CASE(answered_waits_are_not_timed),
          TEST_CASE(reply_that_has_arrived_beats_the_limit), TEST_CASE(more_ready_than_asked_is_garbled),
          TEST_CASE(wait_on_256_ids_fills_them_all), TEST_CASE(each_cause_is_told_and_unknown_ones_are_ready),
          TEST_CASE(lost_connection_wakes_a_blocked_wait),
          TEST_CASE(cancelled_wait_is_answered_by_the_broker),
          TEST_CASE(result_that_came_first_beats_the_cancel),
          TEST_CASE(cancelled_request_is_answered_at_once),
          TEST_CASE(create_call_that_is_cancelled_is_undone),
          TEST_CASE(handle_of_a_cancelled_request_is_closed),
          TEST_CASE(callback_may_cancel_itself_and_others), TEST_CASE(woken_wait_of_a_pool_loses_no_answer))
