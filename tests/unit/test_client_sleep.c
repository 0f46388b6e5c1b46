/* test_client_sleep.c: clients with the option no_wakeup, whose blocking calls sleep in the read. */
#define _GNU_SOURCE

#include "tests/support/broker_fake.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { WINDOW = 8, FIRST_ID = 2, DEADLINE_US = 150 * 1000 };

static portd_client *meet(struct broker_fake *broker) {
    portd_options options = PORTD_OPTIONS_INIT;

    options.no_wakeup = true;
    return broker_meet(broker, &options, WINDOW);
}

static bool is_blocking(portd_client *client) {
    int flags = fcntl((int)portd_get_fd(client), F_GETFL);

    assert_true(flags >= 0);
    return !(flags & O_NONBLOCK);
}

/* Microseconds; 0: none. Zeroed first: with a 64-bit time_t qemu 7.2 writes half of it where a long has 32 bits. */
static int64_t receive_limit(portd_client *client) {
    struct timeval limit = {0};
    socklen_t size = sizeof(limit);

    assert_int_equal(getsockopt((int)portd_get_fd(client), SOL_SOCKET, SO_RCVTIMEO, &limit, &size), 0);
    return (int64_t)limit.tv_sec * 1000000 + limit.tv_usec;
}

/* ---- the wakeup --------------------------------------------------------------------------------------------------- */

static void wakeup_says_what_it_did(void **state) {
    struct broker_fake broker;
    portd_client *client = broker_meet(&broker, NULL, WINDOW);

    (void)state;
    assert_int_equal(portd_wakeup(client), 1);
    assert_int_equal(portd_poll(client, 0), PORTD_E_INTERRUPTED);
    assert_int_equal(portd_wakeup(NULL), PORTD_E_INVALID);
    assert_false(is_blocking(client));
    portd_disconnect(client);
    broker_close(&broker);

    size_t before = test_fds_count();
    client = meet(&broker);
    assert_int_equal(test_fds_count(), before + 3); /* both ends of the connection, and the listener */
    assert_int_equal(portd_wakeup(client), PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_poll(client, 0), 0);
    broker_reply_pong(&broker, FIRST_ID);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    assert_true(is_blocking(client));
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- sleeping ----------------------------------------------------------------------------------------------------- */

static void *answer(void *data) {
    struct broker_fake *broker = data;

    broker_reply_pong(broker, broker_expect(broker, PORTD__V1__REQUEST__METHOD_PING)->id);
    return NULL;
}

static void ping_answered(struct broker_fake *broker, portd_client *client, int64_t deadline) {
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, answer, broker), 0);
    assert_int_equal(portd_ping(client, deadline), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void answer_ends_the_sleep(void **state) {
    struct broker_fake broker;
    portd_client *client = meet(&broker);

    (void)state;
    ping_answered(&broker, client, PORTD_FOREVER);
    assert_int_equal(receive_limit(client), 0);
    int64_t before = portd_now();
    ping_answered(&broker, client, before + 10 * 1000000);
    int64_t limit = receive_limit(client);
    assert_in_range(limit, 1, 5 * 1000000);
    ping_answered(&broker, client, portd_now() + 11 * 1000000); /* served by the same limit */
    assert_int_equal(receive_limit(client), limit);
    ping_answered(&broker, client, PORTD_FOREVER);
    assert_int_equal(receive_limit(client), 0);
    portd_disconnect(client);
    broker_close(&broker);
}

static void end_of_the_connection_ends_the_sleep(void **state) {
    struct broker_fake broker;
    portd_client *client = meet(&broker);

    (void)state;
    broker_hang_up(&broker);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), PORTD_E_DISCONNECTED);
    portd_disconnect(client);
    broker_close(&broker);
}

/* What does not go out at once is sent while the call sleeps. */
static void *drain_and_answer(void *data) {
    struct broker_fake *broker = data;

    for (int i = 0; i < 16; i++)
        (void)broker_expect(broker, PORTD__V1__REQUEST__METHOD_WRITE);
    return answer(broker);
}

static void nothing(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    (void)result;
    (void)data;
}

static void unsent_requests_go_out_meanwhile(void **state) {
    static const char bytes[65536];
    struct broker_fake broker;
    portd_client *client = meet(&broker);
    pthread_t thread;

    (void)state;
    for (int i = 0; i < 16; i++)
        assert_int_equal(portd_port_write_start(client, 19, bytes, sizeof(bytes), nothing, NULL, NULL), 1);
    while (portd_process(client) > 0)
        continue;
    assert_true(portd_get_events(client) & PORTD_EVENT_WRITE);
    assert_int_equal(pthread_create(&thread, NULL, drain_and_answer, &broker), 0);
    assert_int_equal(portd_ping(client, PORTD_FOREVER), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- deadlines ---------------------------------------------------------------------------------------------------- */

static void deadline_ends_the_sleep(void **state) {
    struct broker_fake broker;
    portd_client *client = meet(&broker);

    (void)state;
    assert_int_equal(portd_ping(client, 0), PORTD_E_TIMEOUT);
    for (int64_t us = 1000; us <= DEADLINE_US; us += DEADLINE_US - 1000) {
        int64_t deadline = portd_now() + us;
        assert_int_equal(portd_ping(client, deadline), PORTD_E_TIMEOUT);
        assert_true(portd_now() >= deadline);
        deadline = portd_now() + us;
        assert_int_equal(portd_poll(client, deadline), 0);
        assert_true(portd_now() >= deadline);
    }
    portd_disconnect(client);
    broker_close(&broker);
}

static void on_signal(int number) { (void)number; }

/* More often than any sleep in the read lasts; a timer does so on a busy machine, too. */
static void signals_do_not_put_off_the_deadline(void **state) {
    const struct itimerval often = {.it_interval = {.tv_usec = 5000}, .it_value = {.tv_usec = 5000}},
                           never = {0};
    struct broker_fake broker;
    portd_client *client = meet(&broker);
    struct sigaction action = {.sa_handler = on_signal}; /* stays: valgrind delivers a signal late */

    (void)state;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    assert_int_equal(portd_ping(client, portd_now() + DEADLINE_US), PORTD_E_TIMEOUT);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    portd_disconnect(client);
    broker_close(&broker);
}

/* As libraries do to whatever they poll. */
static void read_that_cannot_sleep_does_not_spin(void **state) {
    struct broker_fake broker;
    portd_client *client = meet(&broker);
    struct rusage before, after;

    (void)state;
    int fd = (int)portd_get_fd(client), flags = fcntl(fd, F_GETFL);
    assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    assert_int_equal(getrusage(RUSAGE_THREAD, &before), 0);
    assert_int_equal(portd_ping(client, portd_now() + 4 * DEADLINE_US), PORTD_E_TIMEOUT);
    assert_int_equal(getrusage(RUSAGE_THREAD, &after), 0);
    int64_t busy =
        (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) *
            1000000 +
        after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    assert_in_range(busy, 0, DEADLINE_US / 3);
    portd_disconnect(client);
    broker_close(&broker);
}

/* ---- an inherited connection -------------------------------------------------------------------------------------- */

/* Other processes may share it, with its flags and its limit. */
static void inherited_connection_stays_as_it_is(void **state) {
    portd_options options = PORTD_OPTIONS_INIT;
    struct broker_fake broker;
    portd_client *client;
    char address[32];
    int ends[2], code = 0;

    (void)state;
    broker_listen(&broker);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    broker_take_on(&broker, (struct transport){.end = ends[0]});
    (void)snprintf(address, sizeof(address), "fd:%d", ends[1]);
    options.no_wakeup = true;
    assert_int_equal(portd_connect_start(address, &options, broker_met, &code, &client), 1);
    broker_welcome(&broker, broker_expect(&broker, PORTD__V1__REQUEST__METHOD_HELLO)->id, WINDOW);
    while (code == 0)
        assert_int_equal(portd_poll(client, PORTD_FOREVER), 1);
    ping_answered(&broker, client, portd_now() + 10 * 1000000);
    assert_int_equal(portd_ping(client, portd_now() + DEADLINE_US), PORTD_E_TIMEOUT);
    assert_false(is_blocking(client));
    assert_int_equal(receive_limit(client), 0);
    assert_int_equal(portd_wakeup(client), PORTD_E_UNSUPPORTED);
    portd_disconnect(client);
    broker_close(&broker);
}

TEST_MAIN(TEST_CASE(wakeup_says_what_it_did), TEST_CASE(answer_ends_the_sleep),
          TEST_CASE(end_of_the_connection_ends_the_sleep), TEST_CASE(unsent_requests_go_out_meanwhile),
          TEST_CASE(deadline_ends_the_sleep), TEST_CASE(signals_do_not_put_off_the_deadline),
          TEST_CASE(read_that_cannot_sleep_does_not_spin), TEST_CASE(inherited_connection_stays_as_it_is))
