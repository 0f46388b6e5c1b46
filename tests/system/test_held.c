/* test_held.c: descriptors that are held under names: who gets them, what is made by them, and how they end. */
#define _GNU_SOURCE

#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    EXISTS = PORTD__V1__CODE__CODE_EXISTS,
    DENIED = PORTD__V1__CODE__CODE_DENIED,
    INVALID = PORTD__V1__CODE__CODE_INVALID,
    MISMATCH = PORTD__V1__CODE__CODE_MISMATCH,
    NOT_FOUND = PORTD__V1__CODE__CODE_NOT_FOUND,
    BUNDLE = 252
};

/* ---- requests ----------------------------------------------------------------------------------------------------- */

struct named {
    char *names[BUNDLE + 1];
    size_t n;
    char *owner;
    uint64_t expects[BUNDLE];
    size_t n_expects;
    Portd__V1__Lease *lease;
};

static char empty[] = "";

static struct named one(char *name) {
    struct named named = {.n = 1, .owner = empty};
    named.names[0] = name;
    return named;
}

/* The code; the ids into ids, unless NULL. */
static int ask_put(struct raw *raw, struct named *named, const int *fds, size_t n_fds, uint64_t *ids) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Put put = PORTD__V1__PUT__INIT;
    raw_reply *reply;
    put.owner = named->owner;
    put.names = named->names;
    put.n_names = named->n;
    put.expects = named->expects;
    put.n_expects = named->n_expects;
    put.lease = named->lease;
    request.method_case = PORTD__V1__REQUEST__METHOD_PUT;
    request.put = &put;
    reply = raw_ask_fds(raw, &request, fds, n_fds);
    assert_non_null(reply);
    if (!reply->error)
        assert_int_equal(reply->put->n_descriptors, named->n);
    for (size_t i = 0; ids && !reply->error && i < named->n; i++)
        ids[i] = reply->put->descriptors[i];
    return raw_code(reply);
}

static uint64_t put(struct raw *raw, char *name, int fd) {
    struct named named = one(name);
    uint64_t id = 0;
    assert_int_equal(ask_put(raw, &named, &fd, 1, &id), 0);
    assert_true(id != 0);
    return id;
}

/* The code; the descriptors are in raw->fds. */
static int ask_get(struct raw *raw, struct named *named, bool take) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Get get = PORTD__V1__GET__INIT;
    get.owner = named->owner;
    get.names = named->names;
    get.n_names = named->n;
    get.expects = named->expects;
    get.n_expects = named->n_expects;
    get.take = take;
    request.method_case = PORTD__V1__REQUEST__METHOD_GET;
    request.get = &get;
    return raw_code(raw_ask(raw, &request));
}

/* Belongs to the case. */
static int get(struct raw *raw, char *name) {
    struct named named = one(name);
    assert_int_equal(ask_get(raw, &named, false), 0);
    assert_int_equal(raw->n_fds, 1);
    raw->n_fds = 0;
    return fixture_own(raw->fds[0]);
}

static void make_drop(raw_request *request, Portd__V1__Drop *drop, struct named *named) {
    drop->owner = named->owner;
    drop->names = named->names;
    drop->n_names = named->n;
    drop->expects = named->expects;
    drop->n_expects = named->n_expects;
    request->method_case = PORTD__V1__REQUEST__METHOD_DROP;
    request->drop = drop;
}

static int ask_drop(struct raw *raw, struct named *named) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Drop drop = PORTD__V1__DROP__INIT;
    make_drop(&request, &drop, named);
    return raw_code(raw_ask(raw, &request));
}

static int drop(struct raw *raw, char *name) {
    struct named named = one(name);
    return ask_drop(raw, &named);
}

/* How many are held; the names of the first ones into `names`. */
static size_t count_held(struct raw *raw, char names[][256], size_t room) {
    size_t n = 0;
    uint64_t after = 0;
    bool more = true;
    while (more) {
        raw_request request = PORTD__V1__REQUEST__INIT;
        Portd__V1__Holds holds = PORTD__V1__HOLDS__INIT;
        holds.after = after;
        request.method_case = PORTD__V1__REQUEST__METHOD_HOLDS;
        request.holds = &holds;
        raw_reply *reply = raw_ask(raw, &request);
        assert_non_null(reply);
        assert_null(reply->error);
        for (size_t i = 0; i < reply->holds->n_holds; i++, n++)
            if (n < room)
                (void)snprintf(names[n], sizeof names[n], "%s", reply->holds->holds[i]->name);
        more = reply->holds->more;
        after = reply->holds->next;
        raw_free(reply);
    }
    return n;
}

/* By hold: the id of a semaphore or an event; 0: none, and the code in *code. */
static uint64_t made_by(struct raw *raw, char *name, bool evt, Portd__V1__Mode mode, int *code) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt descriptor_evt = PORTD__V1__DESCRIPTOR_EVT__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    descriptor.hold = descriptor_evt.hold = name;
    descriptor.mode = descriptor_evt.mode = mode;
    request.method_case =
        evt ? PORTD__V1__REQUEST__METHOD_FD_TO_EVT : PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    if (evt)
        request.fd_to_evt = &descriptor_evt;
    else
        request.file_descriptor_to_semaphore = &descriptor;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    uint64_t id = reply->error ? 0 : reply->fd_to_evt->id;
    int is = raw_code(reply);
    if (code)
        *code = is;
    else
        assert_int_equal(is, 0);
    return id;
}

static uint64_t evt_by(struct raw *raw, char *name) {
    uint64_t id = made_by(raw, name, true, PORTD__V1__MODE__MODE_READ, NULL);
    assert_true(id != 0);
    return id;
}

/* The code; the ports. */
static int wrap_by(struct raw *raw, char *name, bool read, bool write, uint64_t ports[2]) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapFileDescriptor wrap = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;
    wrap.hold = name;
    wrap.read = read;
    wrap.write = write;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT;
    request.file_descriptor_to_port = &wrap;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    if (!reply->error) {
        ports[0] = reply->file_descriptor_to_port->input;
        ports[1] = reply->file_descriptor_to_port->output;
    }
    return raw_code(reply);
}

static void same_file(int a, int b) {
    struct stat one_status, other;
    assert_return_code(fstat(a, &one_status), errno);
    assert_return_code(fstat(b, &other), errno);
    assert_int_equal(one_status.st_ino, other.st_ino);
    assert_int_equal(one_status.st_dev, other.st_dev);
    assert_int_equal(fcntl(a, F_GETFL), fcntl(b, F_GETFL));
}

static bool has_no_reader(int pipe) {
    struct pollfd asked = {.fd = pipe, .events = POLLOUT};
    return poll(&asked, 1, 0) == 1 && asked.revents & POLLERR;
}

/* Ready for that cause, at once. */
static void is_ready(struct raw *raw, uint64_t id, Portd__V1__Cause cause) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;
    Portd__V1__Cause is = PORTD__V1__CAUSE__CAUSE_NONE;
    wait.ids = &id;
    wait.n_ids = 1;
    wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
    wait.limit_us = 0;
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = &wait;
    assert_int_equal(raw_ready(raw_ask(raw, &request), &is), cause ? id : 0);
    assert_int_equal(is, cause);
}

/* ---- put and get -------------------------------------------------------------------------------------------------- */

static void outlives_who_put_it(void **state) {
    struct raw maker, other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&maker);
    put(&maker, "a pipe", ends[0]);
    guest_close(&maker);
    fixture_close(ends[0]);
    int copy = get(&other, "a pipe");
    assert_int_equal(write(ends[1], "x", 1), 1);
    char byte;
    assert_int_equal(read(copy, &byte, 1), 1);
    fixture_close(copy);
    assert_int_equal(drop(&other, "a pipe"), 0);
    assert_true(has_no_reader(ends[1])); /* the answer comes when it is closed */
}

static void is_the_same_open_file(void **state) {
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    put(&raw, "it", ends[0]);
    same_file(get(&raw, "it"), ends[0]);
    assert_int_equal(drop(&raw, "it"), 0);
}

static void a_name_has_one_descriptor(void **state) {
    struct raw raw;
    int ends[2];
    uint64_t ids[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    uint64_t id = put(&raw, "name", ends[0]), evt = evt_by(&raw, "name");
    struct named named = one("name");
    assert_int_equal(ask_put(&raw, &named, &ends[1], 1, ids), EXISTS);
    named.n_expects = 1;
    named.expects[0] = id + 8;
    assert_int_equal(ask_put(&raw, &named, &ends[1], 1, ids), EXISTS);
    assert_int_equal(ask_drop(&raw, &named), EXISTS);
    assert_int_equal(ask_get(&raw, &named, true), EXISTS);
    is_ready(&raw, evt, PORTD__V1__CAUSE__CAUSE_NONE);
    same_file(get(&raw, "name"), ends[0]);
    named.expects[0] = id;
    assert_int_equal(ask_put(&raw, &named, &ends[1], 1, ids), 0);
    assert_true(ids[0] != id);
    is_ready(&raw, evt, PORTD__V1__CAUSE__CAUSE_REPLACED);
    same_file(get(&raw, "name"), ends[1]);
    named.names[0] = "no such name";
    assert_int_equal(ask_put(&raw, &named, &ends[1], 1, ids), NOT_FOUND);
    assert_int_equal(drop(&raw, "name"), 0);
    assert_int_equal(drop(&raw, "name"), NOT_FOUND);
}

static void take_leaves_nothing(void **state) {
    struct raw raw;
    int ends[2];
    struct named named = one("taken");

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    put(&raw, "taken", ends[0]);
    uint64_t evt = evt_by(&raw, "taken");
    assert_int_equal(ask_get(&raw, &named, true), 0);
    assert_int_equal(raw.n_fds, 1);
    same_file(raw.fds[0], ends[0]);
    raw_close_fds(&raw);
    is_ready(&raw, evt, PORTD__V1__CAUSE__CAUSE_REMOVED);
    assert_int_equal(ask_get(&raw, &named, true), NOT_FOUND);
    assert_int_equal(count_held(&raw, NULL, 0), 0);
}

/* ---- bundles ------------------------------------------------------------------------------------------------------ */

static char bundle_names[BUNDLE + 1][32];

static struct named bundle_of(size_t n) {
    struct named named = {.n = n, .owner = empty};
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(bundle_names[i], sizeof bundle_names[i], "part %zu", i);
        named.names[i] = bundle_names[i];
    }
    return named;
}

static void a_bundle_keeps_its_order(void **state) {
    static char names[BUNDLE][256];
    struct named named = bundle_of(BUNDLE);
    int fds[BUNDLE];
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < BUNDLE; i += 2)
        guest_pipe(fds + i);
    guest_open(&raw);
    assert_int_equal(ask_put(&raw, &named, fds, BUNDLE, NULL), 0);
    assert_int_equal(ask_get(&raw, &named, false), 0);
    assert_int_equal(raw.n_fds, BUNDLE);
    for (size_t i = 0; i < BUNDLE; i++)
        same_file(raw.fds[i], fds[i]);
    raw_close_fds(&raw);
    assert_int_equal(count_held(&raw, names, BUNDLE), BUNDLE);
    for (size_t i = 0; i < BUNDLE; i++)
        assert_string_equal(names[i], bundle_names[i]);
    assert_int_equal(ask_drop(&raw, &named), 0);
    assert_int_equal(count_held(&raw, NULL, 0), 0);
}

/* Whatever is wrong with one of them, none is held, and all are closed. */
static void a_bundle_is_all_or_nothing(void **state) {
    struct named named = bundle_of(3);
    struct raw raw;
    int fds[4], path = fixture_own(open("/", O_PATH | O_CLOEXEC));

    (void)state;
    guest_pipe(fds);
    guest_pipe(fds + 2);
    guest_open(&raw);
    put(&raw, "held", fds[3]);
    named.names[2] = "held";
    assert_int_equal(ask_put(&raw, &named, fds, 3, NULL), EXISTS);
    named.names[2] = named.names[0];
    assert_int_equal(ask_put(&raw, &named, fds, 3, NULL), INVALID);
    named.names[2] = bundle_names[2];
    assert_int_equal(ask_put(&raw, &named, fds, 2, NULL), MISMATCH);
    assert_int_equal(ask_put(&raw, &named, fds, 4, NULL), MISMATCH);
    assert_int_equal(ask_put(&raw, &named, (int[]){fds[0], fds[1], path}, 3, NULL), INVALID);
    assert_int_equal(ask_put(&raw, &named, (int[]){fds[0], raw.fd, fds[1]}, 3, NULL), INVALID);
    assert_int_equal(ask_get(&raw, &named, true), NOT_FOUND);
    assert_int_equal(count_held(&raw, NULL, 0), 1);
    named.names[2] = "held";
    assert_int_equal(ask_drop(&raw, &named), NOT_FOUND);
    assert_int_equal(count_held(&raw, NULL, 0), 1);
    named = bundle_of(0);
    assert_int_equal(ask_put(&raw, &named, NULL, 0, NULL), INVALID);
    assert_int_equal(ask_get(&raw, &named, false), INVALID);
    assert_int_equal(drop(&raw, "held"), 0);
    guest_until_closed(&raw);
    fixture_until_fds(fixture_broker(), 1);
}

static void names_are_checked(void **state) {
    struct raw raw;
    int ends[2];
    char longest[257];
    struct named named = one(longest);

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    memset(longest, 'n', 256);
    longest[256] = 0;
    assert_int_equal(ask_put(&raw, &named, ends, 1, NULL), INVALID);
    longest[255] = 0;
    assert_int_equal(ask_put(&raw, &named, ends, 1, NULL), 0);
    assert_int_equal(drop(&raw, longest), 0);
    named.names[0] = empty;
    assert_int_equal(ask_put(&raw, &named, ends, 1, NULL), INVALID);
    named.names[0] = "\xff";
    assert_int_equal(ask_put(&raw, &named, ends, 1, NULL), INVALID);
    named.names[0] = "name";
    named.owner = "-1";
    assert_int_equal(ask_put(&raw, &named, ends, 1, NULL), INVALID);
    named.owner = "99999999999999999999999";
    assert_int_equal(ask_put(&raw, &named, ends, 1, NULL), INVALID);
    assert_int_equal(count_held(&raw, NULL, 0), 0);
}

/* ---- objects ------------------------------------------------------------------------------------------------------ */

static void sessions_have_objects_of_their_own(void **state) {
    struct raw a, b;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&a);
    guest_open(&b);
    put(&a, "it", ends[0]);
    uint64_t evt = evt_by(&a, "it"), other = evt_by(&b, "it");
    assert_int_equal(evt_by(&a, "it"), evt);
    assert_true(other != evt);
    assert_int_equal(made_by(&a, "it", true, PORTD__V1__MODE__MODE_CHECK_READ, NULL), evt);
    assert_int_equal(made_by(&a, "it", true, PORTD__V1__MODE__MODE_CHECK_WRITE, NULL), 0);
    assert_int_equal(made_by(&a, "it", false, PORTD__V1__MODE__MODE_CHECK_READ, NULL), 0);
    assert_int_equal(made_by(&a, "it", true, PORTD__V1__MODE__MODE_REMOVE, NULL), 0);
    is_ready(&a, evt, PORTD__V1__CAUSE__CAUSE_REMOVED);
    is_ready(&b, other, PORTD__V1__CAUSE__CAUSE_NONE);
    uint64_t semaphore = made_by(&b, "it", false, PORTD__V1__MODE__MODE_READ, NULL);
    assert_int_equal(raw_start_wait(&b, 1000, semaphore), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    guest_is_woken(&b, 1000, semaphore, PORTD__V1__CAUSE__CAUSE_READY);
    is_ready(&b, other, PORTD__V1__CAUSE__CAUSE_READY);
    assert_int_equal(drop(&a, "it"), 0);
}

/* A number and a hold are two things, also where the integers are the same. */
static void a_number_is_no_hold(void **state) {
    struct raw raw;
    int ends[2], code;

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    put(&raw, "it", ends[0]);
    uint64_t evt = evt_by(&raw, "it");
    for (int64_t number = 0; number < 8; number++) {
        uint64_t found;
        assert_int_equal(raw_evt(&raw, -1, number, PORTD__V1__MODE__MODE_CHECK_READ, &found), 0);
        assert_int_equal(found, 0);
        assert_int_equal(raw_evt(&raw, -1, number, PORTD__V1__MODE__MODE_REMOVE, &found), 0);
    }
    is_ready(&raw, evt, PORTD__V1__CAUSE__CAUSE_NONE);
    assert_int_equal(made_by(&raw, "nothing", true, PORTD__V1__MODE__MODE_READ, &code), 0);
    assert_int_equal(code, NOT_FOUND);
    assert_int_equal(drop(&raw, "it"), 0);
}

static void ports_move_bytes(void **state) {
    struct raw raw;
    int ends[2];
    uint64_t ports[2];

    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), errno);
    fixture_own(ends[0]);
    fixture_own(ends[1]);
    guest_open(&raw);
    put(&raw, "it", ends[0]);
    fixture_close(ends[0]);
    assert_int_equal(wrap_by(&raw, "it", false, false, ports), INVALID);
    assert_int_equal(wrap_by(&raw, "it", true, true, ports), 0);
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Port port = PORTD__V1__PORT__INIT;
    port.id = ports[0];
    request.method_case = PORTD__V1__REQUEST__METHOD_PORT_TO_FILE_DESCRIPTOR;
    request.port_to_file_descriptor = &port;
    raw_reply *reply = raw_ask(&raw, &request);
    assert_non_null(reply);
    assert_null(reply->error);
    assert_false(reply->port_to_file_descriptor->found); /* no process has a number for it */
    raw_free(reply);
    uint8_t bytes[RAW_HEADER + RAW_WRITE_MAX];
    assert_int_equal(raw_send(&raw, bytes, raw_pack_write(bytes, 500, ports[1], 3), NULL, 0), 0);
    guest_is_told(&raw, 500, 0);
    assert_int_equal(read(ends[1], bytes, 8), 3);
    assert_int_equal(drop(&raw, "it"), 0);
    assert_int_equal(recv(ends[1], bytes, 8, MSG_DONTWAIT), 0); /* the ports have ended, too */
    assert_int_equal(raw_send(&raw, bytes, raw_pack_write(bytes, 501, ports[1], 3), NULL, 0), 0);
    guest_is_told(&raw, 501, PORTD__V1__CODE__CODE_CLOSED);
}

static void what_waits_is_told_of_the_end(void **state) {
    enum { GUESTS = 32 };
    static struct raw guests[GUESTS];
    uint64_t evts[GUESTS];
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    put(&raw, "it", ends[0]);
    for (int i = 0; i < GUESTS; i++) {
        guest_open(&guests[i]);
        evts[i] = evt_by(&guests[i], "it");
        assert_int_equal(raw_start_wait(&guests[i], 1000, evts[i]), 0);
        guest_is_served(&guests[i]);
    }
    fixture_close(ends[0]);
    assert_int_equal(drop(&raw, "it"), 0);
    assert_true(has_no_reader(ends[1]));
    for (int i = 0; i < GUESTS; i++)
        guest_is_woken(&guests[i], 1000, evts[i], PORTD__V1__CAUSE__CAUSE_REMOVED);
}

/* A client that leaves before its drop is answered, and one that stops reading. */
static void who_does_not_wait_for_the_answer(void **state) {
    struct raw raw, other;
    int ends[2];
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Drop message = PORTD__V1__DROP__INIT;
    struct named named = one("it");

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&raw);
    put(&raw, "it", ends[0]);
    uint64_t evt = evt_by(&other, "it");
    fixture_hold_broker();
    make_drop(&request, &message, &named);
    request.id = 77;
    assert_int_equal(raw_send_request(&raw, &request, NULL, 0), 0);
    guest_close(&raw);
    fixture_continue_broker();
    assert_int_equal(raw_start_wait(&other, 1000, evt), 0);
    guest_is_woken(&other, 1000, evt, PORTD__V1__CAUSE__CAUSE_REMOVED);
    assert_int_equal(count_held(&other, NULL, 0), 0);
    guest_until_closed(&other);
    fixture_until_fds(fixture_broker(), 1);
}

/* ---- leases ------------------------------------------------------------------------------------------------------- */

static int ask_renew(struct raw *raw, struct named *named, const int *fds, size_t n_fds) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Renew renew = PORTD__V1__RENEW__INIT;
    renew.owner = named->owner;
    renew.names = named->names;
    renew.n_names = named->n;
    renew.lease = named->lease;
    request.method_case = PORTD__V1__REQUEST__METHOD_RENEW;
    request.renew = &renew;
    return raw_code(raw_ask_fds(raw, &request, fds, n_fds));
}

static void a_time_to_live_ends(void **state) {
    struct raw raw;
    int ends[2];
    Portd__V1__Lease lease = PORTD__V1__LEASE__INIT;
    struct named named = one("it");

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    put(&raw, "it", ends[0]);
    uint64_t evt = evt_by(&raw, "it");
    lease.ttl_us = 50000;
    named.lease = &lease;
    assert_int_equal(ask_renew(&raw, &named, NULL, 0), 0);
    assert_int_equal(raw_start_wait(&raw, 1000, evt), 0);
    guest_is_woken(&raw, 1000, evt, PORTD__V1__CAUSE__CAUSE_EXPIRED);
    assert_int_equal(drop(&raw, "it"), NOT_FOUND);
    lease.ttl_us = 1; /* from the beginning: it may have ended already when the answer comes */
    assert_int_equal(ask_put(&raw, &named, ends, 1, NULL), 0);
    while (count_held(&raw, NULL, 0) > 0)
        guest_is_served(&raw);
    lease.ttl_us = UINT64_MAX;
    assert_int_equal(ask_put(&raw, &named, ends, 1, NULL), INVALID);
}

static int sleep_for_ever(void *data) {
    (void)data;
    while (pause() < 0)
        continue;
    return 0;
}

static int pidfd_of(pid_t pid) { return fixture_own((int)syscall(SYS_pidfd_open, pid, 0)); }

static void a_process_ends(void **state) {
    struct raw raw;
    int ends[2];
    Portd__V1__Lease lease = PORTD__V1__LEASE__INIT;
    struct named named = bundle_of(2);

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    pid_t child = fixture_fork(sleep_for_ever, NULL);
    lease.process_attached = true;
    named.lease = &lease;
    assert_int_equal(ask_put(&raw, &named, (int[]){ends[0], ends[1], ends[0]}, 3, NULL), INVALID);
    assert_int_equal(ask_put(&raw, &named, ends, 2, NULL), MISMATCH);
    assert_int_equal(ask_put(&raw, &named, (int[]){ends[0], ends[1], pidfd_of(child)}, 3, NULL), 0);
    uint64_t evt = evt_by(&raw, bundle_names[0]);
    assert_int_equal(raw_start_wait(&raw, 1000, evt), 0);
    guest_is_served(&raw);
    assert_int_equal(count_held(&raw, NULL, 0), 2);
    fixture_end(child);
    guest_is_woken(&raw, 1000, evt, PORTD__V1__CAUSE__CAUSE_EXPIRED);
    guest_until_closed(&raw);
    assert_int_equal(count_held(&raw, NULL, 0), 0);
    fixture_until_fds(fixture_broker(), 1);
}

static void a_lease_is_renewed(void **state) {
    struct raw raw;
    int ends[2];
    Portd__V1__Lease lease = PORTD__V1__LEASE__INIT;
    struct named named = one("it");

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    pid_t child = fixture_fork(sleep_for_ever, NULL), second = fixture_fork(sleep_for_ever, NULL);
    lease.process_attached = true;
    named.lease = &lease;
    assert_int_equal(ask_put(&raw, &named, (int[]){ends[0], pidfd_of(child)}, 2, NULL), 0);
    uint64_t evt = evt_by(&raw, "it");
    int other = pidfd_of(second);
    assert_int_equal(ask_renew(&raw, &named, &ends[0], 1), INVALID);
    assert_int_equal(ask_renew(&raw, &named, &other, 1), 0);
    fixture_end(child);
    guest_is_served(&raw);
    is_ready(&raw, evt, PORTD__V1__CAUSE__CAUSE_NONE);
    named.lease = NULL;
    assert_int_equal(ask_renew(&raw, &named, NULL, 0), 0);
    fixture_end(second);
    guest_is_served(&raw);
    is_ready(&raw, evt, PORTD__V1__CAUSE__CAUSE_NONE);
    named.lease = &lease;
    lease.process_attached = false;
    lease.ttl_us = 1;
    assert_int_equal(ask_renew(&raw, &named, NULL, 0), 0);
    assert_int_equal(raw_start_wait(&raw, 1000, evt), 0);
    guest_is_woken(&raw, 1000, evt, PORTD__V1__CAUSE__CAUSE_EXPIRED);
}

/* ---- others ------------------------------------------------------------------------------------------------------- */

static void another_uid_has_no_right(void **state) {
    static struct fixture fixture;
    struct raw raw, other;
    int ends[2], code;
    struct named named = one("it");
    uint64_t ports[2];

    (void)state;
    guest_start_open(&fixture, 0);
    guest_pipe(ends);
    guest_open_at(&raw, fixture.address);
    put(&raw, "it", ends[0]);
    guest_connect_as(&other, 12345, fixture.address);
    assert_int_equal(raw_hello(&other), 0);
    assert_int_equal(drop(&other, "it"), NOT_FOUND); /* its own */
    named.owner = "0";
    for (int held = 0; held < 2; held++) {
        assert_int_equal(ask_get(&other, &named, false), DENIED);
        assert_int_equal(ask_get(&other, &named, true), DENIED);
        assert_int_equal(ask_drop(&other, &named), DENIED);
        assert_int_equal(ask_put(&other, &named, ends, 1, NULL), DENIED);
        assert_int_equal(ask_renew(&other, &named, NULL, 0), DENIED);
        named.names[0] = "nothing";
    }
    assert_int_equal(made_by(&other, "it", true, PORTD__V1__MODE__MODE_READ, &code), 0);
    assert_int_equal(code, NOT_FOUND);
    assert_int_equal(wrap_by(&other, "it", true, false, ports), NOT_FOUND);
    put(&other, "it", ends[1]);
    same_file(get(&other, "it"), ends[1]);
    same_file(get(&raw, "it"), ends[0]);
    assert_int_equal(count_held(&other, NULL, 0), 1);
    assert_int_equal(drop(&other, "it"), 0);
    assert_int_equal(drop(&raw, "it"), 0);
}

static void its_session_cannot_be_ended(void **state) {
    struct raw raw;
    int ends[2];
    uint64_t id = 0;

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    put(&raw, "it", ends[0]);
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;
    list.kind = PORTD__V1__KIND__KIND_SESSION;
    request.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    request.list = &list;
    raw_reply *reply = raw_ask(&raw, &request);
    assert_non_null(reply);
    for (size_t i = 0; i < reply->list->n_items; i++)
        if (strcmp(reply->list->items[i]->client, "held") == 0)
            id = reply->list->items[i]->id;
    raw_free(reply);
    assert_true(id != 0);
    raw_request end_request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    end.id = id;
    end_request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    end_request.end_session = &end;
    assert_int_equal(raw_code(raw_ask(&raw, &end_request)), INVALID);
    same_file(get(&raw, "it"), ends[0]);
    assert_int_equal(drop(&raw, "it"), 0);
}

static bool has_ended(void *data) {
    const struct fixture *broker = data;
    return fixture_process_state(broker->pid) == 'Z';
}

/* A broker that is started by itself stays for what it holds, and stops in an orderly way with it. One that holds nothing shows when the time is over. */
static void an_idle_broker_stays(void **state) {
    static struct fixture fixture, other;
    static const char *const options[] = {"--idle-exit", "1s", NULL};
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    fixture_start(&fixture, options);
    guest_open_at(&raw, fixture.address);
    put(&raw, "it", ends[0]);
    guest_close(&raw);
    fixture_start(&other, options);
    assert_true(fixture_until(has_ended, &other));
    guest_open_at(&raw, fixture.address);
    same_file(get(&raw, "it"), ends[0]);
    guest_close(&raw);
    fixture_stop(&fixture);
}

TEST_MAIN(FIXTURE_CASE(outlives_who_put_it), FIXTURE_CASE(is_the_same_open_file),
          FIXTURE_CASE(a_name_has_one_descriptor), FIXTURE_CASE(take_leaves_nothing),
          FIXTURE_CASE(a_bundle_keeps_its_order), FIXTURE_CASE(a_bundle_is_all_or_nothing),
          FIXTURE_CASE(names_are_checked), FIXTURE_CASE(sessions_have_objects_of_their_own),
          FIXTURE_CASE(a_number_is_no_hold), FIXTURE_CASE(ports_move_bytes),
          FIXTURE_CASE(what_waits_is_told_of_the_end), FIXTURE_CASE(who_does_not_wait_for_the_answer),
          FIXTURE_CASE(a_time_to_live_ends), FIXTURE_CASE(a_process_ends), FIXTURE_CASE(a_lease_is_renewed),
          FIXTURE_CASE_BARE(another_uid_has_no_right), FIXTURE_CASE(its_session_cannot_be_ended),
          FIXTURE_CASE_BARE(an_idle_broker_stays))
