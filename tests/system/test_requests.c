/* test_requests.c: well-formed requests with modes, kinds, numbers and ids that do not exist. Each is refused with its code and
 * changes nothing. */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

enum {
    INVALID = PORTD__V1__CODE__CODE_INVALID,
    NOT_FOUND = PORTD__V1__CODE__CODE_NOT_FOUND,
    CANCELLED = PORTD__V1__CODE__CODE_CANCELLED
};

#define READ PORTD__V1__MODE__MODE_READ

/* A request of a method whose message is one list of ids. */
static int ask_ids(struct raw *raw, Portd__V1__Request__MethodCase method, uint64_t *ids, size_t n) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;
    Portd__V1__Release release = PORTD__V1__RELEASE__INIT;
    Portd__V1__Show show = PORTD__V1__SHOW__INIT;

    request.method_case = method;
    wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
    wait.ids = release.ids = show.ids = ids;
    wait.n_ids = release.n_ids = show.n_ids = n;
    if (method == PORTD__V1__REQUEST__METHOD_WAIT)
        request.wait = &wait;
    else if (method == PORTD__V1__REQUEST__METHOD_RELEASE)
        request.release = &release;
    else
        request.show = &show;
    return raw_code(raw_ask(raw, &request));
}

static int ask_handle(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;

    handle.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    int code = raw_code(raw_ask(raw, &request));
    raw_close_fds(raw);
    return code;
}

static int ask_end(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;

    end.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    return raw_code(raw_ask(raw, &request));
}

static raw_reply *ask_list(struct raw *raw, Portd__V1__Kind kind, uint64_t after) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;

    list.kind = kind;
    list.after = after;
    request.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    request.list = &list;
    return raw_ask(raw, &request);
}

/* ---- what is not in the schema ------------------------------------------------------------------------------------------- */

static void unknown_modes_are_refused(void **state) {
    static const int modes[] = {0, 6, 7, 127, -1, INT32_MAX, INT32_MIN};
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    uint64_t id = guest_semaphore(&raw, ends[0], 5), same = 0;
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        assert_int_equal(raw_semaphore(&raw, -1, 5, (Portd__V1__Mode)modes[i], NULL), INVALID);
        assert_int_equal(raw_evt(&raw, -1, 5, (Portd__V1__Mode)modes[i], NULL), INVALID);
        assert_int_equal(raw_semaphore(&raw, ends[1], 5, (Portd__V1__Mode)modes[i], NULL), INVALID);
    }
    /* In Racket an unknown mode removes. */
    assert_int_equal(raw_semaphore(&raw, -1, 5, PORTD__V1__MODE__MODE_CHECK_READ, &same), 0);
    assert_true(same == id);
    fixture_until_fds(fixture_broker(), 2);
}

static void unknown_kinds_are_refused(void **state) {
    static const int kinds[] = {6, 7, 8, -1, INT32_MAX, INT32_MIN};
    struct raw raw;

    (void)state;
    guest_open(&raw);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        assert_int_equal(raw_code(ask_list(&raw, (Portd__V1__Kind)kinds[i], 0)), INVALID);
    assert_int_equal(raw_code(ask_list(&raw, PORTD__V1__KIND__KIND_PORT, 0)), 0);
}

static void numbers_are_those_of_descriptors(void **state) {
    static const int64_t refused[] = {-1, INT64_C(1) << 31, INT64_MAX, INT64_MIN, INT32_MIN};
    static const int64_t taken[] = {0, 1, INT32_MAX};
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        assert_int_equal(raw_semaphore(&raw, ends[0], refused[i], READ, NULL), INVALID);
        assert_int_equal(raw_evt(&raw, ends[0], refused[i], READ, NULL), INVALID);
        assert_int_equal(raw_semaphore(&raw, -1, refused[i], PORTD__V1__MODE__MODE_REMOVE, NULL), INVALID);
    }
    fixture_until_fds(fixture_broker(), 1);
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
        (void)guest_semaphore(&raw, ends[0], taken[i]);
    fixture_until_fds(fixture_broker(), 4);
}

/* ---- ids that name nothing here ------------------------------------------------------------------------------------------- */

/* An id under which there is nothing for this guest, in every method that takes one. */
static void is_nothing(struct raw *raw, uint64_t id) {
    assert_int_equal(ask_ids(raw, PORTD__V1__REQUEST__METHOD_WAIT, &id, 1), NOT_FOUND);
    assert_int_equal(ask_ids(raw, PORTD__V1__REQUEST__METHOD_RELEASE, &id, 1), NOT_FOUND);
    assert_int_equal(ask_ids(raw, PORTD__V1__REQUEST__METHOD_SHOW, &id, 1), NOT_FOUND);
    assert_int_equal(raw_remove(raw, id), NOT_FOUND);
    assert_int_equal(ask_handle(raw, id), NOT_FOUND);
    if (id)
        assert_int_equal(ask_end(raw, id), NOT_FOUND);
}

static void ids_of_nothing_are_not_found(void **state) {
    static const uint64_t ids[] = {0,
                                   1,
                                   2,
                                   3,
                                   4,
                                   5,
                                   6,
                                   7,
                                   UINT32_MAX,
                                   (UINT64_C(1) << 53) - 1,
                                   (UINT64_C(1) << 53) + 3,
                                   (UINT64_C(1) << 63) + 3,
                                   UINT64_MAX,
                                   UINT64_MAX - 4};
    struct raw raw;

    (void)state;
    guest_open(&raw);
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
        is_nothing(&raw, ids[i]);
    guest_is_served(&raw);
}

/* Ids that come after the last one given out, of each kind, and one with its upper bits set. */
static void ids_to_come_are_not_found(void **state) {
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    uint64_t id = guest_semaphore(&raw, ends[0], 5);
    for (uint64_t more = 8; more < 64; more++)
        is_nothing(&raw, id + more);
    is_nothing(&raw, id | UINT64_C(1) << 53);
    is_nothing(&raw, id | UINT64_C(1) << 63);
    /* Its place under another kind. */
    for (uint64_t kind = 0; kind < 8; kind++)
        if (kind != PORTD__V1__KIND__KIND_SEMAPHORE)
            is_nothing(&raw, (id & ~UINT64_C(7)) | kind);
}

static void ids_of_other_sessions_are_not_found(void **state) {
    struct raw raw, other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_open(&other);
    uint64_t semaphore = guest_semaphore(&raw, ends[0], 5), evt = guest_evt(&raw, ends[0], 5);
    raw_reply *reply = ask_list(&raw, PORTD__V1__KIND__KIND_DESCRIPTOR, 0);
    assert_non_null(reply);
    assert_int_equal(reply->list->n_items, 1);
    uint64_t descriptor = reply->list->items[0]->id;
    raw_free(reply);
    is_nothing(&other, semaphore);
    is_nothing(&other, evt);
    is_nothing(&other, descriptor);
    /* The numbers of the other session are its own, too. */
    uint64_t none = 1;
    assert_int_equal(raw_semaphore(&other, -1, 5, PORTD__V1__MODE__MODE_CHECK_READ, &none), 0);
    assert_int_equal(none, 0);
    assert_int_equal(raw_semaphore(&other, -1, 5, PORTD__V1__MODE__MODE_REMOVE, NULL), 0);
    assert_int_equal(raw_start_wait(&raw, 9, semaphore), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    guest_is_woken(&raw, 9, semaphore, PORTD__V1__CAUSE__CAUSE_READY);
}

/* What is there but cannot be waited for, removed or handled that way. */
static void ids_of_the_wrong_kind_are_refused(void **state) {
    struct raw raw, sister;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_open(&sister);
    (void)guest_semaphore(&raw, ends[0], 5);
    raw_reply *reply = ask_list(&raw, PORTD__V1__KIND__KIND_DESCRIPTOR, 0);
    assert_non_null(reply);
    assert_int_equal(reply->list->n_items, 1);
    uint64_t descriptor = reply->list->items[0]->id;
    raw_free(reply);
    uint64_t ids[] = {descriptor, raw.session, sister.session};
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_WAIT, &ids[i], 1), INVALID);
        assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_RELEASE, &ids[i], 1), INVALID);
        assert_int_equal(raw_remove(&raw, ids[i]), INVALID);
        assert_int_equal(ask_handle(&raw, ids[i]), INVALID);
        assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_SHOW, &ids[i], 1), 0);
    }
    assert_int_equal(ask_end(&raw, descriptor), INVALID);
    assert_int_equal(ask_end(&raw, sister.session), 0);
    is_nothing(&raw, sister.session); /* it has ended */
    guest_is_served(&raw);
}

static void lists_of_ids_are_bounded(void **state) {
    uint64_t ids[1000];
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    uint64_t id = guest_evt(&raw, ends[0], 5);
    for (size_t i = 0; i < 1000; i++)
        ids[i] = id;
    static const size_t refused[] = {0, 257, 450}, taken[] = {1, 255, 256};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_WAIT, ids, refused[i]), INVALID);
        assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_SHOW, ids, refused[i]), INVALID);
        assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_RELEASE, ids, refused[i]), INVALID);
        assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_WAIT, ids, taken[i]), 0);
        assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_SHOW, ids, taken[i]), 0);
    }
    /* All are looked at before any is released. */
    ids[255] = id + 8;
    assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_RELEASE, ids, 256), NOT_FOUND);
    assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_WAIT, ids, 1), 0);
    ids[255] = id;
    assert_int_equal(ask_ids(&raw, PORTD__V1__REQUEST__METHOD_RELEASE, ids, 256), 0);
    guest_is_served(&raw);
}

/* ---- descriptors that no call takes -------------------------------------------------------------------------------------- */

static void some_descriptors_are_never_taken(void **state) {
    sigset_t signals;
    struct raw raw, other;
    int path = fixture_own(open("/", O_PATH | O_CLOEXEC));

    (void)state;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGUSR1);
    int signal_fd = fixture_own(signalfd(-1, &signals, SFD_CLOEXEC));
    guest_open(&raw);
    guest_open(&other);
    int refused[] = {path, signal_fd, raw.fd, other.fd};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(raw_semaphore(&raw, refused[i], 5, READ, NULL), INVALID);
        assert_int_equal(raw_evt(&raw, refused[i], 5, READ, NULL), INVALID);
    }
    fixture_until_fds(fixture_broker(), 2);
    /* A guest that hands in its own end is still seen to hang up. */
    guest_close(&other);
    fixture_until_fds(fixture_broker(), 1);
}

/* Epolls in epolls in epolls: refused or unsupported where the kernel says so, never a loop. */
static void nested_epolls_do_no_harm(void **state) {
    struct raw raw;
    int inner = fixture_own(epoll_create1(EPOLL_CLOEXEC)), depth = 0;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));
    struct epoll_event in = {.events = EPOLLIN};

    (void)state;
    assert_int_equal(epoll_ctl(inner, EPOLL_CTL_ADD, event, &in), 0);
    guest_open(&raw);
    for (; depth < 8; depth++) {
        uint64_t id = 0;
        assert_int_equal(raw_evt(&raw, inner, depth, READ, &id), 0);
        if (id)
            (void)ask_handle(&raw, id);
        assert_int_equal(raw_semaphore(&raw, inner, depth, READ, NULL), 0);
        int outer = fixture_own(epoll_create1(EPOLL_CLOEXEC));
        if (epoll_ctl(outer, EPOLL_CTL_ADD, inner, &in))
            break;
        inner = outer;
    }
    guest_is_served(&raw);
}

/* ---- cancel --------------------------------------------------------------------------------------------------------------- */

static raw_reply *ask_cancel(struct raw *raw, uint64_t request_id, uint64_t of) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Cancel cancel = PORTD__V1__CANCEL__INIT;

    cancel.request = of;
    request.id = request_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_CANCEL;
    request.cancel = &cancel;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
    return raw_next(raw, NULL);
}

static void is_not_found(raw_reply *reply, uint64_t request) {
    assert_non_null(reply);
    assert_int_equal(reply->id, request);
    assert_int_equal(reply->result_case, PORTD__V1__REPLY__RESULT_CANCEL);
    assert_false(reply->cancel->found);
    raw_free(reply);
}

static void cancel_finds_only_what_is_parked_here(void **state) {
    struct raw raw, joined;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_join(&joined, &raw);
    uint64_t id = guest_evt(&raw, ends[0], 5);
    assert_int_equal(raw_start_wait(&raw, 100, id), 0);
    is_not_found(ask_cancel(&raw, 101, 0), 101);
    is_not_found(ask_cancel(&raw, 102, 99), 102);
    is_not_found(ask_cancel(&raw, 103, 103), 103); /* itself */
    is_not_found(ask_cancel(&raw, 104, UINT64_MAX), 104);
    is_not_found(ask_cancel(&joined, 101, 100), 101); /* another connection's */
    raw_reply *reply = ask_cancel(&raw, 105, 100);
    assert_non_null(reply);
    assert_int_equal(reply->id, 100); /* the wait is answered first */
    assert_int_equal(raw_code(reply), CANCELLED);
    reply = raw_next(&raw, NULL);
    assert_non_null(reply);
    assert_int_equal(reply->id, 105);
    assert_true(reply->cancel->found);
    raw_free(reply);
    is_not_found(ask_cancel(&raw, 106, 100), 106); /* a second time */
    /* One that was answered meanwhile. */
    assert_int_equal(raw_start_wait(&raw, 107, id), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    guest_is_woken(&raw, 107, id, PORTD__V1__CAUSE__CAUSE_READY);
    is_not_found(ask_cancel(&raw, 108, 107), 108);
}

TEST_MAIN(FIXTURE_CASE(unknown_modes_are_refused), FIXTURE_CASE(unknown_kinds_are_refused),
          FIXTURE_CASE(numbers_are_those_of_descriptors), FIXTURE_CASE(ids_of_nothing_are_not_found),
          FIXTURE_CASE(ids_to_come_are_not_found), FIXTURE_CASE(ids_of_other_sessions_are_not_found),
          FIXTURE_CASE(ids_of_the_wrong_kind_are_refused), FIXTURE_CASE(lists_of_ids_are_bounded),
          FIXTURE_CASE(some_descriptors_are_never_taken), FIXTURE_CASE(nested_epolls_do_no_harm),
          FIXTURE_CASE(cancel_finds_only_what_is_parked_here))
