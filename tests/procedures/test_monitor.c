/* test_monitor.c: each notice is delivered once, in order, to those who may see it, and none is missed without being counted as
 * lost. */
#include "ask.h"
#include "descriptors.h"
#include "ports.h"
#include "stranger.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { SOMEBODY = 1000, MANY = 6000, PAGE_MAX = 256 };

/* Somebody who looks: a client of its own, and how far it has come. */
struct eye {
    portd_client *client;
    portd_id session;
    uint64_t cursor;
    portd_list *page;
    size_t at;
    uint64_t lost; /* so far */
};

static int more(struct eye *eye, int64_t deadline) {
    uint64_t lost = 0, before = eye->cursor;

    portd_list_free(eye->page);
    eye->at = 0;
    int code = portd_monitor(eye->client, eye->session, &eye->cursor, deadline, &eye->page, &lost);
    assert_true(code >= 0 || eye->cursor == before);
    assert_true((code > 0) == (eye->page != NULL));
    if (code > 0)
        assert_int_equal(portd_list_count(eye->page), code);
    eye->lost += lost;
    return code;
}

static struct eye open_eye(portd_client *client, portd_id session) {
    struct eye eye = {.client = client, .session = session, .cursor = PORTD_CURSOR_NOW};

    assert_int_equal(more(&eye, 0), 0);
    assert_true(eye.cursor > 0 && eye.cursor < UINT64_C(1) << 53);
    return eye;
}

static void close_eye(struct eye *eye) {
    portd_list_free(eye->page);
    eye->page = NULL;
}

/* The next thing that has happened, waited for. */
static const portd_notice *next(struct eye *eye) {
    const portd_notice *notice = portd_list_notice(eye->page, eye->at);

    while (!notice) {
        int code = more(eye, fixture_soon());
        if (code <= 0)
            fail_msg("nothing more is told: %d %s", code, portd_last_error(eye->client));
        notice = portd_list_notice(eye->page, 0);
    }
    eye->at++;
    assert_true(notice->size >= sizeof(*notice));
    assert_true(notice->time_us > UINT64_C(1600000000000000));
    return notice;
}

/* It is about this object. Its session is that of the client. */
static const portd_notice *expect(struct eye *eye, int event, portd_id id, int cause) {
    const portd_notice *notice = next(eye);

    if (notice->event != event || notice->id != id || notice->cause != cause)
        fail_msg("not %s %llu %s but %s %llu %s", portd_notice_name(event), (unsigned long long)id,
                 portd_cause_name(cause), portd_notice_name(notice->event), (unsigned long long)notice->id,
                 portd_cause_name(notice->cause));
    assert_int_equal(notice->kind, portd_id_kind(id));
    assert_int_equal(notice->uid, getuid());
    return notice;
}

static portd_id expect_descriptor(struct eye *eye, int event, int number, const char *type) {
    const portd_notice *notice = next(eye);

    assert_int_equal(notice->event, event);
    assert_int_equal(notice->kind, PORTD_KIND_DESCRIPTOR);
    assert_int_equal(notice->number, number);
    assert_string_equal(notice->type, type);
    return notice->id;
}

static void expect_nothing(struct eye *eye) {
    assert_null(portd_list_notice(eye->page, eye->at));
    assert_int_equal(more(eye, 0), 0);
}

/* ---- what is told ---------------------------------------------------------------------------------------------------- */

static void the_life_of_a_semaphore(void **state) {
    portd_client *c = fixture_client(NULL);
    struct eye eye = open_eye(c, 0);
    const portd_notice *notice;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id s = ask_semaphore(c, p[0], READ);
    portd_id d = expect_descriptor(&eye, PORTD_NOTICE_MADE, p[0], "pipe");
    notice = expect(&eye, PORTD_NOTICE_MADE, s, IDLE);
    assert_int_equal(notice->number, p[0]);
    assert_int_equal(notice->direction, PORTD_DIRECTION_READ);
    assert_int_equal(notice->descriptor, d);
    assert_int_equal(notice->session, portd_session_id(c));
    ask_handle(c, s);
    expect(&eye, PORTD_NOTICE_PASSED, s, IDLE);
    put(p[1]);
    assert_until(c, s, READY);
    notice = expect(&eye, PORTD_NOTICE_FIRED, s, READY);
    assert_int_equal(notice->descriptor, d);
    assert_int_equal(expect_descriptor(&eye, PORTD_NOTICE_CLOSED, p[0], "pipe"), d);
    assert_int_equal(portd_release(c, &s, 1, fixture_soon()), 1);
    expect(&eye, PORTD_NOTICE_RELEASED, s, IDLE);
    expect_nothing(&eye);
    close_eye(&eye);
}

static void the_life_of_an_event(void **state) {
    portd_client *c = fixture_client(NULL);
    struct eye eye = open_eye(c, 0);
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    portd_id e = ask_evt(c, p[0], READ);
    expect_descriptor(&eye, PORTD_NOTICE_MADE, p[0], "pipe");
    expect(&eye, PORTD_NOTICE_MADE, e, IDLE);
    struct inflight *inflight = ask_park_one(c, e, 0);
    put(p[1]);
    assert_answer(inflight, e, READY);
    expect(&eye, PORTD_NOTICE_READY, e, READY);
    assert_cause(c, e, READY); /* a look is nothing that has happened */
    make_at(q[0], p[0]);
    portd_id other = ask_evt(c, p[0], READ);
    expect_descriptor(&eye, PORTD_NOTICE_MADE, p[0], "pipe");
    expect(&eye, PORTD_NOTICE_ENDED, e, REPLACED);
    expect(&eye, PORTD_NOTICE_MADE, other, IDLE);
    expect_descriptor(&eye, PORTD_NOTICE_CLOSED, p[0], "pipe");
    assert_int_equal(portd_remove(c, other, fixture_soon()), 1);
    expect(&eye, PORTD_NOTICE_ENDED, other, REMOVED);
    expect_descriptor(&eye, PORTD_NOTICE_CLOSED, p[0], "pipe");
    expect_nothing(&eye);
    close_eye(&eye);
}

static void the_life_of_ports(void **state) {
    portd_client *c = fixture_client(NULL);
    struct eye eye = open_eye(c, 0);
    portd_native copy;
    int pair[2];

    (void)state;
    make_pair(SOCK_STREAM, pair);
    struct wrapped wrapped = port_wrap_socket(c, pair[0]);
    portd_id d = expect_descriptor(&eye, PORTD_NOTICE_MADE, pair[0], "unix");
    assert_int_equal(expect(&eye, PORTD_NOTICE_MADE, wrapped.in, IDLE)->direction, PORTD_DIRECTION_READ);
    assert_int_equal(expect(&eye, PORTD_NOTICE_MADE, wrapped.out, IDLE)->direction, PORTD_DIRECTION_WRITE);
    portd_id s = ask_semaphore(c, pair[0], READ);
    assert_int_equal(expect(&eye, PORTD_NOTICE_MADE, s, IDLE)->descriptor, d);
    assert_int_equal(portd_port_dup_fd(c, wrapped.in, fixture_soon(), &copy), 1);
    fixture_own((int)copy);
    expect(&eye, PORTD_NOTICE_PASSED, wrapped.in, IDLE);
    struct inflight *inflight = ask_park_one(c, wrapped.in, 0);
    put(pair[1]);
    assert_answer(inflight, wrapped.in, READY);
    expect(&eye, PORTD_NOTICE_FIRED, s, READY);
    expect(&eye, PORTD_NOTICE_READY, wrapped.in, READY);
    port_hear(c, wrapped.in, "x"); /* bytes are not told */
    port_close(c, wrapped.in);
    port_close(c, wrapped.out);
    expect(&eye, PORTD_NOTICE_ENDED, wrapped.in, CLOSED);
    expect(&eye, PORTD_NOTICE_ENDED, wrapped.out, CLOSED);
    assert_int_equal(expect_descriptor(&eye, PORTD_NOTICE_CLOSED, pair[0], "unix"), d);
    expect_nothing(&eye);
    close_eye(&eye);
}

/* A connection has a number, and a process. */
static uint32_t expect_connection(struct eye *eye, int event, portd_id session, int cause) {
    const portd_notice *notice = next(eye);

    assert_int_equal(notice->event, event);
    assert_int_equal(notice->session, session);
    assert_int_equal(notice->cause, cause);
    assert_int_equal(notice->id, 0);
    assert_int_equal(notice->pid, getpid());
    return notice->connection;
}

static void sessions_and_connections(void **state) {
    portd_client *c = fixture_client(NULL);
    struct eye eye = open_eye(c, 0);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_client *one = fixture_client(NULL);
    portd_id session = portd_session_id(one);
    expect(&eye, PORTD_NOTICE_MADE, session, IDLE);
    uint32_t first = expect_connection(&eye, PORTD_NOTICE_CONNECTED, session, IDLE);
    portd_client *joined = fixture_joined(one);
    uint32_t second = expect_connection(&eye, PORTD_NOTICE_CONNECTED, session, IDLE);
    assert_int_not_equal(first, second);
    portd_id e = ask_evt(one, p[0], READ);
    expect_descriptor(&eye, PORTD_NOTICE_MADE, p[0], "pipe");
    expect(&eye, PORTD_NOTICE_MADE, e, IDLE);
    fixture_disconnect(joined);
    assert_int_equal(expect_connection(&eye, PORTD_NOTICE_DISCONNECTED, session, HANG_UP), second);
    assert_int_equal(portd_end_session(c, session, fixture_soon()), 1);
    expect(&eye, PORTD_NOTICE_ENDED, e, EXPIRED);
    assert_int_equal(expect_connection(&eye, PORTD_NOTICE_DISCONNECTED, session, EXPIRED), first);
    expect(&eye, PORTD_NOTICE_ENDED, session, EXPIRED);
    expect_descriptor(&eye, PORTD_NOTICE_CLOSED, p[0], "pipe"); /* by a worker: later */
    expect_nothing(&eye);
    close_eye(&eye);
}

static void refusals_say_what_and_why(void **state) {
    portd_client *c = fixture_client(NULL);
    struct eye eye = open_eye(c, 0);
    const portd_id nothing = 8;
    portd_list *list;

    (void)state;
    assert_int_equal(portd_show(c, &nothing, 1, fixture_soon(), &list), PORTD_E_NOT_FOUND);
    const portd_notice *notice = next(&eye);
    assert_int_equal(notice->event, PORTD_NOTICE_REFUSED);
    assert_int_equal(notice->code, PORTD_E_NOT_FOUND);
    assert_string_equal(notice->method, "show");
    assert_int_equal(notice->session, portd_session_id(c));
    assert_int_equal(notice->pid, getpid());
    expect_nothing(&eye);
    close_eye(&eye);
}

static void a_search_for_a_session_in_vain_is_not_told(void **state) {
    portd_client *c = fixture_client(NULL), *none = NULL;
    struct eye eye = open_eye(c, 0);
    const uint32_t owner = (uint32_t)getpid();
    portd_options options = PORTD_OPTIONS_INIT;

    (void)state;
    options.owner_pids = &owner;
    options.n_owner_pids = 1;
    options.find_session = true;
    assert_int_equal(portd_connect(fixture_address(), &options, fixture_soon(), &none), PORTD_E_NOT_FOUND);
    expect_nothing(&eye);
    /* A token that means nothing is one. */
    options = (portd_options)PORTD_OPTIONS_INIT;
    options.token = "1234";
    assert_int_equal(portd_connect(fixture_address(), &options, fixture_soon(), &none), PORTD_E_NOT_FOUND);
    const portd_notice *notice = next(&eye);
    assert_int_equal(notice->event, PORTD_NOTICE_REFUSED);
    assert_string_equal(notice->method, "hello");
    close_eye(&eye);
}

/* A failure that comes when the request has been in flight. */
static void what_fails_later_is_told_too(void **state) {
    portd_client *c = fixture_client(NULL);
    const portd_notice *notice;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id out = port_out(c, p[1]);
    fill(p[1]);
    struct io *write = io_write(c, out, "x", 1);
    struct eye eye = open_eye(c, 0);
    fixture_close(p[0]);
    assert_true(io_answer(write) < 0);
    notice = next(&eye);
    assert_int_equal(notice->event, PORTD_NOTICE_REFUSED);
    assert_int_equal(notice->code, PORTD_E_SYSTEM);
    assert_string_equal(notice->method, "write");
    expect_nothing(&eye);
    close_eye(&eye);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------------- */

struct heard {
    portd_request *request;
    int code, answers;
    size_t n;
    uint64_t cursor, lost;
    int event;
};

static void hear(portd_client *client, const portd_result *result, void *data) {
    struct heard *heard = data;

    (void)client;
    heard->request = NULL;
    heard->code = result->code;
    heard->answers++;
    heard->n = result->n_notices;
    heard->cursor = result->cursor;
    heard->lost = result->lost;
    if (result->n_notices > 0)
        heard->event = result->notices[0]->event;
}

/* In flight: the broker has looked at it. */
static void park(portd_client *client, struct heard *heard, portd_id session, int64_t deadline) {
    *heard = (struct heard){0};
    assert_int_equal(
        portd_monitor_start(client, session, PORTD_CURSOR_NOW, deadline, hear, heard, &heard->request), 1);
    assert_int_equal(portd_ping(client, fixture_soon()), 1);
    assert_int_equal(heard->answers, 0);
}

static void until_heard(portd_client *client, const struct heard *heard) {
    while (heard->answers == 0)
        assert_int_equal(portd_poll(client, fixture_soon()), 1);
    assert_int_equal(heard->answers, 1);
}

static void a_parked_one_is_answered_when_something_happens(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    static struct heard heard[3];
    int p[2];

    (void)state;
    make_pipe(p);
    assert_true(portd_has_feature("monitor") && portd_broker_has_feature(c, "monitor"));
    park(c, &heard[0], 0, PORTD_FOREVER);
    park(c, &heard[1], portd_session_id(other), PORTD_FOREVER);
    park(c, &heard[2], portd_session_id(c), PORTD_FOREVER);
    portd_id s = ask_semaphore(other, p[0], READ);
    until_heard(c, &heard[0]);
    until_heard(c, &heard[1]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(heard[i].code, 2);
        assert_int_equal(heard[i].event, PORTD_NOTICE_MADE);
        assert_int_equal(heard[i].lost, 0);
    }
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_int_equal(heard[2].answers, 0); /* not its session */
    park(c, &heard[0], 0, PORTD_FOREVER);
    put(p[1]);
    until_heard(c, &heard[0]);
    assert_int_equal(heard[0].event, PORTD_NOTICE_FIRED);
    assert_until(other, s, READY);
    ask_semaphore(c, p[1], WRITE);
    until_heard(c, &heard[2]);
    assert_int_equal(heard[2].event, PORTD_NOTICE_MADE);
}

/* Also one whose end of the wire is what happens: nothing comes after it in that turn. */
static void the_end_of_a_connection_is_told_at_once(void **state) {
    portd_client *c = fixture_client(NULL);
    static struct heard heard;

    (void)state;
    portd_client *other = fixture_client(NULL);
    park(c, &heard, portd_session_id(other), PORTD_FOREVER);
    fixture_disconnect(other);
    until_heard(c, &heard);
    assert_int_equal(heard.event, PORTD_NOTICE_DISCONNECTED);
}

static void a_limit_that_passes_answers_none_and_a_cursor(void **state) {
    portd_client *c = fixture_client(NULL);
    struct eye eye = open_eye(c, 0);
    uint64_t now = eye.cursor;
    static struct heard heard;

    (void)state;
    assert_int_equal(more(&eye, portd_now() + 1000), 0);
    assert_int_equal(eye.cursor, now);
    park(c, &heard, 0, portd_now() + 1000000);
    portd_cancel(heard.request);
    until_heard(c, &heard);
    assert_int_equal(heard.code, PORTD_E_CANCELLED);
    expect_nothing(&eye); /* to be cancelled is nothing that has happened */
    close_eye(&eye);
}

static void a_blocking_one_is_woken_up_and_misses_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    struct eye eye = open_eye(c, 0);
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    portd_wakeup(c);
    assert_int_equal(more(&eye, fixture_soon()), PORTD_E_INTERRUPTED);
    portd_id e = ask_evt(c, event, READ);
    expect_descriptor(&eye, PORTD_NOTICE_MADE, event, "eventfd");
    expect(&eye, PORTD_NOTICE_MADE, e, IDLE);
    close_eye(&eye);
}

static void the_connection_is_lost(void **state) {
    portd_client *c = fixture_client(NULL);
    static struct heard heard;

    (void)state;
    park(c, &heard, 0, PORTD_FOREVER);
    assert_int_equal(portd_end_session(c, 0, fixture_soon()), 1);
    while (heard.answers == 0)
        (void)portd_poll(c, fixture_soon());
    assert_int_equal(heard.code, PORTD_E_DISCONNECTED);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------------ */

static void a_monitor_of_a_session_ends_with_it(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    portd_id session = portd_session_id(other);
    struct eye eye = open_eye(c, session);
    uint64_t lost, start = eye.cursor;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    ask_evt(c, event, READ); /* of another session */
    portd_id e = ask_evt(other, event, READ);
    expect_descriptor(&eye, PORTD_NOTICE_MADE, event, "eventfd");
    expect(&eye, PORTD_NOTICE_MADE, e, IDLE);
    assert_int_equal(portd_end_session(c, session, fixture_soon()), 1);
    expect(&eye, PORTD_NOTICE_ENDED, e, EXPIRED);
    expect_connection(&eye, PORTD_NOTICE_DISCONNECTED, session, EXPIRED);
    expect(&eye, PORTD_NOTICE_ENDED, session, EXPIRED);
    assert_int_equal(more(&eye, fixture_soon()), PORTD_E_NOT_FOUND);
    /* What is kept can be told again. */
    assert_int_equal(portd_monitor(c, session, &start, 0, &eye.page, &lost), 5);
    close_eye(&eye);
}

static void a_session_that_never_was_has_no_monitor(void **state) {
    portd_client *c = fixture_client(NULL);
    struct eye eye = {.client = c, .session = portd_session_id(c) + 8, .cursor = PORTD_CURSOR_NOW};

    (void)state;
    assert_int_equal(more(&eye, fixture_soon()), PORTD_E_NOT_FOUND);
    eye.cursor = 0;
    assert_int_equal(more(&eye, 0), PORTD_E_NOT_FOUND);
}

/* ---- what is kept and what is lost -------------------------------------------------------------------------------------- */

static uint64_t number_now(portd_client *client, const char *name) {
    portd_list *list = NULL;
    uint64_t n = 0;

    assert_int_equal(portd_get_stats(client, fixture_soon(), &list), 1);
    for (size_t i = 0; i < portd_list_count(list); i++)
        if (strcmp(portd_list_metric(list, i)->name, name) == 0)
            n = portd_list_metric(list, i)->value;
    portd_list_free(list);
    return n;
}

static uint64_t notices_so_far(portd_client *client) { return number_now(client, "notices"); }

static bool nothing_is_closing(void *client) { return number_now(client, "closing") == 0; }

/* Each makes a semaphore that has fired; the copies are closed. */
static void make_many(portd_client *client, size_t n) {
    int event = fixture_own(eventfd(1, EFD_CLOEXEC));

    for (size_t i = 0; i < n; i++) {
        portd_id id = ask_semaphore(client, event, READ);
        assert_int_equal(portd_release(client, &id, 1, fixture_soon()), 1);
    }
    fixture_close(event);
    assert_true(fixture_until(nothing_is_closing, client));
}

/* Reads to the end: how many were told, each with the number behind the one before. */
static uint64_t read_all(struct eye *eye) {
    uint64_t told = 0, last = 0;
    int code;

    while ((code = more(eye, 0)) > 0) {
        assert_in_range(code, 1, PAGE_MAX);
        for (int i = 0; i < code; i++) {
            const portd_notice *notice = portd_list_notice(eye->page, (size_t)i);
            assert_true(last == 0 || notice->seq == last + 1);
            last = notice->seq;
        }
        told += (uint64_t)code;
    }
    assert_int_equal(code, 0);
    assert_true(told == 0 || last == eye->cursor);
    return told;
}

static void nothing_is_missed_while_it_is_kept(void **state) {
    portd_client *c = fixture_client(NULL);
    uint64_t before = notices_so_far(c);
    struct eye eye = open_eye(c, 0);

    (void)state;
    make_many(c, 300);
    uint64_t happened = notices_so_far(c) - before;
    assert_in_range(happened, 900, 4000);
    assert_int_equal(read_all(&eye), happened);
    assert_int_equal(eye.lost, 0);
    close_eye(&eye);
}

static void what_is_lost_is_counted(void **state) {
    portd_client *c = fixture_client(NULL);
    uint64_t before = notices_so_far(c);
    struct eye eye = open_eye(c, 0), late = {.client = c};

    (void)state;
    make_many(c, MANY);
    uint64_t all = notices_so_far(c), happened = all - before;
    assert_true(happened > 4096);
    assert_int_equal(read_all(&eye), 4096);
    assert_int_equal(eye.lost, happened - 4096);
    assert_int_equal(read_all(&late), 4096); /* from the oldest that is kept */
    assert_int_equal(late.lost, all - 4096);
    assert_int_equal(late.cursor, eye.cursor);
    close_eye(&eye);
    close_eye(&late);
}

static void a_cursor_of_elsewhere_is_refused(void **state) {
    portd_client *c = fixture_client(NULL);
    struct eye eye = open_eye(c, 0);
    uint64_t now = eye.cursor;

    (void)state;
    eye.cursor = now + 1;
    assert_int_equal(more(&eye, 0), PORTD_E_INVALID);
    assert_string_equal(portd_last_field(c), "after");
    eye.cursor = UINT64_MAX - 1;
    assert_int_equal(more(&eye, 0), PORTD_E_INVALID);
    eye.cursor = 1; /* before this broker began: all that it keeps, and nothing was lost */
    assert_true(more(&eye, 0) > 0);
    assert_int_equal(eye.lost, 0);
    close_eye(&eye);
    assert_int_equal(portd_monitor(c, 0, NULL, 0, &eye.page, NULL), PORTD_E_INVALID);
    assert_null(eye.page);
}

/* ---- limits ------------------------------------------------------------------------------------------------------------------ */

static void monitors_in_flight_have_a_limit_and_are_waits(void **state) {
    enum { MOST = 64 };
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    static struct heard heard[MOST + 1];

    (void)state;
    uint64_t bytes = ask_quota(other, "bytes");
    for (size_t i = 0; i < MOST; i++)
        park(i % 2 ? c : other, &heard[i], 0, PORTD_FOREVER);
    assert_int_equal(ask_quota(other, "waits"), MOST);
    assert_true(ask_quota(other, "bytes") > bytes);
    struct eye eye = {.client = c, .cursor = PORTD_CURSOR_NOW};
    assert_int_equal(more(&eye, 0), PORTD_E_LIMIT);
    assert_non_null(strstr(portd_last_error(c), "monitors"));
    for (size_t i = 0; i < MOST; i++) /* the refusal was told to all */
        until_heard(i % 2 ? c : other, &heard[i]);
    assert_int_equal(ask_quota(other, "waits"), 0);
    for (size_t i = 0; i < MOST; i++)
        park(c, &heard[i], 0, PORTD_FOREVER);
    portd_cancel(heard[5].request);
    until_heard(c, &heard[5]);
    park(other, &heard[MOST], 0, PORTD_FOREVER);
    fixture_disconnect(c);
    until_heard(other, &heard[MOST]);
    assert_int_equal(heard[MOST].event, PORTD_NOTICE_DISCONNECTED);
    assert_int_equal(ask_quota(other, "waits"), 0);
    assert_int_equal(ask_quota(other, "bytes"), bytes);
}

/* ---- who is told ---------------------------------------------------------------------------------------------------------------- */

static struct fixture broker;

/* What somebody else is to do, told by and to the case. */
struct stranger {
    int said, told; /* pipe ends: a byte each time */
    portd_id session;
};

static bool say(const struct stranger *stranger) { return write(stranger->said, "x", 1) == 1; }

static bool listen_for(const struct stranger *stranger) {
    char byte;
    return read(stranger->told, &byte, 1) == 1;
}

/* All that is told is about this uid: how many, or below 0. */
static int count_own(portd_client *client, uint64_t *cursor, uint64_t *lost) {
    portd_list *list;
    int total = 0, code;

    while ((code = portd_monitor(client, 0, cursor, 0, &list, lost)) > 0) {
        for (int i = 0; i < code; i++)
            if (portd_list_notice(list, (size_t)i)->uid != SOMEBODY)
                total = -10000;
        portd_list_free(list);
        total += code;
        if (*lost)
            return -20000;
    }
    return code < 0 ? code : total;
}

/* Sees its own connection, and nothing of the 8,000 things that somebody else does meanwhile, which push out nothing of its own. */
static int see_only_oneself(void *data) {
    struct stranger *stranger = data;
    portd_client *client = stranger_connect(&broker, SOMEBODY, NULL, NULL);
    uint64_t cursor = 0, lost = 0, before;
    portd_list *list;
    portd_id id;
    int event = eventfd(1, EFD_CLOEXEC);

    if (!client || count_own(client, &cursor, &lost) != 2) /* session, connection */
        return 1;
    before = cursor;
    if (portd_fd_to_evt(client, event, READ, PORTD_FD, fixture_soon(), &id) != 1)
        return 2;
    if (!say(stranger) || !listen_for(stranger))
        return 3;
    if (count_own(client, &cursor, &lost) != 2 || cursor != before + 2) /* descriptor, event */
        return 4;
    if (portd_monitor(client, stranger->session, &cursor, 0, &list, &lost) != PORTD_E_NOT_FOUND)
        return 5;
    portd_disconnect(client);
    return 0;
}

static void others_are_told_of_themselves_alone(void **state) {
    int to[2], from[2];

    (void)state;
    if (!stranger_broker(&broker))
        test_skip("not root");
    make_pipe(to);
    make_pipe(from);
    for (int i = 0; i < 2; i++) {
        fcntl(to[i], F_SETFL, 0);
        fcntl(from[i], F_SETFL, 0);
    }
    portd_client *c = fixture_client_at(broker.address, NULL);
    struct eye eye = open_eye(c, 0);
    struct stranger stranger = {from[1], to[0], portd_session_id(c)};
    pid_t child = fixture_fork(see_only_oneself, &stranger);
    assert_int_not_equal(fixture_poll(from[0], POLLIN), 0);
    make_many(c, 2000);
    put(to[1]);
    assert_int_equal(fixture_reap(child), 0);
    /* Root is told of both. */
    size_t theirs = 0;
    while (theirs < 4) { /* the end of its event, its descriptor, its connection, its session */
        assert_true(more(&eye, fixture_soon()) > 0);
        for (size_t i = 0; i < portd_list_count(eye.page); i++)
            theirs += portd_list_notice(eye.page, i)->uid == SOMEBODY;
    }
    assert_true(eye.lost > 0);
    close_eye(&eye);
}

TEST_MAIN(FIXTURE_CASE(the_life_of_a_semaphore), FIXTURE_CASE(the_life_of_an_event),
          FIXTURE_CASE(the_life_of_ports), FIXTURE_CASE(sessions_and_connections),
          FIXTURE_CASE(refusals_say_what_and_why), FIXTURE_CASE(a_search_for_a_session_in_vain_is_not_told),
          FIXTURE_CASE(what_fails_later_is_told_too),
          FIXTURE_CASE(a_parked_one_is_answered_when_something_happens),
          FIXTURE_CASE(the_end_of_a_connection_is_told_at_once),
          FIXTURE_CASE(a_limit_that_passes_answers_none_and_a_cursor),
          FIXTURE_CASE(a_blocking_one_is_woken_up_and_misses_nothing), FIXTURE_CASE(the_connection_is_lost),
          FIXTURE_CASE(a_monitor_of_a_session_ends_with_it),
          FIXTURE_CASE(a_session_that_never_was_has_no_monitor),
          FIXTURE_CASE(nothing_is_missed_while_it_is_kept), FIXTURE_CASE(what_is_lost_is_counted),
          FIXTURE_CASE(a_cursor_of_elsewhere_is_refused),
          FIXTURE_CASE(monitors_in_flight_have_a_limit_and_are_waits),
          FIXTURE_CASE_BARE(others_are_told_of_themselves_alone))
