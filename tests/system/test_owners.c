/* test_owners.c: sessions with several owner processes, the process whose descriptor numbers a connection uses, and ids of the
 * uid's other sessions. */
#define _GNU_SOURCE

#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    INVALID = PORTD__V1__CODE__CODE_INVALID,
    NOT_FOUND = PORTD__V1__CODE__CODE_NOT_FOUND,
    MISMATCH = PORTD__V1__CODE__CODE_MISMATCH,
    MANY = 8
};

static int live(void *data) {
    (void)data;
    (void)pause();
    return 0;
}

/* A process that lives until the case ends it. */
struct owner {
    pid_t pid;
    int fd;
};

static struct owner make_owner(void) {
    struct owner owner = {.pid = fixture_fork(live, NULL)};

    owner.fd = fixture_own((int)syscall(SYS_pidfd_open, owner.pid, 0));
    return owner;
}

static Portd__V1__Hello usual(void) {
    Portd__V1__Hello hello = raw_hello_make();

    return hello;
}

static Portd__V1__Hello of(size_t n) {
    Portd__V1__Hello hello = usual();

    hello.owners_attached = (uint32_t)n;
    return hello;
}

static Portd__V1__Hello with_numbers(size_t n, uint32_t owner) {
    Portd__V1__Hello hello = of(n);

    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_OWNER;
    hello.numbers_owner = owner;
    return hello;
}

static void enter(struct raw *raw, Portd__V1__Hello hello, const int *fds, size_t n) {
    guest_connect(raw);
    assert_int_equal(raw_hello_with(raw, &hello, fds, n), 0);
}

static void is_refused(Portd__V1__Hello hello, int code, const int *fds, size_t n) {
    struct raw raw;

    guest_connect(&raw);
    assert_int_equal(raw_hello_with(&raw, &hello, fds, n), code);
    guest_is_ended(&raw);
    guest_close(&raw);
}

static void reaching(struct raw *raw) {
    Portd__V1__Hello hello = usual();

    hello.reach = 1;
    enter(raw, hello, NULL, 0);
}

static uint64_t check(struct raw *raw, int64_t number) {
    uint64_t id = 0;

    assert_int_equal(raw_evt(raw, -1, number, PORTD__V1__MODE__MODE_CHECK_READ, &id), 0);
    return id;
}

/* Ends the session of that guest. */
static void end_session(struct raw *raw) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;

    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    assert_int_equal(raw_code(raw_ask(raw, &request)), 0);
}

/* What a look at that id answers, or the code. */
static int cause_of(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;
    Portd__V1__Cause cause = PORTD__V1__CAUSE__CAUSE_NONE;

    wait.ids = &id;
    wait.n_ids = 1;
    wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = &wait;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    if (reply->error)
        return -raw_code(reply);
    (void)raw_ready(reply, &cause);
    return (int)cause;
}

/* The handle of that object, which is the case's, or minus the code. */
static int handle_of(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;

    handle.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    int code = raw_code(raw_ask(raw, &request));
    if (code)
        return -code;
    assert_int_equal(raw->n_fds, 1);
    raw->n_fds = 0;
    return fixture_own(raw->fds[0]);
}

static bool is_ready(int handle) {
    struct pollfd one = {.fd = handle, .events = POLLIN};

    return poll(&one, 1, 0) == 1;
}

/* ---- owners -------------------------------------------------------------------------------------------------------------- */

static void any_owner_finds_it(void **state) {
    struct owner outer = make_owner(), inner = make_owner(), stranger = make_owner();
    const int fds[2] = {outer.fd, inner.fd};
    struct raw raw, other;

    (void)state;
    enter(&raw, of(2), fds, 2);
    enter(&other, of(1), &inner.fd, 1);
    assert_int_equal(raw.session, other.session);
    guest_close(&other);
    enter(&other, of(1), &outer.fd, 1);
    assert_int_equal(raw.session, other.session);
    guest_close(&other);
    Portd__V1__Hello hello = usual(); /* the older forms say the same of a single one */
    hello.owner_attached = 1;
    enter(&other, hello, &inner.fd, 1);
    assert_int_equal(raw.session, other.session);
    guest_close(&other);
    uint32_t pids[] = {(uint32_t)stranger.pid, (uint32_t)inner.pid};
    hello = usual();
    hello.owner_pids = pids;
    hello.n_owner_pids = 2;
    enter(&other, hello, NULL, 0);
    assert_int_equal(raw.session, other.session); /* the first of them had none: it owns this one, too, now */
    guest_close(&other);
    enter(&other, of(1), &stranger.fd, 1);
    assert_int_equal(raw.session, other.session);
}

static void it_ends_with_the_last_owner(void **state) {
    struct owner owners[3] = {make_owner(), make_owner(), make_owner()};
    int fds[2] = {owners[0].fd, owners[1].fd}, ends[2];
    struct raw raw, other;

    (void)state;
    guest_pipe(ends);
    enter(&raw, of(2), fds, 2);
    uint64_t id = guest_evt(&raw, ends[0], 5);
    fixture_end(owners[0].pid);
    fixture_until_fds(fixture_broker(), 3); /* a connection, the pipe, one owner */
    assert_int_equal(cause_of(&raw, id), 0);
    fds[0] = owners[2].fd;
    enter(&other, of(2), fds, 2); /* one more by a later hello */
    assert_int_equal(raw.session, other.session);
    guest_close(&other);
    fixture_end(owners[1].pid);
    fixture_until_fds(fixture_broker(), 3);
    assert_int_equal(cause_of(&raw, id), 0);
    assert_int_equal(raw_start_wait(&raw, 9, id), 0);
    guest_is_served(&raw);
    fixture_end(owners[2].pid);
    guest_is_woken(&raw, 9, id, PORTD__V1__CAUSE__CAUSE_EXPIRED);
    assert_int_equal(raw_until_end(&raw), 0);
    fixture_until_fds(fixture_broker(), 0);
}

/* With a session of its own a process goes on to find that, although it came to own another one; when that ends it finds the other. */
static void the_one_that_it_owned_first(void **state) {
    struct owner outer = make_owner(), inner = make_owner();
    const int fds[2] = {outer.fd, inner.fd};
    struct raw own, of_outer, raw;

    (void)state;
    enter(&own, of(1), &inner.fd, 1);
    enter(&of_outer, of(1), &outer.fd, 1);
    enter(&raw, of(2), fds, 2);
    assert_int_equal(raw.session, of_outer.session);
    guest_close(&raw);
    enter(&raw, with_numbers(2, 2), fds, 2); /* that whose numbers are meant is asked first */
    assert_int_equal(raw.session, own.session);
    guest_close(&raw);
    enter(&raw, of(1), &inner.fd, 1);
    assert_int_equal(raw.session, own.session);
    guest_close(&raw);
    end_session(&own);
    enter(&raw, of(1), &inner.fd, 1);
    assert_int_equal(raw.session, of_outer.session);
}

/* Of several owners the process of the numbers is asked first, in whatever way it is named. */
static void the_process_of_the_numbers_first(void **state) {
    struct owner outer = make_owner(), inner = make_owner();
    struct owner self = {.pid = getpid(), .fd = fixture_own((int)syscall(SYS_pidfd_open, getpid(), 0))};
    const int fds[3] = {outer.fd, inner.fd, inner.fd}, with_self[2] = {outer.fd, self.fd};
    struct raw of_outer, of_inner, of_self, raw;
    Portd__V1__Hello hello = of(2);

    (void)state;
    enter(&of_outer, of(1), &outer.fd, 1);
    enter(&of_inner, of(1), &inner.fd, 1);
    enter(&of_self, of(1), &self.fd, 1);
    hello.find = 1;
    enter(&raw, hello, fds, 2); /* the numbers are those of this process, which is no owner */
    assert_int_equal(raw.session, of_outer.session);
    enter(&raw, hello, with_self, 2);
    assert_int_equal(raw.session, of_self.session);
    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_ATTACHED;
    hello.numbers_attached = 1;
    enter(&raw, hello, fds, 3);
    assert_int_equal(raw.session, of_inner.session);
    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_PID;
    hello.numbers_pid = (uint32_t)inner.pid;
    enter(&raw, hello, fds, 2);
    assert_int_equal(raw.session, of_inner.session);
    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_NOBODY;
    hello.numbers_nobody = 1;
    enter(&raw, hello, fds, 2);
    assert_int_equal(raw.session, of_outer.session);
    end_session(&of_self); /* this process goes on */
}

static void a_new_one_is_found_by_its_token_only(void **state) {
    struct owner owner = make_owner();
    struct raw first, raw, joined;
    Portd__V1__Hello hello = of(1);

    (void)state;
    hello.new_ = 1;
    enter(&first, hello, &owner.fd, 1);
    guest_join(&joined, &first);
    assert_int_equal(joined.session, first.session);
    hello.new_ = 0;
    hello.find = 1;
    is_refused(hello, NOT_FOUND, &owner.fd, 1);
    enter(&raw, of(1), &owner.fd, 1);
    assert_true(raw.session != first.session);
    fixture_end(owner.pid); /* it ends with its owner nevertheless */
    assert_int_equal(raw_until_end(&first), 0);
}

static void one_that_is_to_be_found_is_not_made(void **state) {
    struct owner owner = make_owner();
    struct raw raw, other;
    Portd__V1__Hello hello = of(1);

    (void)state;
    hello.find = 1;
    is_refused(hello, NOT_FOUND, &owner.fd, 1);
    fixture_until_fds(fixture_broker(), 0);
    enter(&raw, of(1), &owner.fd, 1);
    enter(&other, hello, &owner.fd, 1);
    assert_int_equal(raw.session, other.session);
    hello.new_ = 1;
    is_refused(hello, INVALID, &owner.fd, 1);
    hello = usual();
    hello.find = 1;
    is_refused(hello, INVALID, NULL, 0);
}

static void owners_are_named_in_one_way(void **state) {
    struct owner owner = make_owner();
    uint32_t pids[MANY + 1];
    int fds[MANY + 1], event = fixture_own(eventfd(0, EFD_CLOEXEC));
    struct raw raw;

    (void)state;
    for (size_t i = 0; i <= MANY; i++) {
        fds[i] = owner.fd;
        pids[i] = (uint32_t)owner.pid;
    }
    is_refused(of(1), MISMATCH, NULL, 0);
    is_refused(of(1), MISMATCH, fds, 2);
    is_refused(of(2), MISMATCH, fds, 1);
    is_refused(of(MANY + 1), MISMATCH, fds, MANY + 1); /* more than a hello takes */
    is_refused(of(MANY + 1), INVALID, fds, MANY);
    is_refused(of(1), INVALID, &event, 1);
    Portd__V1__Hello hello = of(1);
    hello.owner_attached = 1;
    is_refused(hello, INVALID, fds, 2);
    hello = of(1);
    hello.owner_pid = pids[0];
    is_refused(hello, INVALID, fds, 1);
    hello = of(1);
    hello.owner_pids = pids;
    hello.n_owner_pids = 1;
    is_refused(hello, INVALID, fds, 1);
    hello = usual();
    hello.owner_pids = pids;
    hello.n_owner_pids = MANY + 1;
    is_refused(hello, INVALID, NULL, 0);
    for (uint32_t i = 0; i < 2; i++)
        is_refused(with_numbers(1, i * 2), INVALID, fds, 1);
    guest_open(&raw);
    hello = of(1);
    hello.token = raw.token;
    is_refused(hello, INVALID, fds, 1);
    hello = usual();
    hello.token = raw.token;
    hello.private_ = 1;
    is_refused(hello, INVALID, NULL, 0);
    guest_until_closed(&raw);
    fixture_until_fds(fixture_broker(), 1);
    enter(&raw, of(MANY), fds, MANY); /* the same one so many times is one */
    fixture_until_fds(fixture_broker(), 3);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------- */

static void numbers_are_of_a_process(void **state) {
    struct owner one = make_owner(), two = make_owner();
    const int fds[2] = {one.fd, two.fd};
    struct raw first, second, own, nobody;
    int p[2], q[2];

    (void)state;
    guest_pipe(p);
    guest_pipe(q);
    enter(&first, with_numbers(2, 1), fds, 2);
    enter(&second, with_numbers(2, 2), fds, 2);
    enter(&own, of(2), fds, 2); /* those of this process */
    assert_int_equal(first.session, second.session);
    uint64_t a = guest_evt(&first, p[0], 5), b = guest_evt(&second, q[0], 5);
    assert_true(a != b);
    assert_int_equal(cause_of(&first, a), 0); /* not replaced: another process's 5 */
    assert_int_equal(check(&first, 5), a);
    assert_int_equal(check(&second, 5), b);
    assert_int_equal(check(&own, 5), 0);
    assert_int_equal(raw_evt(&own, -1, 5, PORTD__V1__MODE__MODE_REMOVE, NULL), 0);
    assert_int_equal(check(&first, 5), a);
    struct raw again;
    enter(&again, with_numbers(1, 1), fds, 1); /* by another connection */
    assert_int_equal(check(&again, 5), a);
    uint64_t c = guest_evt(&again, q[0], 5);
    assert_int_equal(cause_of(&first, a), PORTD__V1__CAUSE__CAUSE_REPLACED);
    assert_int_equal(cause_of(&second, b), 0);
    assert_int_equal(raw_remove(&own, c), 0); /* by its id it is found, whatever it is called */
    assert_int_equal(check(&first, 5), 0);
    Portd__V1__Hello hello = of(1);
    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_NOBODY;
    hello.numbers_nobody = 1;
    enter(&nobody, hello, fds, 1);
    uint64_t d = guest_evt(&nobody, p[0], 5);
    assert_int_equal(check(&first, 5), 0);
    guest_close(&nobody);
    enter(&nobody, hello, fds, 1);
    assert_int_equal(check(&nobody, 5), 0);
    (void)guest_evt(&nobody, q[0], 5);
    assert_int_equal(cause_of(&first, d), 0);
    assert_int_equal(raw_remove(&first, d), 0);
    assert_int_equal(cause_of(&first, d), PORTD__V1__CAUSE__CAUSE_REMOVED);
}

/* Owners that are named by pids attach nothing: the only pidfd is that of the process of the numbers. */
static void numbers_attached_behind_pids(void **state) {
    struct owner one = make_owner(), other = make_owner(), two = make_owner();
    const int fds[2] = {one.fd, two.fd};
    uint32_t pids[2] = {(uint32_t)one.pid, (uint32_t)other.pid};
    struct raw raw, again;
    int p[2];

    (void)state;
    guest_pipe(p);
    Portd__V1__Hello hello = usual();
    hello.owner_pids = pids;
    hello.n_owner_pids = 2;
    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_ATTACHED;
    hello.numbers_attached = 1;
    enter(&raw, hello, &two.fd, 1);
    uint64_t id = guest_evt(&raw, p[0], 5);
    enter(&again, with_numbers(2, 2), fds, 2);
    assert_int_equal(again.session, raw.session);
    assert_int_equal(check(&again, 5), id);
}

/* A token takes them along when the same process comes again, and another process's when that is named. */
static void numbers_by_token(void **state) {
    struct owner owner = make_owner();
    struct raw raw, again;
    int p[2];

    (void)state;
    guest_pipe(p);
    guest_open(&raw);
    uint64_t id = guest_evt(&raw, p[0], 5);
    guest_join(&again, &raw);
    guest_close(&raw);
    assert_int_equal(check(&again, 5), id);
    Portd__V1__Hello hello = usual();
    hello.token = again.token;
    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_ATTACHED;
    hello.numbers_attached = 1;
    is_refused(hello, MISMATCH, NULL, 0);
    enter(&raw, hello, &owner.fd, 1);
    assert_int_equal(raw.session, again.session);
    assert_int_equal(check(&raw, 5), 0);
    guest_close(&raw);
    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_PID;
    hello.numbers_pid = (uint32_t)getpid();
    enter(&raw, hello, NULL, 0);
    assert_int_equal(check(&raw, 5), id);
    guest_until_closed(&raw);
    fixture_until_fds(fixture_broker(), 3); /* nobody is owned: pidfds are closed */
}

/* ---- reach --------------------------------------------------------------------------------------------------------------- */

static void reach_finds_every_session(void **state) {
    struct raw maker, raw, narrow;
    int p[2];

    (void)state;
    guest_pipe(p);
    guest_open(&maker);
    guest_open(&narrow);
    reaching(&raw);
    uint64_t s = guest_semaphore(&maker, p[0], 5), e = guest_evt(&maker, p[0], 6);
    assert_int_equal(cause_of(&narrow, e), -NOT_FOUND);
    assert_int_equal(cause_of(&raw, e), 0);
    assert_int_equal(check(&raw, 6), 0); /* numbers are looked up in the own session alone */
    assert_int_equal(raw_start_wait(&raw, 9, e), 0);
    guest_is_served(&raw);
    assert_int_equal(write(p[1], "x", 1), 1);
    guest_is_woken(&raw, 9, e, PORTD__V1__CAUSE__CAUSE_READY);
    assert_int_equal(cause_of(&raw, s), PORTD__V1__CAUSE__CAUSE_READY);
    assert_int_equal(raw_remove(&raw, e), 0);
    assert_int_equal(cause_of(&maker, e), PORTD__V1__CAUSE__CAUSE_REMOVED);
    guest_close(&maker);
    fixture_until_fds(fixture_broker(), 2);
    assert_int_equal(cause_of(&raw, e), -NOT_FOUND);
}

static raw_reply *list_of(struct raw *raw, uint64_t session) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;

    list.session = session;
    request.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    request.list = &list;
    return raw_ask(raw, &request);
}

static void what_another_session_has_is_listed(void **state) {
    struct raw maker, raw, narrow;
    int p[2];

    (void)state;
    guest_pipe(p);
    guest_open(&maker);
    guest_open(&narrow);
    reaching(&raw);
    uint64_t e = guest_evt(&maker, p[0], 6);
    raw_reply *reply = list_of(&raw, maker.session);
    assert_non_null(reply);
    assert_non_null(reply->list);
    assert_int_equal(reply->list->n_items, 2); /* with the descriptor */
    assert_int_equal(reply->list->items[1]->id, e);
    assert_int_equal(reply->list->items[1]->session, maker.session);
    raw_free(reply);
    assert_int_equal(raw_code(list_of(&raw, 0)), 0);
    assert_int_equal(raw_code(list_of(&raw, e)), INVALID);
    assert_int_equal(raw_code(list_of(&narrow, maker.session)), NOT_FOUND);
    assert_int_equal(raw_code(list_of(&narrow, narrow.session)), 0);
}

static void a_private_session_is_left_out(void **state) {
    struct raw maker, raw;
    Portd__V1__Hello hello = usual();
    int p[2];

    (void)state;
    guest_pipe(p);
    hello.private_ = 1;
    enter(&maker, hello, NULL, 0);
    reaching(&raw);
    uint64_t e = guest_evt(&maker, p[0], 6);
    assert_int_equal(cause_of(&raw, e), -NOT_FOUND);
    assert_int_equal(raw_remove(&raw, e), NOT_FOUND);
    assert_int_equal(raw_code(list_of(&raw, maker.session)), NOT_FOUND);
    hello = usual();
    hello.token = maker.token;
    hello.reach = 1;
    guest_close(&raw);
    enter(&raw, hello, NULL, 0); /* from inside it is found */
    assert_int_equal(cause_of(&raw, e), 0);
    struct owner owner = make_owner();
    struct raw open;
    enter(&open, of(1), &owner.fd, 1);
    hello = of(1);
    hello.private_ = 1;
    is_refused(hello, INVALID, &owner.fd, 1); /* that there is is not private */
}

/* The session of who waits ends, and not that of what is waited for. */
static void a_wait_ends_with_its_own_session(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    struct raw maker, raw;
    int p[2];

    (void)state;
    guest_pipe(p);
    guest_open(&maker);
    reaching(&raw);
    uint64_t e = guest_evt(&maker, p[0], 6);
    assert_int_equal(raw_start_wait(&raw, 9, e), 0);
    guest_is_served(&raw);
    end.id = raw.session;
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    assert_int_equal(raw_code(raw_ask(&maker, &request)), 0);
    guest_is_woken(&raw, 9, e, PORTD__V1__CAUSE__CAUSE_EXPIRED);
    assert_int_equal(raw_until_end(&raw), 0);
    assert_int_equal(cause_of(&maker, e), 0);
    reaching(&raw);
    assert_int_equal(raw_start_wait(&raw, 9, e), 0);
    guest_is_served(&raw);
    guest_close(&maker); /* and the other way round */
    guest_is_woken(&raw, 9, e, PORTD__V1__CAUSE__CAUSE_EXPIRED);
}

static void a_handle_ends_with_the_session_that_asked(void **state) {
    struct raw maker, raw, third;
    int p[2], q[2];

    (void)state;
    guest_pipe(p);
    guest_pipe(q);
    guest_open(&maker);
    reaching(&raw);
    reaching(&third);
    uint64_t e = guest_evt(&maker, p[0], 5), s = guest_semaphore(&maker, q[0], 6);
    int own = handle_of(&maker, e), lent = handle_of(&raw, e), of_s = handle_of(&raw, s),
        other = handle_of(&third, e);
    assert_true(own >= 0 && lent >= 0 && of_s >= 0 && other >= 0);
    assert_false(is_ready(own) || is_ready(lent) || is_ready(of_s) || is_ready(other));
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_true(is_ready(own) && is_ready(lent) && is_ready(other));
    char byte;
    assert_int_equal(read(p[0], &byte, 1), 1);
    assert_false(is_ready(own) || is_ready(lent) || is_ready(other));
    guest_close(&raw);
    assert_true(fixture_poll(lent, POLLIN) & POLLIN);
    assert_true(fixture_poll(of_s, POLLIN) & POLLIN);
    assert_false(is_ready(own) || is_ready(other));
    assert_int_equal(raw_remove(&maker, e), 0);
    assert_true(fixture_poll(own, POLLIN) & POLLIN);
    assert_true(fixture_poll(other, POLLIN) & POLLIN);
    guest_close(&maker);
    guest_is_served(&third);
    fixture_until_fds(fixture_broker(), 1);
}

/* ---- pid namespaces --------------------------------------------------------------------------------------------------- */

enum { CANNOT = 100 };

/* What a hello with this process as an owner is answered. */
static int own_from_inside(int form) {
    Portd__V1__Hello hello = usual();
    uint32_t self = (uint32_t)getpid();
    struct raw raw;
    int fd = -1;

    if (form == 0) {
        hello.owner_pid = self;
    } else if (form == 1) {
        hello.owner_pids = &self;
        hello.n_owner_pids = 1;
    } else if (form == 2) {
        hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_PID;
        hello.numbers_pid = self;
    } else {
        hello.owners_attached = 1;
        fd = (int)syscall(SYS_pidfd_open, (pid_t)self, 0);
    }
    if (raw_connect(&raw, fixture_address()) < 0)
        return -1;
    return raw_hello_with(&raw, &hello, &fd, fd < 0 ? 0 : 1);
}

static int be_inside(void) {
    for (int form = 0; form < 3; form++)
        if (own_from_inside(form) != INVALID)
            return 1 + form;
    return own_from_inside(3) == 0 ? 0 : 4;
}

static int enter_namespace(void *data) {
    int status;

    (void)data;
    if (unshare(CLONE_NEWPID) < 0)
        return CANNOT;
    pid_t child = fork();
    if (child == 0)
        _exit(be_inside());
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 5;
}

/* Its own pid is another process's in the broker's namespace. */
static void pids_of_another_namespace_are_refused(void **state) {
    (void)state;
    int code = fixture_reap(fixture_fork(enter_namespace, NULL));
    if (code == CANNOT)
        test_skip("this machine makes no pid namespaces for it");
    assert_int_equal(code, 0);
}

TEST_MAIN(FIXTURE_CASE(any_owner_finds_it), FIXTURE_CASE(it_ends_with_the_last_owner),
          FIXTURE_CASE(the_one_that_it_owned_first), FIXTURE_CASE(the_process_of_the_numbers_first),
          FIXTURE_CASE(a_new_one_is_found_by_its_token_only),
          FIXTURE_CASE(one_that_is_to_be_found_is_not_made), FIXTURE_CASE(owners_are_named_in_one_way),
          FIXTURE_CASE(numbers_are_of_a_process), FIXTURE_CASE(numbers_attached_behind_pids),
          FIXTURE_CASE(numbers_by_token), FIXTURE_CASE(reach_finds_every_session),
          FIXTURE_CASE(what_another_session_has_is_listed), FIXTURE_CASE(a_private_session_is_left_out),
          FIXTURE_CASE(a_wait_ends_with_its_own_session),
          FIXTURE_CASE(a_handle_ends_with_the_session_that_asked),
          FIXTURE_CASE(pids_of_another_namespace_are_refused))
