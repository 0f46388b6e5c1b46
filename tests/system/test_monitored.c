/* test_monitored.c: monitors of clients that do not read, ask for too many or have exited, and the notices about clients that
 * break the rules. */
#include "guest.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    LIMIT = PORTD__V1__CODE__CODE_LIMIT,
    INVALID = PORTD__V1__CODE__CODE_INVALID,
    NOT_FOUND = PORTD__V1__CODE__CODE_NOT_FOUND,
    MADE = PORTD__V1__NOTICE__EVENT__EVENT_MADE,
    ENDED = PORTD__V1__NOTICE__EVENT__EVENT_ENDED,
    DISCONNECTED = PORTD__V1__NOTICE__EVENT__EVENT_DISCONNECTED,
    TURNED_AWAY = PORTD__V1__NOTICE__EVENT__EVENT_TURNED_AWAY,
    MOST = 64, /* monitors of a uid */
    KEPT = 4096
};

/* From that cursor on (0: from the oldest; UINT64_MAX: now). limit_us below 0: none. Its bytes. */
static size_t write_monitor(uint8_t *bytes, uint64_t id, uint64_t after, int64_t limit_us) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Monitor monitor = PORTD__V1__MONITOR__INIT;

    if (after != UINT64_MAX) {
        monitor.start_case = PORTD__V1__MONITOR__START_AFTER;
        monitor.after = after;
    }
    if (limit_us >= 0) {
        monitor.limit_case = PORTD__V1__MONITOR__LIMIT_LIMIT_US;
        monitor.limit_us = (uint64_t)limit_us;
    }
    request.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_MONITOR;
    request.monitor = &monitor;
    return raw_pack(bytes, &request, 0);
}

static int send_monitor(const struct raw *raw, uint64_t id, uint64_t after, int64_t limit_us) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];

    return raw_send(raw, bytes, write_monitor(bytes, id, after, limit_us), NULL, 0);
}

/* The answer to one that was sent: raw_free it. */
static raw_reply *next_page(struct raw *raw, uint64_t id) {
    raw_reply *reply = raw_next(raw, NULL);

    assert_non_null(reply);
    assert_int_equal(reply->id, id);
    assert_null(reply->error);
    assert_int_equal(reply->result_case, PORTD__V1__REPLY__RESULT_MONITOR);
    return reply;
}

static uint64_t now(struct raw *raw) {
    assert_int_equal(send_monitor(raw, 7, UINT64_MAX, 0), 0);
    raw_reply *reply = next_page(raw, 7);
    assert_int_equal(reply->monitor->n_notices, 0);
    uint64_t cursor = reply->monitor->cursor;
    raw_free(reply);
    return cursor;
}

/* Waits until a notice of that event is told behind the cursor, which goes on to it; copied without its texts. */
static Portd__V1__Notice until_told(struct raw *raw, uint64_t *cursor, int event) {
    Portd__V1__Notice found;

    portd__v1__notice__init(&found);
    while ((int)found.event != event) {
        assert_int_equal(send_monitor(raw, 8, *cursor, -1), 0);
        raw_reply *reply = next_page(raw, 8);
        for (size_t i = 0; i < reply->monitor->n_notices && (int)found.event != event; i++) {
            found = *reply->monitor->notices[i];
            *cursor = found.seq;
        }
        raw_free(reply);
    }
    return found;
}

/* Each makes a semaphore that has fired at once. */
static void make_many(struct raw *raw, int event, size_t n) {
    uint64_t id;

    for (size_t i = 0; i < n; i++)
        assert_int_equal(raw_semaphore(raw, event, 5, PORTD__V1__MODE__MODE_READ, &id), 0);
}

/* ---- who does not read ------------------------------------------------------------------------------------------------ */

/* Long answers that nobody takes: the broker makes no more of them, keeps nothing for them, and serves the others. */
static void who_never_reads_costs_itself(void **state) {
    enum { REQUESTS = 40000, FIRST = 1 << 14 }; /* ids of three bytes: requests of one size */
    uint8_t one[RAW_HEADER + RAW_BODY_MAX];
    size_t size = write_monitor(one, FIRST, 0, 0), sent = 0;
    uint8_t *bytes = malloc(REQUESTS * size);
    int event = fixture_own(eventfd(1, EFD_CLOEXEC));
    struct raw deaf, other;

    (void)state;
    guest_open(&deaf);
    guest_open(&other);
    make_many(&other, event, 1000);
    long before = guest_memory(fixture_broker()->pid, "VmRSS:");
    assert_non_null(bytes);
    for (uint64_t i = 0; i < REQUESTS; i++)
        (void)write_monitor(bytes + i * size, FIRST + i, 0, 0);
    for (int quiet = 0; quiet < 30 && sent < REQUESTS * size;) { /* each is to be answered with 256 notices */
        ssize_t n = raw_send_some(&deaf, bytes + sent, REQUESTS * size - sent, NULL, 0);
        sent += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        guest_is_served(&other);
    }
    assert_in_range(sent, 100 * size, (REQUESTS - 1) * size);
    if (!guest_is_sanitized())
        assert_in_range(guest_memory(fixture_broker()->pid, "VmRSS:"), 0, before + 1024);
    make_many(&other, event, 2000); /* goes on, and takes the place of what was not read */
    for (size_t i = 0; i < sent / size; i++) {
        raw_reply *reply = next_page(&deaf, FIRST + i);
        assert_int_equal(reply->monitor->n_notices, 256);
        raw_free(reply);
    }
    assert_int_equal(guest_quota(&other, "waits", NULL), 0);
    free(bytes);
}

/* What is told to one who is deaf at that time waits in the journal, not in the broker's memory, and is lost there in the end. */
static void what_is_not_read_in_time_is_lost(void **state) {
    int event = fixture_own(eventfd(1, EFD_CLOEXEC));
    struct raw deaf, other;
    uint64_t told = 0, lost = 0, cursor;

    (void)state;
    guest_open(&deaf);
    guest_open(&other);
    make_many(&other, event, 1000);
    uint64_t start = cursor = now(&deaf);
    for (uint64_t i = 0; i < 8;
         i++) /* more than a client may leave unread: the last ones are answered later */
        assert_int_equal(send_monitor(&deaf, 100 + i, 0, 0), 0);
    assert_int_equal(send_monitor(&deaf, 200, start, -1), 0);
    make_many(&other, event, 3000);
    for (uint64_t i = 0; i < 8; i++)
        raw_free(next_page(&deaf, 100 + i));
    raw_reply *reply = next_page(&deaf, 200);
    for (uint64_t id = 201; reply->monitor->n_notices > 0; id++) {
        assert_int_equal(reply->monitor->notices[0]->seq, cursor + 1 + reply->monitor->lost);
        told += reply->monitor->n_notices;
        lost += reply->monitor->lost;
        cursor = reply->monitor->cursor;
        raw_free(reply);
        assert_int_equal(send_monitor(&deaf, id, cursor, 0), 0);
        reply = next_page(&deaf, id);
    }
    raw_free(reply);
    assert_true(lost > 0);
    assert_int_equal(told + lost, cursor - start);
    assert_in_range(told, KEPT - 256, KEPT + 256);
}

/* ---- many at once ------------------------------------------------------------------------------------------------------- */

static void each_of_many_is_told_once(void **state) {
    int event = fixture_own(eventfd(1, EFD_CLOEXEC));
    struct raw greedy, other;

    (void)state;
    guest_open(&greedy);
    guest_open(&other);
    uint64_t cursor = now(&greedy);
    for (int round = 0; round < 20; round++) {
        uint64_t last = 0;
        for (uint64_t i = 0; i < MOST; i++)
            assert_int_equal(send_monitor(&greedy, 100 + i, cursor, -1), 0);
        guest_is_served(&greedy);
        assert_int_equal(guest_quota(&other, "waits", NULL), MOST);
        make_many(&other, event, 1);
        for (uint64_t i = 0; i < MOST; i++) {
            raw_reply *reply = next_page(&greedy, 100 + i);
            assert_int_equal(reply->monitor->notices[0]->seq, cursor + 1);
            last = reply->monitor->cursor;
            raw_free(reply);
        }
        assert_true(last > cursor);
        guest_until_closed(&other); /* which is a notice, too */
        cursor = now(&greedy);
    }
}

/* ---- who goes -------------------------------------------------------------------------------------------------------------- */

static bool nobody_waits(void *data) { return guest_quota(data, "waits", NULL) == 0; }

static void inflight_ones_go_with_their_connection_and_session(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    struct raw other;

    (void)state;
    guest_open(&other);
    uint64_t bytes = guest_quota(&other, "bytes", NULL);
    for (int how = 0; how < 3; how++) {
        struct raw raw;
        guest_open(&raw);
        for (uint64_t i = 0; i < MOST / 2; i++)
            assert_int_equal(send_monitor(&raw, 100 + i, UINT64_MAX, i % 2 ? -1 : 60000000), 0);
        guest_is_served(&raw);
        assert_int_equal(guest_quota(&other, "waits", NULL), MOST / 2);
        if (how == 1) {
            uint8_t bad[RAW_HEADER];
            raw_header(bad, 5, 0, 1); /* flags that there are not */
            assert_int_equal(raw_send(&raw, bad, sizeof(bad), NULL, 0), 0);
        } else if (how == 2) {
            end.id = raw.session;
            request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
            request.end_session = &end;
            assert_int_equal(raw_code(raw_ask(&other, &request)), 0);
        }
        if (how > 0)
            assert_int_equal(raw_until_end(&raw), 0);
        guest_close(&raw);
        assert_true(fixture_until(nobody_waits, &other));
        assert_int_equal(guest_quota(&other, "bytes", NULL), bytes);
    }
}

static void a_cancel_answers_both(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Cancel cancel = PORTD__V1__CANCEL__INIT;
    struct raw raw;

    (void)state;
    guest_open(&raw);
    assert_int_equal(send_monitor(&raw, 100, UINT64_MAX, INT64_MAX), 0);
    cancel.request = 100;
    request.id = 9;
    request.method_case = PORTD__V1__REQUEST__METHOD_CANCEL;
    request.cancel = &cancel;
    assert_int_equal(raw_send_request(&raw, &request, NULL, 0), 0);
    guest_is_told(&raw, 100, PORTD__V1__CODE__CODE_CANCELLED);
    raw_reply *reply = raw_next(&raw, NULL);
    assert_non_null(reply);
    assert_int_equal(reply->id, 9);
    assert_true(reply->cancel->found);
    raw_free(reply);
    assert_int_equal(guest_quota(&raw, "waits", NULL), 0);
}

/* ---- what is told of others -------------------------------------------------------------------------------------------------- */

static void who_breaks_the_rules_is_told_of(void **state) {
    uint8_t bad[RAW_HEADER];
    struct raw eye, rude;
    uint64_t cursor;

    (void)state;
    guest_open(&eye);
    raw_header(bad, 5, 0, 1);
    for (int greeted = 0; greeted < 2; greeted++) {
        cursor = now(&eye);
        if (greeted)
            guest_open(&rude);
        else
            guest_connect(&rude);
        assert_int_equal(raw_send(&rude, bad, sizeof(bad), NULL, 0), 0);
        guest_is_ended(&rude);
        Portd__V1__Notice notice = until_told(&eye, &cursor, DISCONNECTED);
        assert_int_equal(notice.cause, PORTD__V1__CAUSE__CAUSE_ERROR);
        assert_int_equal(notice.pid, getpid());
        assert_int_equal(notice.uid, getuid());
        assert_int_equal(notice.session, greeted ? rude.session : 0);
        guest_close(&rude);
    }
    /* One that says nothing and leaves is nothing to tell. */
    cursor = now(&eye);
    guest_connect(&rude);
    guest_close(&rude);
    fixture_until_fds(fixture_broker(), 1);
    assert_true(now(&eye) == cursor);
}

static void who_is_turned_away_is_told_of(void **state) {
    static struct fixture broker;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));
    struct raw eye, other, late;

    (void)state;
    guest_start_limited(&broker, 1100, NULL);
    guest_open_at(&eye, broker.address);
    guest_open_at(&other, broker.address);
    for (int64_t i = 0; raw_evt(&other, event, i, PORTD__V1__MODE__MODE_READ, NULL) == 0; i++)
        ;
    for (int64_t i = 0; raw_evt(&eye, event, i, PORTD__V1__MODE__MODE_READ, NULL) == 0; i++)
        guest_until_closed(&eye);
    guest_until_closed(&eye);
    uint64_t cursor = now(&eye);
    guest_connect_at(&late, broker.address);
    guest_is_told(&late, 0, LIMIT);
    Portd__V1__Notice notice = until_told(&eye, &cursor, TURNED_AWAY);
    assert_int_equal(notice.code, LIMIT);
    assert_int_equal(notice.uid, getuid());
    guest_close(&late);
}

/* ---- requests ------------------------------------------------------------------------------------------------------------------ */

static void bad_requests_are_refused(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Monitor monitor = PORTD__V1__MONITOR__INIT;
    struct raw raw;

    (void)state;
    guest_open(&raw);
    request.method_case = PORTD__V1__REQUEST__METHOD_MONITOR;
    request.monitor = &monitor;
    monitor.start_case = PORTD__V1__MONITOR__START_AFTER;
    monitor.after = UINT64_MAX;
    assert_int_equal(raw_code(raw_ask(&raw, &request)), INVALID);
    monitor.after = now(&raw) + 1;
    assert_int_equal(raw_code(raw_ask(&raw, &request)), INVALID);
    monitor.start_case = PORTD__V1__MONITOR__START__NOT_SET;
    monitor.session = UINT64_MAX;
    assert_int_equal(raw_code(raw_ask(&raw, &request)), NOT_FOUND);
    monitor.session = raw.session - 8;
    assert_int_equal(raw_code(raw_ask(&raw, &request)), NOT_FOUND);
    assert_int_equal(guest_quota(&raw, "waits", NULL), 0);
    guest_is_served(&raw);
}

TEST_MAIN(FIXTURE_CASE(who_never_reads_costs_itself), FIXTURE_CASE(what_is_not_read_in_time_is_lost),
          FIXTURE_CASE(each_of_many_is_told_once),
          FIXTURE_CASE(inflight_ones_go_with_their_connection_and_session),
          FIXTURE_CASE(a_cancel_answers_both), FIXTURE_CASE(who_breaks_the_rules_is_told_of),
          FIXTURE_CASE_BARE(who_is_turned_away_is_told_of), FIXTURE_CASE(bad_requests_are_refused))
