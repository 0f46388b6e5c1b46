/* test_client_goodbye.c: what the library tells a fake broker when a client that was answered wake-one waits disconnects. */
#include "tests/support/broker_fake.h"

#include <sys/wait.h>
#include <unistd.h>

enum { WINDOW = 8, FIRST_ID = 2, ONE = PORTD_WAIT_ONE };

static const portd_id id = 19;

static portd_client *answered(struct broker_fake *broker, unsigned flags) {
    portd_client *client = broker_meet(broker, NULL, WINDOW);
    portd_ready ready;

    broker_reply_wait(broker, FIRST_ID, &id, 1);
    assert_int_equal(portd_wait(client, &id, 1, flags, PORTD_FOREVER, &ready), 1);
    broker_expect(broker, PORTD__V1__REQUEST__METHOD_WAIT);
    return client;
}

static void expect_end(struct broker_fake *broker) {
    assert_false(channel_has_frame(&broker->channel));
    broker_wait_readable(broker);
    assert_int_equal(channel_fill(&broker->channel, broker_discard, NULL), CHANNEL_E_END);
    broker_close(broker);
}

static void expect_goodbye(struct broker_fake *broker, uint64_t wait) {
    assert_int_equal(broker_expect(broker, PORTD__V1__REQUEST__METHOD_GOODBYE)->goodbye->wait, wait);
    expect_end(broker);
}

static void disconnecting_says_goodbye(void **state) {
    struct broker_fake broker;

    (void)state;
    portd_disconnect(answered(&broker, ONE));
    expect_goodbye(&broker, FIRST_ID);
}

static void abandoning_does_not(void **state) {
    struct broker_fake broker;

    (void)state;
    portd_abandon(answered(&broker, ONE));
    expect_end(&broker);
    portd_abandon(NULL);
}

static void nor_does_who_has_nothing_to_keep(void **state) {
    struct broker_fake broker;
    portd_ready ready;

    (void)state;
    portd_disconnect(answered(&broker, PORTD_WAIT_ALL));
    expect_end(&broker);
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    broker_reply_wait(&broker, FIRST_ID, &id, 0);
    assert_int_equal(portd_wait(client, &id, 1, ONE, 0, &ready), 0);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WAIT);
    portd_disconnect(client);
    expect_end(&broker);
}

/* The child has a copy of the client; the connection is the parent's. */
static void nor_does_a_forked_child(void **state) {
    struct broker_fake broker;
    portd_client *client = answered(&broker, ONE);
    int status = -1;

    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        portd_disconnect(client);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(broker_hears_nothing(&broker));
    portd_disconnect(client);
    expect_goodbye(&broker, FIRST_ID);
}

static void count(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(int *)data += result->code == 1 && result->ready[0].cause != PORTD_CAUSE_DISCONNECTED;
}

static void disconnect(portd_client *client, const portd_result *result, void *data) {
    count(client, result, data);
    portd_disconnect(client);
}

/* Two answers in one read; the callback of the first disconnects, so nobody gets the second. */
static void an_answer_that_was_not_called_back_is_not_kept(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);
    int calls = 0;

    (void)state;
    assert_int_equal(portd_wait_start(client, &id, 1, ONE, PORTD_FOREVER, disconnect, &calls, NULL), 1);
    assert_int_equal(portd_wait_start(client, &id, 1, ONE, PORTD_FOREVER, count, &calls, NULL), 1);
    (void)portd_process(client);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WAIT);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WAIT);
    broker_reply_wait(&broker, FIRST_ID, &id, 1);
    broker_reply_wait(&broker, FIRST_ID + 1, &id, 1);
    (void)portd_process(client);
    assert_int_equal(calls, 1);
    expect_goodbye(&broker, FIRST_ID);
}

static void the_last_answer_is_named(void **state) {
    struct broker_fake broker;
    portd_client *client = answered(&broker, ONE);
    portd_ready ready;

    (void)state;
    broker_reply_wait(&broker, FIRST_ID + 1, &id, 1);
    assert_int_equal(portd_wait(client, &id, 1, ONE, PORTD_FOREVER, &ready), 1);
    broker_expect(&broker, PORTD__V1__REQUEST__METHOD_WAIT);
    portd_disconnect(client);
    expect_goodbye(&broker, FIRST_ID + 1);
}

TEST_MAIN(TEST_CASE(disconnecting_says_goodbye), TEST_CASE(abandoning_does_not),
          TEST_CASE(nor_does_who_has_nothing_to_keep), TEST_CASE(nor_does_a_forked_child),
          TEST_CASE(an_answer_that_was_not_called_back_is_not_kept), TEST_CASE(the_last_answer_is_named))
