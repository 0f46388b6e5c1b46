/* test_paused.c: what a paused uid has can be ended by others and by its death. The uid is paused because its end of a connection has very many
 * epoll entries, which the kernel walks in the broker's calls. The pause lasts many minutes: what it waits for does not come in a test. */
#include "guest.h"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    UID = 2001,
    COPIES = 500,
    EPOLLS = 600,
    PINGS = 8,
    FIRST = 1000,
    LAST = 2000,
    PARKED = 3000,
    WAITS = 3
};

/* Who is paused: the connection with the entries, one beside it in the same session, one in another session, and one without a session. */
struct offender {
    struct raw heavy, joined, apart, arrival;
};

/* 0 or -1. */
static int add_entries(const struct offender *offender) {
    int copies[COPIES], epolls[EPOLLS];

    for (int i = 0; i < COPIES; i++)
        if ((copies[i] = dup(offender->heavy.fd)) < 0)
            return -1;
    for (int k = 0; k < EPOLLS; k++) {
        if ((epolls[k] = epoll_create1(EPOLL_CLOEXEC)) < 0)
            return -1;
        for (int i = 0; i < COPIES; i++) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLET};
            if (epoll_ctl(epolls[k], EPOLL_CTL_ADD, copies[i], &event) < 0)
                return -1;
        }
    }
    return 0;
}

static size_t pack_ping(uint8_t *bytes, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;

    request.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    return raw_pack(bytes, &request, 0);
}

static bool is_received(void *data) {
    const struct raw *raw = data;
    int unread = -1;
    return ioctl(raw->fd, SIOCOUTQ, &unread) == 0 && unread == 0;
}

/* Pings in single bytes, all there when the broker reads: one long call. The next one is late again, so the whole is to be paid. 0 or -1. */
static int be_late(const struct fixture *broker, struct offender *offender) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw *raw = &offender->heavy;

    fixture_hold(broker);
    for (int i = 0; i < PINGS; i++) {
        size_t size = pack_ping(bytes, FIRST + (uint64_t)i);
        for (size_t at = 0; at < size; at++)
            if (raw_send_some(raw, bytes + at, 1, NULL, 0) != 1) {
                fixture_continue(broker);
                return -1;
            }
    }
    fixture_continue(broker);
    for (int i = 0; i < PINGS; i++) {
        raw_reply *reply = raw_next(raw, NULL);
        if (!reply)
            return -1;
        raw_free(reply);
    }
    if (raw_send(raw, bytes, pack_ping(bytes, LAST), NULL, 0) || !fixture_until(is_received, raw))
        return -1;
    return 0;
}

/* Events and semaphores with waits for them, from two connections. */
static int have_objects(struct offender *offender) {
    for (int i = 0; i < WAITS; i++) {
        int event = eventfd(0, EFD_CLOEXEC);
        uint64_t id = 0, once = 0;
        if (event < 0 || raw_evt(&offender->heavy, event, i, PORTD__V1__MODE__MODE_READ, &id) ||
            raw_semaphore(&offender->heavy, event, i, PORTD__V1__MODE__MODE_READ, &once) ||
            raw_start_wait(&offender->heavy, PARKED + (uint64_t)i, id) ||
            raw_start_wait(&offender->joined, PARKED + (uint64_t)i, once) || raw_ping(&offender->joined))
            return -1;
        (void)close(event);
    }
    return 0;
}

static int open_all(const char *address, struct offender *offender) {
    Portd__V1__Hello hello = raw_hello_make();

    if (raw_open(&offender->heavy, address) || raw_open(&offender->apart, address) ||
        raw_connect(&offender->joined, address))
        return -1;
    hello.token = offender->heavy.token;
    return raw_hello_with(&offender->joined, &hello, NULL, 0);
}

static int end_session(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;

    end.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    return raw_code(raw_ask(raw, &request));
}

struct offence {
    const struct fixture *broker;
    struct offender offender;
    int ends[2]; /* the test's, the offender's */
};

/* The kernel tells the broker the effective uid; the real one may stop the broker. Sends that it is paused, and the id of its session; then waits to be killed, or for a byte: then it tells what it has got. */
static int offend(void *data) {
    struct offence *offence = data;
    struct offender *offender = &offence->offender;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX], byte;

    if (seteuid(UID) || open_all(offence->broker->address, offender) || have_objects(offender) ||
        add_entries(offender))
        return 1;
    if (read(offence->ends[1], &byte, 1) != 1 || be_late(offence->broker, offender))
        return 2;
    /* Of the request of another session, and of one that arrives only now, the pause can be told. */
    if (raw_send(&offender->apart, bytes, pack_ping(bytes, LAST), NULL, 0) ||
        raw_connect(&offender->arrival, offence->broker->address) ||
        raw_send(&offender->arrival, bytes, pack_ping(bytes, LAST), NULL, 0))
        return 3;
    uint64_t session = offender->heavy.session;
    if (write(offence->ends[1], &session, sizeof session) != sizeof session ||
        read(offence->ends[1], &byte, 1) != 1)
        return 4;
    if (raw_until_end(&offender->heavy) || raw_until_end(&offender->joined))
        return 5;
    if (raw_has_reply(&offender->apart)) /* it is paused all the time */
        return 6;
    return 0;
}

static uint64_t begin(struct fixture *broker, struct offence *offence, const char *const *options,
                      pid_t *offender) {
    uint64_t session = 0;

    if (geteuid() != 0)
        test_skip("only root may become somebody else");
    fixture_start(broker, options);
    offence->broker = broker;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, offence->ends), 0);
    fixture_own(offence->ends[0]);
    *offender = fixture_fork(offend, offence);
    (void)close(offence->ends[1]);
    assert_int_equal(write(offence->ends[0], "x", 1), 1);
    assert_int_equal(read(offence->ends[0], &session, sizeof session), sizeof session);
    return session;
}

/* The operator's request is answered, and everything of the session is gone, while its uid is paused. */
static void its_session_is_ended_by_the_operator(void **state) {
    static const char *const options[] = {"--mode", "0666", NULL};
    static struct fixture broker;
    static struct offence offence;
    struct raw operator;
    pid_t offender;

    (void)state;
    uint64_t session = begin(&broker, &offence, options, &offender);
    guest_open_at(&operator, broker.address);
    guest_is_served(&operator);
    assert_int_equal(end_session(&operator, session), 0);
    assert_int_equal(end_session(&operator, session), PORTD__V1__CODE__CODE_NOT_FOUND);
    fixture_until_fds(
        &broker,
        4); /* the operator's connection, that of the other session, the one that came later, and one with an unread reply */
    assert_int_equal(write(offence.ends[0], "x", 1), 1);
    assert_int_equal(fixture_reap(offender), 0);
    fixture_until_fds(&broker, 1);
    guest_close(&operator);
}

static bool has_ended(void *data) {
    const struct fixture *broker = data;
    return fixture_process_state(broker->pid) == 'Z';
}

/* Its processes are gone, and what they had, too: nothing keeps an idle broker. */
static void its_death_is_noticed(void **state) {
    static const char *const options[] = {"--mode", "0666", "--idle-exit", "1s", NULL};
    static struct fixture broker;
    static struct offence offence;
    struct raw other;
    pid_t offender;

    (void)state;
    (void)begin(&broker, &offence, options, &offender);
    guest_open_at(&other, broker.address);
    guest_is_served(&other);
    fixture_end(offender);
    fixture_until_fds(&broker, 1);
    guest_close(&other);
    assert_true(fixture_until(has_ended, &broker));
}

TEST_MAIN(FIXTURE_CASE_BARE(its_session_is_ended_by_the_operator), FIXTURE_CASE_BARE(its_death_is_noticed))
