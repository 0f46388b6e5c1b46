/* test_charged.c: every in-flight request is charged to its session before it starts. A session that has used up its bytes is
 * refused each kind that takes more; requests that release something succeed, and nothing stays charged. So are the groups of a connection. */
#include "guest.h"

#include "proto/peer.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>

enum {
    OK = 0,
    LIMIT = PORTD__V1__CODE__CODE_LIMIT,
    MOST = 65536,
    OTHER_UID = 1000,
    TABLE = 2200,
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

/* ---- credentials -------------------------------------------------------------------------------------------------------- */

/* Reads of a pipe that stays empty, of that size, until one is refused: its code. */
static int park_empty(struct raw *raw, uint64_t port, uint32_t most) {
    raw_request request = PORTD__V1__REQUEST__INIT, after = PORTD__V1__REQUEST__INIT;
    Portd__V1__Read read = PORTD__V1__READ__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    int code = 0;

    read.id = port;
    read.most = most;
    request.method_case = PORTD__V1__REQUEST__METHOD_READ;
    request.read = &read;
    after.id = UINT64_C(1) << 62;
    after.method_case = PORTD__V1__REQUEST__METHOD_PING;
    after.ping = &ping;
    for (request.id = (uint64_t)most << 32; !code; request.id++) {
        if (raw_send_request(raw, &request, NULL, 0) || raw_send_request(raw, &after, NULL, 0))
            return -1;
        raw_reply *reply = raw_next(raw, NULL);
        if (reply && reply->id == request.id) {
            code = raw_code(reply);
            reply = raw_next(raw, NULL);
        }
        if (raw_code(reply))
            return -1;
    }
    return code;
}

/* A session with as many reads as it may have: that leaves its uid a few hundred KiB. */
static int use_up_uid(struct raw *raw, const char *address) {
    int pipes[2];

    if (raw_open(raw, address) || pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    uint64_t port = guest_wrap(raw, pipes[0], "empty");
    for (uint32_t most = 65536; most >= 4096; most /= 16)
        if (park_empty(raw, port, most) != LIMIT)
            return -1;
    return 0;
}

/* Connects until its supplementary groups, which are charged for each connection, take what is left of its bytes. 0: then it is told so. */
static int have_many_groups(void *data) {
    enum { GROUPS = PEER_GROUPS_MOST, CROWD = 128 }; /* connections of 4 KiB each */
    static gid_t groups[GROUPS];
    static struct raw reader, crowd[CROWD];
    const char *address = data;
    struct raw late;
    size_t n = 0;

    for (size_t i = 0; i < GROUPS; i++)
        groups[i] = (gid_t)(1000 + i);
    if (setgroups(GROUPS, groups) || setresgid(OTHER_UID, OTHER_UID, OTHER_UID) ||
        setresuid(OTHER_UID, OTHER_UID, OTHER_UID))
        return 1;
    if (use_up_uid(&reader, address))
        return 5;
    while (n < CROWD && raw_open(&crowd[n], address) == 0)
        n++;
    if (n < 2 || n == CROWD || raw_connect(&late, address))
        return 2;
    raw_reply *reply = raw_next(&late, NULL);
    if (!reply || !reply->error || !strstr(reply->error->message, "limit of bytes"))
        return 3;
    return raw_code(reply) == LIMIT ? 0 : 4;
}

static void groups_of_connections_are_bytes(void **state) {
    static struct fixture broker;

    (void)state;
    guest_start_open(&broker, TABLE); /* so that their number is not what is used up */
    assert_int_equal(fixture_reap(fixture_fork(have_many_groups, broker.address)), 0);
    fixture_until_fds(&broker, 0);
}

TEST_MAIN(FIXTURE_CASE(what_takes_more_is_refused), FIXTURE_CASE(what_gives_back_gets_through),
          FIXTURE_CASE(a_page_is_as_long_as_may_be_left_unread),
          FIXTURE_CASE_BARE(groups_of_connections_are_bytes))
