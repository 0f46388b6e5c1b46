/* test_charged.c: every in-flight request is charged to its session before it starts. A session that has used up its bytes is
 * refused each kind that takes more; requests that release something succeed, and nothing stays charged. */
#include "guest.h"

#include <fcntl.h>
#include <sys/socket.h>

enum {
    OK = 0,
    LIMIT = PORTD__V1__CODE__CODE_LIMIT,
    MOST = 65536,
    READS = 1400 /* of that size: more than a session may have in flight */
};

/* A session with two descriptors, one of them wrapped. */
struct world {
    struct raw raw;
    int ends[2], pipe[2];
    uint64_t input, evt;
    uint64_t next; /* number of a request */
};

static void world_open(struct world *world) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapFileDescriptor wrap = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;
    raw_reply *reply;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, world->ends), 0);
    fixture_own(world->ends[0]);
    fixture_own(world->ends[1]);
    guest_pipe(world->pipe);
    guest_open(&world->raw);
    world->evt = guest_evt(&world->raw, world->pipe[0], 5);
    wrap.number = 4;
    wrap.name = (char[]){"guest"};
    wrap.read = true;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT;
    request.file_descriptor_to_port = &wrap;
    reply = raw_ask_fds(&world->raw, &request, world->ends, 1);
    assert_non_null(reply);
    assert_null(reply->error);
    world->input = reply->file_descriptor_to_port->input;
    raw_free(reply);
    world->next = 1000000;
}

/* Reads that nobody answers, as many of that size as are taken. */
static void park_reads(struct world *world, uint32_t most, int times) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Read read = PORTD__V1__READ__INIT;

    read.id = world->input;
    read.most = most;
    request.method_case = PORTD__V1__REQUEST__METHOD_READ;
    request.read = &read;
    for (int i = 0; i < times; i++) {
        request.id = world->next++;
        assert_int_equal(raw_send_request(&world->raw, &request, NULL, 0), 0);
        if (i % 64 == 63)
            guest_is_served(&world->raw);
    }
    guest_is_served(&world->raw);
}

static void use_up_bytes(struct world *world) {
    park_reads(world, MOST, READS);
    for (uint32_t most = MOST / 2; most; most /= 2)
        park_reads(world, most, 3);
}

static int shut(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Shutdown shutdown = PORTD__V1__SHUTDOWN__INIT;

    shutdown.id = id;
    shutdown.write = true;
    request.method_case = PORTD__V1__REQUEST__METHOD_SHUTDOWN;
    request.shutdown = &shutdown;
    return raw_code(raw_ask(raw, &request));
}

static int ask_addresses(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Port addresses = PORTD__V1__PORT__INIT;

    addresses.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_ADDRESSES;
    request.addresses = &addresses;
    return raw_code(raw_ask(raw, &request));
}

static int close_port(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Close close = PORTD__V1__CLOSE__INIT;

    close.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_CLOSE;
    request.close = &close;
    return raw_code(raw_ask(raw, &request));
}

static bool nothing_is_charged(void *data) {
    struct raw *raw = data;
    uint64_t limit;

    return guest_quota(raw, "waits", &limit) == 0;
}

static void what_takes_more_is_refused(void **state) {
    struct world world;

    (void)state;
    world_open(&world);
    assert_int_equal(shut(&world.raw, world.input), OK);
    assert_int_equal(ask_addresses(&world.raw, world.input), OK);
    use_up_bytes(&world);
    assert_int_equal(shut(&world.raw, world.input), LIMIT);
    assert_int_equal(ask_addresses(&world.raw, world.input), LIMIT);
    guest_is_served(&world.raw);
}

static void what_gives_back_gets_through(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    struct world world;
    struct raw other;

    (void)state;
    world_open(&world);
    use_up_bytes(&world);
    assert_int_equal(raw_remove(&world.raw, world.evt), OK);
    assert_int_equal(close_port(&world.raw, world.input), OK);
    assert_true(fixture_until(nothing_is_charged, &world.raw));
    world_open(&world);
    use_up_bytes(&world);
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    assert_int_equal(raw_code(raw_ask(&world.raw, &request)), OK);
    guest_open(&other);
    assert_true(fixture_until(nothing_is_charged, &other));
}

/* ---- pages of a monitor ------------------------------------------------------------------------------------------------ */

enum {
    NOTICED = 80,
    PAGE = 256,
    FREE = 8192,     /* bytes that come with a connection */
    LEFT = FREE / 8, /* and are left of the session */
    MOST_OF_PAGE = FREE + 2 * LEFT
};

static raw_reply *monitor(struct raw *raw, uint64_t after) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Monitor monitor = PORTD__V1__MONITOR__INIT;

    monitor.start_case = PORTD__V1__MONITOR__START_AFTER;
    monitor.after = after;
    monitor.limit_case = PORTD__V1__MONITOR__LIMIT_LIMIT_US;
    request.method_case = PORTD__V1__REQUEST__METHOD_MONITOR;
    request.monitor = &monitor;
    raw_reply *reply = raw_ask(raw, &request);
    assert_non_null(reply);
    assert_null(reply->error);
    return reply;
}

static void give_one_back(struct world *world, uint64_t read) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Cancel cancel = PORTD__V1__CANCEL__INIT;

    cancel.request = read;
    request.method_case = PORTD__V1__REQUEST__METHOD_CANCEL;
    request.cancel = &cancel;
    assert_int_equal(raw_code(raw_ask(&world->raw, &request)), OK);
}

/* A page takes no more than what may be left unread, and the next one goes on there. */
static void a_page_is_as_long_as_may_be_left_unread(void **state) {
    struct world world;

    (void)state;
    world_open(&world);
    for (int i = 0; i < NOTICED; i++)
        assert_int_equal(raw_remove(&world.raw, guest_evt(&world.raw, world.pipe[0], 9)), OK);
    raw_reply *reply = monitor(&world.raw, 0);
    assert_int_equal(reply->monitor->n_notices, PAGE);
    assert_true(portd__v1__notices__get_packed_size(reply->monitor) > MOST_OF_PAGE);
    raw_free(reply);
    uint64_t first = world.next;
    park_reads(&world, LEFT, 1);
    use_up_bytes(&world);
    give_one_back(&world, first);
    uint64_t seen = 0, cursor = 0;
    for (int pages = 0; seen < PAGE; pages++) {
        reply = monitor(&world.raw, cursor);
        assert_in_range(reply->monitor->n_notices, 1, PAGE);
        assert_true(portd__v1__notices__get_packed_size(reply->monitor) <= MOST_OF_PAGE);
        seen += reply->monitor->n_notices;
        cursor = reply->monitor->cursor;
        raw_free(reply);
        assert_in_range(pages, 0, PAGE);
    }
    guest_is_served(&world.raw);
}

TEST_MAIN(FIXTURE_CASE(what_takes_more_is_refused), FIXTURE_CASE(what_gives_back_gets_through),
          FIXTURE_CASE(a_page_is_as_long_as_may_be_left_unread))
