/* test_peek_offset.c: the peek offset (SO_PEEK_OFF) that a socket's holders share: the broker never moves it. */
#include "ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

/* ---- sockets that have one ------------------------------------------------------------------------------------------- */

static void make_stream(int ends[2]) { make_pair(SOCK_STREAM, ends); }
static void make_datagram(int ends[2]) { make_pair(SOCK_DGRAM, ends); }
static void make_seqpacket(int ends[2]) { make_pair(SOCK_SEQPACKET, ends); }

static void make_udp(int ends[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    for (int i = 0; i < 2; i++)
        ends[i] = fixture_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(ends[0], (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(ends[0], (struct sockaddr *)&address, &size), 0);
    assert_int_equal(connect(ends[1], (struct sockaddr *)&address, sizeof(address)), 0);
}

static const struct kind {
    const char *name;
    void (*make)(int ends[2]);
    bool splices;
} kinds[] = {
    {"unix stream", make_stream, true},
    {"unix datagram", make_datagram, false},
    {"unix seqpacket", make_seqpacket, false},
    {"udp", make_udp, false},
    {"tcp", make_tcp, true},
};

/* False: sockets of that kind have none in this kernel. */
static bool set_offset(int fd, int offset) {
    if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) == 0)
        return true;
    assert_int_equal(errno, EOPNOTSUPP);
    return false;
}

static int offset_of(int fd) {
    int offset = -7;
    socklen_t size = sizeof(offset);

    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, &size), 0);
    return offset;
}

/* ---- cases ----------------------------------------------------------------------------------------------------------- */

/* A read itself lowers it, as everybody's does: so what is looked at is 0 there. */
static void it_is_not_moved(const struct kind *kind) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    size_t n;

    kind->make(ends);
    if (!set_offset(ends[0], 0))
        return;
    print_message("%s\n", kind->name);
    make_pipe(own);
    portd_id in = port_in(c, ends[0]);
    struct io *read = io_read(c, in, 2, 0);
    assert_true(io_still_inflight(read));
    assert_int_equal(offset_of(ends[0]), 0);
    fd_say(ends[1], "ab");
    assert_int_equal(io_answer(read), 1);
    assert_int_equal(offset_of(ends[0]), 0);
    fd_say(ends[1], "cdef");
    assert_int_equal(ask_until(c, in), READY);
    assert_int_equal(offset_of(ends[0]), 0);
    if (kind->splices) {
        assert_int_equal(portd_port_splice(c, in, own[1], 2, 2, fixture_soon(), &n), 1);
        assert_int_equal(offset_of(ends[0]), 0);
        port_hear(c, in, "ef");
    } else {
        port_hear(c, in, "cdef");
    }
    assert_int_equal(offset_of(ends[0]), 0);
    fixture_close(ends[1]);
    if (kind->splices)
        assert_int_equal(portd_port_splice(c, in, own[1], 1, 1, fixture_soon(), &n), 0);
    assert_int_equal(offset_of(ends[0]), 0);
}

static void no_procedure_moves_it(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        it_is_not_moved(&kinds[i]);
}

/* The client's own peek would, so it is refused; without an offset it works. */
static void peeks_are_refused(void **state) {
    portd_client *c = fixture_client(NULL);
    char bytes[8];
    size_t n;
    int ends[2];

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        kinds[i].make(ends);
        if (!set_offset(ends[0], 1))
            continue;
        print_message("%s\n", kinds[i].name);
        portd_id in = port_in(c, ends[0]);
        struct io *peek = io_read(c, in, 1, PORTD_PEEK); /* one that waits is told when it is tried */
        fd_say(ends[1], "abc");
        assert_int_equal(io_answer(peek), PORTD_E_UNSUPPORTED);
        assert_int_equal(ask_until(c, in), READY);
        assert_int_equal(portd_port_read(c, in, bytes, 2, PORTD_PEEK, fixture_soon(), &n, NULL),
                         PORTD_E_UNSUPPORTED);
        assert_int_equal(offset_of(ends[0]), 1);
        assert_true(set_offset(ends[0], -1));
        assert_int_equal(portd_port_read(c, in, bytes, 2, PORTD_PEEK, fixture_soon(), &n, NULL), 1);
        assert_memory_equal(bytes, "ab", 2);
        assert_int_equal(offset_of(ends[0]), -1);
    }
}

/* An empty message of one who has hung up: whether it is the end is found out. */
static void the_end_of_messages(void **state) {
    portd_client *c = fixture_client(NULL);
    char bytes[8];
    size_t n;
    int ends[2];

    (void)state;
    make_seqpacket(ends);
    assert_true(set_offset(ends[0], 0));
    portd_id in = port_in(c, ends[0]);
    assert_int_equal(send(ends[1], "", 0, 0), 0);
    assert_int_equal(send(ends[1], "", 0, 0), 0);
    assert_int_equal(send(ends[1], "a", 1, 0), 1);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(portd_port_read(c, in, bytes, 8, 0, fixture_soon(), &n, NULL), 1);
        assert_int_equal(n, 0);
        assert_int_equal(offset_of(ends[0]), 0);
    }
    assert_int_equal(portd_port_read(c, in, bytes, 8, 0, fixture_soon(), &n, NULL), 1);
    assert_int_equal(n, 1);
    port_hear_end(c, in);
}

/* What lies behind an urgent byte is looked at when nothing could be spliced; and an offset behind all that is there hides none of it. */
static void what_a_splice_looks_at(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    size_t n;

    (void)state;
    for (int offset = 0; offset < 100; offset += 50) {
        make_tcp(ends);
        make_pipe(own);
        if (!set_offset(ends[0], offset))
            test_skip("TCP sockets have no peek offset in this kernel");
        portd_id in = port_in(c, ends[0]);
        assert_int_equal(send(ends[1], "!", 1, MSG_OOB), 1);
        assert_int_equal(send(ends[1], "cd", 2, 0), 2);
        assert_int_equal(ask_until(c, in), READY);
        assert_int_equal(portd_port_splice(c, in, own[1], 1, 10, fixture_soon(), &n), PORTD_E_UNSUPPORTED);
        assert_int_equal(offset_of(ends[0]), offset);
        port_hear(c, in, "cd");
    }
}

/* Behind an urgent byte the end is left to a read. */
static void the_end_behind_an_urgent_byte(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    size_t n;

    (void)state;
    make_tcp(ends);
    make_pipe(own);
    portd_id in = port_in(c, ends[0]);
    assert_int_equal(send(ends[1], "!", 1, MSG_OOB), 1);
    fixture_close(ends[1]);
    assert_true(fixture_poll(ends[0], POLLRDHUP) & POLLRDHUP);
    assert_int_equal(portd_port_splice(c, in, own[1], 1, 10, fixture_soon(), &n), PORTD_E_UNSUPPORTED);
    port_hear_end(c, in);
    assert_int_equal(portd_port_splice(c, in, own[1], 1, 10, fixture_soon(), &n), 0);
}

TEST_MAIN(FIXTURE_CASE(no_procedure_moves_it), FIXTURE_CASE(peeks_are_refused),
          FIXTURE_CASE(the_end_of_messages), FIXTURE_CASE(what_a_splice_looks_at),
          FIXTURE_CASE(the_end_behind_an_urgent_byte))
