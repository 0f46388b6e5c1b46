/* test_hints.c: handles of events that are hints, as on macOS and the BSDs. The broker is portd_hint: Linux's, with the handles of those systems.
 *
 * What is asserted of a hint in all cases: while it is not readable its object was not ready when it was armed, and makes it readable when it
 * is. */
#include "guest.h"

#include "tests/procedures/ports.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { HINT_FDS = 2 /* of the broker, for each hint */, TURNS = 50 };

/* Arms it; the first time makes it. */
static void arm(portd_client *c, portd_id id, portd_native *handle) {
    bool new = *handle == -1;

    assert_int_equal(portd_handle_arm(c, id, fixture_soon(), handle), 1);
    if (new)
        fixture_own((int)*handle);
}

struct hint {
    portd_client *client;
    int in, out;
    portd_id evt;        /* for reading of `in`, into which `out` leads */
    portd_native handle; /* -1: not made yet */
};

static struct hint hint_new(portd_client *client, void (*make)(int ends[2])) {
    int ends[2];

    make(ends);
    return (struct hint){client, ends[0], ends[1], ask_evt(client, ends[0], READ), -1};
}

static void arm_hint(struct hint *hint) { arm(hint->client, hint->evt, &hint->handle); }

/* It may report a hang-up as well. */
static bool is_ready(portd_native handle) {
    struct pollfd one = {.fd = (int)handle, .events = POLLIN};

    return poll(&one, 1, 0) == 1 && one.revents & POLLIN;
}

static bool is_readable(portd_native handle) { return fixture_poll((int)handle, POLLIN) & POLLIN; }

/* Where its last copy is a file, reads do not make it unreadable. */
static bool is_ready_for_ever(void *data) {
    int handle = *(int *)data;
    char byte;

    return read(handle, &byte, 1) == 0 && is_ready(handle);
}

static void assert_ready_for_ever(portd_native handle) {
    int fd = (int)handle;

    assert_true(is_readable(handle));
    assert_true(fixture_until(is_ready_for_ever, &fd));
}

static bool is_same_file(portd_native a, portd_native b) {
    return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, (unsigned long)a, (unsigned long)b) == 0;
}

/* ---- what the client does ----------------------------------------------------------------------------------------------------- */

static void is_readable_once_armed_and_ready(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pipe);

    (void)state;
    for (int i = 0; i < TURNS; i++) {
        portd_native before = h.handle;
        arm_hint(&h);
        assert_true(before == -1 || h.handle == before);
        assert_false(is_ready(h.handle));
        assert_int_equal(ask_item(h.client, h.evt).waiters, 1);
        put(h.out);
        assert_true(is_readable(h.handle));
        assert_int_equal(ask_item(h.client, h.evt).waiters, 0);
        (void)drain(h.in);
        assert_true(is_ready(h.handle)); /* until it is armed again */
    }
}

static void of_what_is_ready_already(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pipe);

    (void)state;
    put(h.out);
    for (int i = 0; i < TURNS; i++) {
        arm_hint(&h);
        assert_true(is_ready(h.handle)); /* at once */
        assert_int_equal(ask_item(h.client, h.evt).waiters, 0);
    }
    (void)drain(h.in);
    arm_hint(&h);
    assert_false(is_ready(h.handle));
    arm_hint(&h); /* one that is armed */
    assert_int_equal(ask_item(h.client, h.evt).waiters, 1);
    put(h.out);
    assert_true(is_readable(h.handle));
}

/* 0 or the code. *handle is the case's. */
static int ask_raw(struct raw *raw, uint64_t id, bool hint, bool rearm, int *handle, int *form) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle message = PORTD__V1__HANDLE__INIT;

    message.id = id;
    message.hint = hint;
    message.rearm = rearm;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &message;
    raw_reply *reply = raw_ask(raw, &request);
    *form = reply && reply->handle ? (int)reply->handle->form : 0;
    *handle = raw->n_fds == 1 ? fixture_own(raw->fds[0]) : -1;
    raw->n_fds = 0;
    return raw_code(reply);
}

static void is_only_for_those_who_ask_for_it(void **state) {
    const int hint = PORTD__V1__HANDLE_OF__FORM__FORM_HINT, none = PORTD__V1__CODE__CODE_NOT_FOUND,
              unsupported = PORTD__V1__CODE__CODE_UNSUPPORTED;
    struct raw raw;
    int ends[2], first, second, form;

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    uint64_t e = guest_evt(&raw, ends[0], 5), s = guest_semaphore(&raw, ends[0], 5);
    assert_int_equal(ask_raw(&raw, e, false, false, &first, &form), unsupported);
    assert_int_equal(ask_raw(&raw, e, true, true, &first, &form), none); /* its session has none */
    assert_int_equal(first, -1);
    assert_int_equal(ask_raw(&raw, e, true, false, &first, &form), 0);
    assert_int_equal(form, hint);
    assert_int_equal(ask_raw(&raw, e, false, false, &second, &form), unsupported);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(is_readable(first));
    assert_int_equal(read(ends[0], &(char){0}, 1), 1);
    assert_int_equal(ask_raw(&raw, e, true, false, &second, &form), 0); /* the same one, armed */
    assert_true(is_same_file(first, second));
    assert_false(is_ready(first));
    assert_int_equal(ask_raw(&raw, e, true, true, &second, &form), 0);
    assert_int_equal(second, -1);
    assert_int_equal(form, hint);
    assert_int_equal(ask_raw(&raw, s, false, false, &first, &form), 0);
    assert_int_equal(form, PORTD__V1__HANDLE_OF__FORM__FORM_PIPE);
    assert_int_equal(ask_raw(&raw, s, true, true, &second, &form), 0); /* exact: nothing happens */
    assert_int_equal(second, -1);
    assert_int_not_equal(fixture_poll(first, POLLIN), 0);
}

static void of_the_library_is_exact_or_armed(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pipe);
    portd_native of_s = -1;

    (void)state;
    portd_id s = ask_semaphore(h.client, h.in, READ);
    h.handle = 5;
    assert_int_equal(portd_handle_dup(h.client, h.evt, fixture_soon(), &h.handle), PORTD_E_UNSUPPORTED);
    assert_int_equal(h.handle, -1);
    arm(h.client, s, &of_s);
    arm(h.client, s, &of_s);
    assert_false(is_ready(of_s));
    arm_hint(&h);
    assert_int_equal(portd_release(h.client, &h.evt, 1, fixture_soon()), 1);
    ask_no_evts(h.client, h.in);
    portd_native before = h.handle;
    assert_int_equal(portd_handle_arm(h.client, h.evt, fixture_soon(), &h.handle), PORTD_E_NOT_FOUND);
    assert_int_equal(h.handle, before);
    assert_ready_for_ever(h.handle);
    put(h.out);
    assert_int_not_equal(fixture_poll((int)of_s, POLLIN), 0); /* the end of a pipe may be a hang-up alone */
}

/* ---- several who share it ----------------------------------------------------------------------------------------------------- */

/* Whoever arms it, it is readable when the event is ready: nobody's sleep is lost to another's arming. */
static void is_shared_by_the_clients_of_a_session(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pipe);
    portd_client *other = fixture_joined(h.client);
    portd_native two = -1;

    (void)state;
    arm_hint(&h);
    arm(other, h.evt, &two);
    assert_true(is_same_file(h.handle, two));
    assert_int_equal(ask_item(h.client, h.evt).waiters, 1);
    put(h.out);
    assert_true(is_readable(h.handle));
    arm_hint(&h); /* while it is ready the other one is not made to sleep */
    assert_true(is_ready(two));
    (void)drain(h.in);
    arm(other, h.evt, &two);
    assert_false(is_ready(h.handle));
    fixture_disconnect(other); /* what it has armed stays armed */
    put(h.out);
    assert_true(is_readable(h.handle));
}

static void is_another_one_in_another_session(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pipe);
    portd_options reach = PORTD_OPTIONS_INIT;
    portd_native two = -1;

    (void)state;
    reach.reach = true;
    portd_client *other = fixture_client(&reach);
    arm_hint(&h);
    arm(other, h.evt, &two);
    assert_false(is_same_file(h.handle, two));
    assert_int_equal(ask_item(h.client, h.evt).waiters, 2);
    put(h.out);
    assert_true(is_readable(h.handle));
    assert_true(is_readable(two));
    (void)drain(h.in);
    arm(other, h.evt, &two);
    assert_true(is_ready(h.handle));
    assert_false(is_ready(two));
    fixture_disconnect(other); /* its session ends, and its wait */
    assert_ready_for_ever(two);
    arm_hint(&h);
    assert_false(is_ready(h.handle));
    ask_no_evts(h.client, h.in);
    assert_ready_for_ever(h.handle);
}

/* ---- the end ------------------------------------------------------------------------------------------------------------------ */

static void of_an_event_that_is_removed_while_armed(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pipe);
    portd_native late = -1;

    (void)state;
    arm_hint(&h);
    fixture_until_fds(fixture_broker(), 1 + 1 + HINT_FDS);
    ask_no_evts(h.client, h.in);
    assert_ready_for_ever(h.handle);
    fixture_until_fds(fixture_broker(), 1 + 1); /* the connection; and the clients' end, for who asks again */
    arm_hint(&h);
    assert_ready_for_ever(h.handle);
    arm(h.client, h.evt, &late);
    assert_true(is_same_file(h.handle, late));
    assert_int_equal(portd_release(h.client, &h.evt, 1, fixture_soon()), 1);
    fixture_until_fds(fixture_broker(), 1);
    assert_ready_for_ever(h.handle);
}

static void of_a_port_that_is_closed_while_armed(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_native handle = -1;
    portd_id in, out;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    assert_int_equal(portd_fd_to_port(c, p[0], "port", PORTD_READ | PORTD_WRITE, fixture_soon(), &in, &out),
                     2);
    arm(c, in, &handle);
    assert_false(is_ready(handle));
    assert_int_equal(portd_port_close(c, in, fixture_soon()), 1);
    assert_ready_for_ever(handle);
    handle = -1;
    (void)fill(p[0]);
    arm(c, out, &handle);
    assert_false(is_ready(handle));
    assert_int_equal(shutdown(p[1], SHUT_WR), 0); /* half-close is of reading only */
    arm(c, out, &handle);
    assert_false(is_ready(handle));
    fixture_close(p[1]);
    assert_true(is_readable(handle));
}

static void whose_session_ends_while_armed(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pipe);

    (void)state;
    arm_hint(&h);
    assert_false(is_ready(h.handle));
    fixture_disconnect(h.client);
    assert_ready_for_ever(h.handle);
    fixture_until_fds(fixture_broker(), 0);
}

static void whose_broker_dies_while_armed(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pipe);

    (void)state;
    arm_hint(&h);
    assert_false(is_ready(h.handle));
    fixture_kill(fixture_broker());
    assert_ready_for_ever(h.handle);
    assert_int_equal(portd_handle_arm(h.client, h.evt, fixture_soon(), &h.handle), PORTD_E_DISCONNECTED);
}

/* The broker stops with hints armed: it leaves nothing, and exits with 0 (FIXTURE_CASE looks at that). */
static void whose_broker_stops_while_armed(void **state) {
    portd_client *c = fixture_client(NULL);

    (void)state;
    for (int i = 0; i < TURNS; i++) {
        struct hint h = hint_new(c, i ? make_pipe : make_pty);
        arm_hint(&h);
    }
}

/* ---- descriptors of all kinds ----------------------------------------------------------------------------------------------------- */

static void of_what_is_always_ready(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_native handle = -1;

    (void)state;
    portd_id e = ask_evt(c, make_file("text"), READ);
    for (int i = 0; i < 3; i++) {
        arm(c, e, &handle);
        assert_true(is_ready(handle));
    }
}

/* The poller thread answers later: what is ready makes it readable then. */
static void of_what_a_thread_polls(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pty);

    (void)state;
    for (int i = 0; i < TURNS; i++) {
        arm_hint(&h);
        assert_cause(h.client, h.evt, IDLE); /* the thread has answered both */
        assert_false(is_ready(h.handle));
        fd_say(h.out, "line\n");
        assert_true(is_readable(h.handle));
        arm_hint(&h);
        assert_true(is_readable(h.handle));
        fd_hear(h.in, "line\n");
    }
}

/* The thread answers what has been removed, and released, since. */
static void of_what_is_gone_when_the_thread_answers(void **state) {
    portd_client *c = fixture_client(NULL);
    int pty[2];

    (void)state;
    make_pty(pty);
    for (int i = 0; i < TURNS; i++) {
        portd_native handle = -1;
        portd_id e = ask_evt(c, pty[0], READ);
        arm(c, e, &handle);
        fd_say(pty[1], "line\n");
        assert_int_equal(portd_release(c, &e, 1, fixture_soon()), 1);
        ask_no_evts(c, pty[0]);
        assert_ready_for_ever(handle);
        fixture_close((int)handle);
        fd_hear(pty[0], "line\n");
    }
    assert_int_equal(ask_inflight(c), 0);
    assert_int_equal(ask_quota(c, "waits"), 0);
    fixture_until_fds(fixture_broker(), 1);
}

/* ---- holders that do what they must not ---------------------------------------------------------------------------------------------- */

static void of_a_client_that_writes_and_reads(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pipe);
    portd_client *other = fixture_client(NULL);
    portd_native of_other = -1;
    char byte;

    (void)state;
    arm_hint(&h);
    arm(other, ask_evt(other, h.in, READ), &of_other);
    assert_int_equal(send((int)h.handle, "x", 1, MSG_NOSIGNAL), -1); /* so nothing lies in it */
    assert_int_equal(errno, EPIPE);
    put(h.out);
    assert_true(is_readable(h.handle));
    assert_int_equal(read((int)h.handle, &byte, 1), 1);
    assert_false(is_ready(h.handle)); /* which is why it must not be read */
    arm_hint(&h);
    assert_true(is_ready(h.handle));
    assert_int_equal(fcntl((int)h.handle, F_SETFL, 0), 0); /* for all who have it: the broker does not wait */
    (void)drain(h.in);
    arm_hint(&h);
    assert_false(is_ready(h.handle));
    arm_hint(&h);
    assert_true(is_readable(of_other));
}

static void of_a_client_that_shuts_it_down(void **state) {
    static const int ways[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
    portd_client *c = fixture_client(NULL);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct hint h = hint_new(c, make_pipe);
        arm_hint(&h);
        (void)shutdown((int)h.handle, ways[i]);
        put(h.out);
        assert_true(is_readable(h.handle));
        arm_hint(&h);
        assert_true(is_ready(h.handle));
        ask_no_evts(c, h.in);
        assert_ready_for_ever(h.handle);
        assert_int_equal(portd_release(c, &h.evt, 1, fixture_soon()), 1);
        fixture_close((int)h.handle);
    }
    fixture_until_fds(fixture_broker(), 1);
}

/* ---- charges ---------------------------------------------------------------------------------------------------------------------- */

struct charged {
    portd_client *client;
    uint64_t descriptors;
};

static bool has_charge(void *data) {
    const struct charged *charged = data;

    return ask_quota(charged->client, "descriptors") == charged->descriptors;
}

/* One more is charged until the broker has looked whether the client has received its copy. */
static bool until_charged(portd_client *c, uint64_t descriptors) {
    return fixture_until(has_charge, &(struct charged){c, descriptors});
}

static void is_charged(void **state) {
    struct hint h = hint_new(fixture_client(NULL), make_pipe);

    (void)state;
    uint64_t descriptors = ask_quota(h.client, "descriptors"), bytes = ask_quota(h.client, "bytes");
    assert_int_equal(ask_quota(h.client, "waits"), 0);
    arm_hint(&h);
    arm_hint(&h);
    assert_true(until_charged(h.client, descriptors + HINT_FDS));
    assert_int_equal(ask_quota(h.client, "waits"), 1);
    assert_true(ask_quota(h.client, "bytes") > bytes);
    assert_int_equal(ask_inflight(h.client), 1);
    put(h.out);
    assert_true(is_readable(h.handle));
    assert_int_equal(ask_quota(h.client, "waits"), 0);
    assert_int_equal(ask_quota(h.client, "bytes"), bytes);
    assert_int_equal(ask_inflight(h.client), 0);
    ask_no_evts(h.client, h.in);
    assert_int_equal(portd_release(h.client, &h.evt, 1, fixture_soon()), 1);
    fixture_until_fds(fixture_broker(), 1);
    assert_true(until_charged(h.client, descriptors - 1));
}

TEST_MAIN(FIXTURE_CASE(is_readable_once_armed_and_ready), FIXTURE_CASE(of_what_is_ready_already),
          FIXTURE_CASE(is_only_for_those_who_ask_for_it), FIXTURE_CASE(of_the_library_is_exact_or_armed),
          FIXTURE_CASE(is_shared_by_the_clients_of_a_session),
          FIXTURE_CASE(is_another_one_in_another_session),
          FIXTURE_CASE(of_an_event_that_is_removed_while_armed),
          FIXTURE_CASE(of_a_port_that_is_closed_while_armed), FIXTURE_CASE(whose_session_ends_while_armed),
          FIXTURE_CASE(whose_broker_dies_while_armed), FIXTURE_CASE(whose_broker_stops_while_armed),
          FIXTURE_CASE(of_what_is_always_ready), FIXTURE_CASE(of_what_a_thread_polls),
          FIXTURE_CASE(of_what_is_gone_when_the_thread_answers),
          FIXTURE_CASE(of_a_client_that_writes_and_reads), FIXTURE_CASE(of_a_client_that_shuts_it_down),
          FIXTURE_CASE(is_charged))
