/* test_death.c: clients that are killed at various moments. Afterwards the broker has the descriptors it had before, nothing of
 * the killed client is open, and other clients notice nothing. */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

enum { PING = 11, WAIT = 16, HANDLE = 19, LIST = 20, STATUS = 22 };

struct victim {
    const char *address;
    void (*act)(const struct victim *victim);
    bool greeted; /* it says hello and makes a semaphore before it acts */
    int fd;       /* a descriptor of its own, to hand in */
    int told, go; /* pipes to and from the one who kills it */
    struct raw raw;
    uint64_t id;
};

/* A small request: one method with an empty message, or with one number in it. */
static size_t write_request(uint8_t *bytes, uint8_t id, unsigned method, uint64_t number) {
    const unsigned tag = method << 3 | 2;
    uint8_t body[32] = {0x08, id, (uint8_t)(tag & 0x7f) | 0x80, (uint8_t)(tag >> 7)};
    size_t length = 5;

    if (number) {
        body[length++] = 0x08;
        for (; number > 127; number >>= 7)
            body[length++] = (uint8_t)(number & 0x7f) | 0x80;
        body[length++] = (uint8_t)number;
    }
    body[4] = (uint8_t)(length - 5);
    raw_header(bytes, (uint32_t)length, 0, 0);
    memcpy(bytes + RAW_HEADER, body, length);
    return RAW_HEADER + length;
}

static size_t write_create(uint8_t *bytes, uint64_t request_id, int64_t number) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;

    descriptor.number = number;
    descriptor.mode = PORTD__V1__MODE__MODE_WRITE;
    request.id = request_id;
    request.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    request.fd_to_evt = &descriptor;
    return raw_pack(bytes, &request, 1);
}

/* ---- what they do last ------------------------------------------------------------------------------------------------------ */

static void do_nothing(const struct victim *victim) { (void)victim; }

static void send_half_a_header(const struct victim *victim) {
    (void)raw_send(&victim->raw, "\x08\x00\x00", 3, NULL, 0);
}

static void send_a_header(const struct victim *victim) {
    (void)raw_send(&victim->raw, "\x08\x00\x00\x00\x00\x00\x00\x00", 8, NULL, 0);
}

static void send_half_a_body(const struct victim *victim) {
    (void)raw_send(&victim->raw, "\x08\x00\x00\x00\x00\x00\x00\x00\x08\x01\x52", 11, NULL, 0);
}

static void send_half_a_body_with_descriptors(const struct victim *victim) {
    int copies[252];

    for (size_t i = 0; i < 252; i++)
        copies[i] = victim->fd;
    (void)raw_send(&victim->raw, "\x08\x00\x00\x00\xfc\x00\x00\x00\x08\x01\x52", 11, copies, 252);
}

static void send_a_header_with_a_descriptor(const struct victim *victim) {
    (void)raw_send(&victim->raw, "\x08\x00\x00\x00\x01\x00\x00\x00", 8, &victim->fd, 1);
}

static void say_hello(const struct victim *victim) {
    (void)raw_send_body(&victim->raw, "\x08\x01\x52\x04\x08\x01\x10\x01", 8, 0, NULL, 0);
}

static void say_hello_as_owner(const struct victim *victim) {
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);

    (void)raw_send_body(&victim->raw, "\x08\x01\x52\x06\x08\x01\x10\x01\x30\x01", 10, 1, &self, 1);
}

/* Each in a sendmsg of its own: many messages with descriptors lie in the queue. */
static void hand_in_many(const struct victim *victim) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];

    for (int64_t i = 0; i < 60; i++) {
        size_t size = write_create(bytes, 100 + (uint64_t)i, i);
        (void)raw_send_some(&victim->raw, bytes, size, &victim->fd, 1);
    }
}

/* The last one is only half there. */
static void hand_in_many_and_a_half(const struct victim *victim) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];

    hand_in_many(victim);
    (void)raw_send_some(&victim->raw, bytes, write_create(bytes, 500, 100) - 3, &victim->fd, 1);
}

static void lie(const struct victim *victim) {
    int copies[100];

    for (size_t i = 0; i < 100; i++)
        copies[i] = victim->fd;
    for (size_t i = 0; i < 5; i++)
        (void)raw_send_some(&victim->raw, "\x04\x00\x00\x00\x02\x00\x00\x00\x08\x01\x5a\x00", 12, copies,
                            100);
}

static void start_waits(const struct victim *victim) {
    for (uint64_t i = 0; i < 100; i++)
        (void)raw_start_wait(&victim->raw, 1000 + i, victim->id);
}

static void ask_for_handles(const struct victim *victim) {
    uint8_t bytes[64];

    for (uint8_t i = 1; i < 100; i++) {
        size_t size = write_request(bytes, i, HANDLE, victim->id);
        (void)raw_send_some(&victim->raw, bytes, size, NULL, 0);
    }
}

static void ask_and_never_read(const struct victim *victim) {
    static uint8_t bytes[200000];
    size_t size = 0;

    while (size + 64 < sizeof(bytes)) {
        size += write_request(bytes + size, 1, LIST, 0);
        size += write_request(bytes + size, 2, STATUS, 0);
    }
    (void)raw_send_some(&victim->raw, bytes, size, NULL, 0);
}

static void remove_and_make_again(const struct victim *victim) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];

    for (uint8_t i = 1; i < 30; i++) {
        size_t size = write_create(bytes, 100 + i, i);
        (void)raw_send_some(&victim->raw, bytes, size, &victim->fd, 1);
        size = write_request(bytes, i, 17, victim->id);
        (void)raw_send_some(&victim->raw, bytes, size, NULL, 0);
    }
}

static void send_garbage(const struct victim *victim) {
    (void)raw_send(&victim->raw, "\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, &victim->fd, 1);
}

/* ---- killing them ----------------------------------------------------------------------------------------------------------- */

static int be_killed(void *data) {
    struct victim *victim = data;
    char go;

    if (raw_connect(&victim->raw, victim->address))
        return 1;
    if (victim->greeted &&
        (raw_hello(&victim->raw) ||
         raw_semaphore(&victim->raw, victim->fd, 1000, PORTD__V1__MODE__MODE_READ, &victim->id)))
        return 2;
    if (write(victim->told, "o", 1) != 1 || read(victim->go, &go, 1) != 1)
        return 3;
    victim->act(victim);
    if (write(victim->told, "a", 1) != 1)
        return 4;
    (void)pause();
    return 5;
}

static void hear(int told, char what) {
    char byte = 0;

    assert_true(fixture_poll(told, POLLIN) & POLLIN);
    assert_int_equal(read(told, &byte, 1), 1);
    assert_int_equal(byte, what);
}

/* With the broker running, which has seen all of it, or held, which finds it in the queue of a dead client. */
static void kill_after(void (*act)(const struct victim *victim), bool greeted, bool held, struct raw *other) {
    struct victim victim = {.address = fixture_address(), .act = act, .greeted = greeted};
    int told[2], go[2], ends[2];

    guest_pipe(told);
    guest_pipe(go);
    guest_pipe(ends);
    assert_int_equal(fcntl(told[0], F_SETFL, 0), 0);
    assert_int_equal(fcntl(go[0], F_SETFL, 0), 0);
    victim.fd = ends[1];
    victim.told = told[1];
    victim.go = go[0];
    pid_t pid = fixture_fork(be_killed, &victim);
    fixture_close(ends[1]); /* from now on only the child and the broker have it */
    hear(told[0], 'o');
    if (held)
        fixture_hold_broker();
    assert_int_equal(write(go[1], "g", 1), 1);
    hear(told[0], 'a');
    if (!held)
        guest_is_served(other);
    fixture_end(pid);
    if (held)
        fixture_continue_broker();
    fixture_until_fds(fixture_broker(), 1);
    assert_true(fixture_poll(ends[0], 0) & POLLHUP);
    guest_is_served(other);
    fixture_close(ends[0]);
    fixture_close(told[0]);
    fixture_close(told[1]);
    fixture_close(go[0]);
    fixture_close(go[1]);
}

static void kill_all(bool held) {
    static const struct {
        void (*act)(const struct victim *victim);
        bool greeted;
    } ways[] = {{do_nothing, false},
                {send_half_a_header, false},
                {send_a_header, false},
                {send_half_a_body, false},
                {send_half_a_body_with_descriptors, false},
                {send_a_header_with_a_descriptor, false},
                {say_hello, false},
                {say_hello_as_owner, false},
                {lie, false},
                {send_garbage, false},
                {do_nothing, true},
                {send_half_a_header, true},
                {send_half_a_body_with_descriptors, true},
                {send_a_header_with_a_descriptor, true},
                {hand_in_many, true},
                {hand_in_many_and_a_half, true},
                {lie, true},
                {start_waits, true},
                {ask_for_handles, true},
                {ask_and_never_read, true},
                {remove_and_make_again, true},
                {send_garbage, true}};
    struct raw other;

    guest_open(&other);
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        print_message("way %zu\n", i);
        kill_after(ways[i].act, ways[i].greeted, held, &other);
    }
}

static void killed_while_the_broker_looks(void **state) {
    (void)state;
    kill_all(false);
}

static void killed_before_the_broker_looks(void **state) {
    (void)state;
    kill_all(true);
}

/* ---- those who have something in common with the dead -------------------------------------------------------------------------- */

/* A session lives as long as one of its connections: what the dead one made stays. Tells the id of its semaphore. */
static int share_and_be_killed(void *data) {
    struct victim *victim = data;
    Portd__V1__Hello hello = raw_hello_make();
    uint64_t id;
    char go;

    hello.token = victim->raw.token;
    struct raw raw;
    if (raw_connect(&raw, victim->address) || raw_hello_with(&raw, &hello, NULL, 0) ||
        raw_semaphore(&raw, victim->fd, 5, PORTD__V1__MODE__MODE_READ, &id) ||
        raw_start_wait(&raw, 9, victim->id) || raw_ping(&raw))
        return 1;
    if (write(victim->told, &id, sizeof(id)) != sizeof(id))
        return 2;
    return (int)read(victim->go, &go, 1);
}

static void what_a_dead_connection_made_stays_with_its_session(void **state) {
    struct victim victim = {.address = fixture_address()};
    int told[2], go[2], ends[2];
    uint64_t id, own;

    (void)state;
    guest_pipe(told);
    guest_pipe(go);
    guest_pipe(ends);
    assert_int_equal(fcntl(told[0], F_SETFL, 0), 0);
    assert_int_equal(fcntl(go[0], F_SETFL, 0), 0);
    guest_open(&victim.raw);
    victim.id = guest_evt(&victim.raw, ends[0], 5);
    victim.fd = ends[0];
    victim.told = told[1];
    victim.go = go[0];
    pid_t pid = fixture_fork(share_and_be_killed, &victim);
    assert_int_equal(read(told[0], &id, sizeof(id)), sizeof(id));
    fixture_end(pid);
    fixture_until_fds(fixture_broker(), 3); /* the connection, and a copy for the number of each process */
    assert_int_equal(raw_semaphore(&victim.raw, -1, 5, PORTD__V1__MODE__MODE_CHECK_READ, &own), 0);
    assert_int_equal(own, 0); /* that of the dead is none of this one's numbers */
    assert_int_equal(raw_start_wait(&victim.raw, 9, id), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    guest_is_woken(&victim.raw, 9, id, PORTD__V1__CAUSE__CAUSE_READY);
    assert_int_equal(guest_quota(&victim.raw, "waits", NULL), 0);
}

/* A great many at once. */
static int die_in_numbers(void *data) {
    struct victim *victim = data;
    static struct raw crowd[200];

    for (size_t i = 0; i < 200; i++) {
        if (raw_open(&crowd[i], victim->address))
            return 1;
        victim->raw = crowd[i];
        if (raw_semaphore(&crowd[i], victim->fd, 5, PORTD__V1__MODE__MODE_READ, &victim->id))
            return 2;
        hand_in_many(victim);
        start_waits(victim);
    }
    if (write(victim->told, "o", 1) != 1)
        return 3;
    (void)pause();
    return 4;
}

static void two_hundred_connections_die_at_once(void **state) {
    struct victim victim = {.address = fixture_address()};
    int told[2], ends[2];
    struct raw other;

    (void)state;
    guest_pipe(told);
    guest_pipe(ends);
    assert_int_equal(fcntl(told[0], F_SETFL, 0), 0);
    guest_open(&other);
    victim.fd = ends[1];
    victim.told = told[1];
    pid_t pid = fixture_fork(die_in_numbers, &victim);
    fixture_close(ends[1]);
    hear(told[0], 'o');
    fixture_end(pid);
    guest_is_served(&other);
    fixture_until_fds(fixture_broker(), 1);
    assert_true(fixture_poll(ends[0], 0) & POLLHUP);
}

TEST_MAIN(FIXTURE_CASE(killed_while_the_broker_looks), FIXTURE_CASE(killed_before_the_broker_looks),
          FIXTURE_CASE(what_a_dead_connection_made_stays_with_its_session),
          FIXTURE_CASE(two_hundred_connections_die_at_once))
