/* test_port_io.c: results of read, peek and write for every kind of descriptor that the broker supports. */
#include "ports.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>

/* Runs the case for each kind of stream, and says for which it fails. */
#define FOR_EACH_STREAM(stream, ends)                                                                        \
    for (const struct stream *stream = streams; stream < streams + n_streams && announce(stream, ends);      \
         stream++)

static bool announce(const struct stream *stream, int ends[2]) {
    print_message("%s\n", stream->name);
    stream->make(ends);
    return true;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void a_read_waits_for_bytes(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    FOR_EACH_STREAM(stream, ends) {
        portd_id in = port_in(c, ends[0]);
        struct io *read = io_read(c, in, 100, 0);
        assert_true(io_still_inflight(read));
        fd_say(ends[1], "first");
        assert_int_equal(io_answer(read), 1);
        assert_true(read->count > 0 && read->count <= 5);
        assert_memory_equal(read->bytes, "first", read->count);
        port_hear(c, in, &"first"[read->count]);
        read = io_read(c, in, 100, 0);
        assert_true(io_still_inflight(read));
        fd_say(ends[1], "2");
        assert_int_equal(io_answer(read), 1);
        assert_int_equal(read->count, 1);
        assert_int_equal(read->truncated, 0);
    }
}

/* B05: nothing is read ahead. */
static void only_what_was_asked_for(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    FOR_EACH_STREAM(stream, ends) {
        portd_id in = port_in(c, ends[0]);
        struct io *read = io_read(c, in, 3, 0);
        fd_say(ends[1], "0123456789");
        assert_int_equal(io_answer(read), 1);
        assert_int_equal(read->count, 3);
        fd_until_left(ends[0], 7);
        port_hear(c, in, "34");
        fd_until_left(ends[0], 5);
        fd_hear(ends[0], "56789");
        port_hear_nothing(c, in);
    }
}

/* B07: again and again, and what was written before comes first. */
static void the_end(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    FOR_EACH_STREAM(stream, ends) {
        portd_id in = port_in(c, ends[0]);
        bool terminal = strcmp(stream->name, "terminal") == 0;
        fd_say(ends[1], "last");
        if (terminal)
            port_hear(c, in, "last"); /* a hang-up of a terminal discards what is in it */
        fixture_close(ends[1]);
        if (!terminal)
            port_hear(c, in, "last");
        for (int i = 0; i < 3; i++)
            port_hear_end(c, in);
    }
}

static void the_end_of_a_parked_read(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    FOR_EACH_STREAM(stream, ends) {
        portd_id in = port_in(c, ends[0]);
        struct io *reads[2] = {io_read(c, in, 10, 0), io_read(c, in, 10, 0)};
        assert_true(io_still_inflight(reads[1]));
        fixture_close(ends[1]);
        assert_int_equal(io_answer(reads[0]), 0);
        assert_int_equal(io_answer(reads[1]), 0);
        assert_int_equal(reads[0]->count, 0);
    }
}

static void reads_are_answered_in_their_order(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    int ends[2];

    (void)state;
    FOR_EACH_STREAM(stream, ends) {
        portd_id in = port_in(c, ends[0]);
        struct io *reads[4];
        for (int i = 0; i < 4; i++)
            reads[i] = io_read(i % 2 ? joined : c, in, 1, 0);
        assert_true(io_still_inflight(reads[0]) && io_still_inflight(reads[3]));
        fd_say(ends[1], "abcd");
        for (int i = 0; i < 4; i++) {
            assert_int_equal(io_answer(reads[i]), 1);
            assert_int_equal(reads[i]->bytes[0], 'a' + i);
        }
    }
}

/* A deadline that has passed only looks; nothing is lost at one. */
static void deadlines(void **state) {
    portd_client *c = fixture_client(NULL);
    char bytes[8];
    size_t n;
    int ends[2];

    (void)state;
    FOR_EACH_STREAM(stream, ends) {
        portd_id in = port_in(c, ends[0]);
        port_hear_nothing(c, in);
        assert_int_equal(portd_port_read(c, in, bytes, 8, 0, portd_now() + 3000, &n, NULL), PORTD_E_TIMEOUT);
        assert_int_equal(n, 0);
        fd_say(ends[1], "kept");
        fd_until_left(ends[0], 4);
        if (stream->peeks) { /* others may need a worker, which is not there at once */
            assert_int_equal(portd_port_read(c, in, bytes, 8, 0, 0, &n, NULL), 1);
            assert_memory_equal(bytes, "kept", n);
            assert_int_equal(n, 4);
        } else {
            port_hear(c, in, "kept");
        }
    }
}

static void a_cancelled_read_takes_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    FOR_EACH_STREAM(stream, ends) {
        portd_id in = port_in(c, ends[0]);
        struct io *reads[3] = {io_read(c, in, 1, 0), io_read(c, in, 1, 0), io_read(c, in, 1, 0)};
        assert_int_equal(io_cancel(reads[1]), PORTD_E_CANCELLED); /* in the middle of the queue */
        assert_int_equal(io_cancel(reads[0]), PORTD_E_CANCELLED); /* its head */
        assert_true(io_still_inflight(reads[2]));
        fd_say(ends[1], "xy");
        assert_int_equal(io_answer(reads[2]), 1);
        assert_int_equal(reads[2]->bytes[0], 'x');
        port_hear(c, in, "y");
    }
}

static void flags_are_never_touched(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    FOR_EACH_STREAM(stream, ends) {
        int before[2] = {fcntl(ends[0], F_GETFL), fcntl(ends[1], F_GETFL)};
        portd_id in = port_in(c, ends[0]), out = port_out(c, ends[1]);
        struct io *read = io_read(c, in, 5, 0);
        assert_int_equal(fcntl(ends[0], F_GETFL), before[0]);
        port_say(c, out, "bytes");
        assert_int_equal(io_answer(read), 1);
        port_hear(c, in, &"bytes"[read->count]);
        port_hear_nothing(c, in);
        assert_int_equal(fcntl(ends[0], F_GETFL), before[0]);
        assert_int_equal(fcntl(ends[1], F_GETFL), before[1]);
    }
}

/* B17: a fifo that no writer has come to yet has not ended. */
static void b17_a_fifo_without_a_writer_yet(void **state) {
    portd_client *c = fixture_client(NULL);
    char folder[] = "/tmp/portd-fifo-XXXXXX", path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = fixture_own(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    portd_id in = port_in(c, fd);
    struct io *read = io_read(c, in, 10, 0), *peek = io_read(c, in, 10, PORTD_PEEK);
    assert_true(io_still_inflight(read));
    int writer = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(writer >= 0);
    assert_true(io_still_inflight(read));
    fd_say(writer, "z");
    assert_int_equal(io_answer(read), 1);
    (void)close(writer);
    assert_int_equal(io_answer(peek), 0);
    port_hear_end(c, in);
    writer = open(path, O_WRONLY | O_CLOEXEC); /* the next one */
    port_hear_nothing(c, in);
    fd_say(writer, "again");
    port_hear(c, in, "again");
    (void)close(writer);
    (void)unlink(path);
    (void)rmdir(folder);
}

/* ---- peeking ------------------------------------------------------------------------------------------------------ */

static void a_peek_takes_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    FOR_EACH_STREAM(stream, ends) {
        portd_id in = port_in(c, ends[0]);
        struct io *peek = io_read(c, in, 3, PORTD_PEEK);
        if (!stream->peeks) {
            assert_int_equal(io_answer(peek), PORTD_E_UNSUPPORTED);
            continue;
        }
        assert_true(io_still_inflight(peek));
        fd_say(ends[1], "abcdef");
        assert_int_equal(io_answer(peek), 1);
        assert_int_equal(peek->count, 3);
        for (int i = 0; i < 2; i++) {
            peek = io_read(c, in, CHUNK, PORTD_PEEK);
            assert_int_equal(io_answer(peek), 1);
            assert_int_equal(peek->count, 6);
            assert_memory_equal(peek->bytes, "abcdef", 6);
            assert_int_equal(fd_left(ends[0]), 6);
        }
        port_hear(c, in, "abcdef");
        peek = io_read(c, in, 1, PORTD_PEEK);
        fixture_close(ends[1]);
        assert_int_equal(io_answer(peek), 0);
        port_hear_end(c, in);
    }
}

static void a_peek_into_many_pieces(void **state) {
    static unsigned char got[CHUNK];
    portd_client *c = fixture_client(NULL);
    size_t n, total = 0;
    int ends[2];

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        streams[kind].make(ends);
        portd_id in = port_in(c, ends[0]);
        (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
        (void)fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        total = 0;
        for (int i = 0; i < 200; i++) {
            char piece[700];
            memset(piece, i, sizeof(piece));
            assert_int_equal(write(ends[1], piece, sizeof(piece)), sizeof(piece));
            total += sizeof(piece);
        }
        for (size_t size = 1; size <= CHUNK; size = size * 3 + 1) {
            assert_int_equal(portd_port_read(c, in, got, size, PORTD_PEEK, fixture_soon(), &n, NULL), 1);
            assert_true(n > 0 && n <= size);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(got[i], (i / 700) & 255);
            assert_int_equal(fd_left(ends[0]), total);
        }
        for (size_t at = 0; at < total; at += n) {
            assert_int_equal(portd_port_read(c, in, got, CHUNK, 0, fixture_soon(), &n, NULL), 1);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(got[i], ((at + i) / 700) & 255);
        }
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void a_write_that_is_taken_in_part(void **state) {
    static unsigned char bytes[CHUNK];
    portd_client *c = fixture_client(NULL);
    size_t n;
    int ends[2];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i % 251);
    for (int kind = 0; kind < 2; kind++) {
        streams[kind].make(ends);
        portd_id out = port_out(c, ends[1]);
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
        size_t room = fill(ends[1]);
        assert_int_equal(portd_port_write(c, out, bytes, CHUNK, 0, &n), PORTD_E_TIMEOUT);
        assert_int_equal(n, 0);
        take(ends[0], 3 * 4096);
        assert_int_equal(portd_port_write(c, out, bytes, CHUNK, fixture_soon(), &n), 1);
        assert_true(n > 0 && n <= 3 * 4096);
        take(ends[0], CHUNK / 2);
        take(ends[0], room - CHUNK / 2 - 3 * 4096);
        unsigned char got[3 * 4096];
        assert_int_equal(read(ends[0], got, sizeof(got)), n);
        assert_memory_equal(got, bytes, n);
    }
}

static void a_write_waits_for_room(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    for (size_t kind = 0; kind < n_streams; kind++) {
        if (!streams[kind].instant)
            continue;
        streams[kind].make(ends);
        portd_id out = port_out(c, ends[1]);
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
        size_t full = fill(ends[1]);
        struct io *write = io_write(c, out, "tail", 4), *gone = io_write(c, out, "gone", 4);
        struct io *last = io_write(c, out, "!", 1);
        assert_true(io_still_inflight(write));
        assert_int_equal(io_cancel(gone), PORTD_E_CANCELLED);
        size_t got = 0;
        while (got < full)
            got += drain(ends[0]);
        assert_int_equal(io_answer(write), 1);
        assert_int_equal(write->count, 4);
        assert_int_equal(io_answer(last), 1);
        if (got == full)
            fd_hear(ends[0], "tail!");
        else
            assert_true(got <= full + 5);
        got += drain(ends[0]);
        assert_true(got <= full + 5);
    }
}

static void writes_of_any_size(void **state) {
    static unsigned char bytes[CHUNK + 100], got[CHUNK];
    static const size_t sizes[] = {1, 2, 4000, 4050, 4080, 4085, 4090, 4096, 4097, 8192, 65535, 65536, 65636};
    portd_client *c = fixture_client(NULL);
    size_t n, m;
    int ends[2];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 7);
    make_pair(SOCK_STREAM, ends);
    struct wrapped a = port_wrap_socket(c, ends[0]), b = port_wrap_socket(c, ends[1]);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t most = sizes[i] < CHUNK ? sizes[i] : CHUNK; /* more is not taken at once */
        assert_int_equal(portd_port_write(c, a.out, bytes, sizes[i], fixture_soon(), &n), 1);
        assert_true(n > 0 && n <= most);
        for (size_t at = 0; at < n; at += m) {
            assert_int_equal(portd_port_read(c, b.in, got, sizes[i], 0, fixture_soon(), &m, NULL), 1);
            assert_memory_equal(got, bytes + at, m);
        }
    }
    port_hear_nothing(c, b.in);
    assert_int_equal(portd_port_write_all(c, a.out, bytes, 0, fixture_soon(), &n), 1);
    assert_int_equal(n, 0);
}

/* B08: an error of the kernel's, told with its number, and nobody gets a signal. */
static void b08_broken_pipes(void **state) {
    portd_client *c = fixture_client(NULL);
    size_t n;
    int ends[2];

    (void)state;
    FOR_EACH_STREAM(stream, ends) {
        portd_id out = port_out(c, ends[1]);
        if (strcmp(stream->name, "terminal") == 0)
            continue; /* a master writes for the next process that opens the terminal */
        fixture_close(ends[0]);
        /* Over TCP the first may be taken before the news is here. */
        int code = 1;
        for (int i = 0; i < 1000 && code == 1; i++)
            code = portd_port_write(c, out, "x", 1, fixture_soon(), &n);
        assert_int_equal(code, PORTD_E_SYSTEM);
        assert_true(portd_last_errno(c) == EPIPE || portd_last_errno(c) == ECONNRESET);
        assert_int_equal(n, 0);
        assert_int_equal(portd_port_write(c, out, "x", 1, fixture_soon(), &n), PORTD_E_SYSTEM);
        assert_int_equal(portd_last_errno(c), EPIPE);
    }
    make_pipe(ends);
    portd_id out = port_out(c, ends[1]);
    (void)fill(ends[1]);
    struct io *inflight = io_write(c, out, "x", 1);
    assert_true(io_still_inflight(inflight));
    fixture_close(ends[0]);
    assert_int_equal(io_answer(inflight), PORTD_E_SYSTEM);
    assert_int_equal(inflight->os_errno, EPIPE);
    make_tcp(ends);
    portd_id in = port_in(c, ends[0]);
    struct io *read = io_read(c, in, 1, 0);
    reset(ends[1]);
    assert_int_equal(io_answer(read), PORTD_E_SYSTEM);
    assert_int_equal(read->os_errno, ECONNRESET);
}

/* ---- messages ----------------------------------------------------------------------------------------------------- */

static void check_message(portd_client *c, portd_id in, size_t room, unsigned flags, const char *text,
                          size_t length) {
    char bytes[64];
    size_t n = 77, truncated = 77;
    size_t fits = length < room ? length : room;

    assert_int_equal(portd_port_read(c, in, bytes, room, flags, fixture_soon(), &n, &truncated), 1);
    assert_int_equal(n, fits);
    assert_memory_equal(bytes, text, fits);
    assert_int_equal(truncated, fits < length ? length : 0);
}

static void messages_keep_their_bounds(void **state) {
    static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};
    portd_client *c = fixture_client(NULL);
    size_t n;
    int p[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        make_pair(types[i], p);
        struct wrapped a = port_wrap_socket(c, p[0]);
        portd_id b = port_in(c, p[1]);
        assert_int_equal(portd_port_write(c, a.out, "one", 3, fixture_soon(), &n), 1);
        assert_int_equal(portd_port_write(c, a.out, "", 0, fixture_soon(), &n), 1); /* an empty one */
        assert_int_equal(n, 0);
        assert_int_equal(portd_port_write(c, a.out, "longer than asked", 17, fixture_soon(), &n), 1);
        assert_int_equal(portd_port_write(c, a.out, "four", 4, fixture_soon(), &n), 1);
        check_message(c, b, 64, PORTD_PEEK, "one", 3);
        check_message(c, b, 2, PORTD_PEEK, "one", 3);
        check_message(c, b, 64, 0, "one", 3);
        check_message(c, b, 64, PORTD_PEEK, "", 0);
        check_message(c, b, 64, 0, "", 0);
        check_message(c, b, 6, PORTD_PEEK, "longer than asked", 17);
        check_message(c, b, 6, 0, "longer than asked", 17);
        check_message(c, b, 4, 0, "four", 4);
        struct io *read = io_read(c, b, 10, 0);
        assert_true(io_still_inflight(read));
        assert_int_equal(send(p[0], "", 0, 0), 0);
        assert_int_equal(io_answer(read), 1);
        assert_int_equal(read->count, 0);
    }
}

/* Empty messages before the end are not the end, also when everything is there at once. */
static void the_end_of_messages(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pair(SOCK_SEQPACKET, p);
    portd_id in = port_in(c, p[1]);
    assert_int_equal(send(p[0], "", 0, 0), 0);
    assert_int_equal(send(p[0], "a", 1, 0), 1);
    assert_int_equal(shutdown(p[0], SHUT_WR), 0);
    check_message(c, in, 8, 0, "", 0);
    check_message(c, in, 8, 0, "a", 1);
    port_hear_end(c, in);
    port_hear_end(c, in);
}

static void datagrams_over_udp(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    portd_client *c = fixture_client(NULL);
    socklen_t size = sizeof(address);
    size_t n;
    int fds[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        fds[i] = fixture_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        address.sin_port = 0;
        assert_int_equal(bind(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
    }
    assert_int_equal(getsockname(fds[1], (struct sockaddr *)&address, &size), 0);
    struct wrapped a = port_wrap_socket(c, fds[0]), b = port_wrap_socket(c, fds[1]);
    assert_int_equal(portd_port_write(c, a.out, "x", 1, fixture_soon(), &n), PORTD_E_SYSTEM);
    assert_int_equal(portd_last_errno(c), EDESTADDRREQ);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&address, sizeof(address)), 0);
    struct io *read = io_read(c, b.in, 3, 0);
    assert_true(io_still_inflight(read));
    assert_int_equal(portd_port_write(c, a.out, "over udp", 8, fixture_soon(), &n), 1);
    assert_int_equal(n, 8);
    assert_int_equal(io_answer(read), 1);
    assert_int_equal(read->count, 3);
    assert_int_equal(read->truncated, 8);
    assert_int_equal(portd_port_write(c, a.out, "", 0, fixture_soon(), &n), 1);
    check_message(c, b.in, 10, 0, "", 0);
    static const char huge[CHUNK];
    assert_int_equal(portd_port_write(c, a.out, huge, sizeof(huge), fixture_soon(), &n), PORTD_E_SYSTEM);
    assert_int_equal(portd_last_errno(c), EMSGSIZE);
    fixture_close(fds[1]);
    port_close(c, b.in);
    port_close(c, b.out);
    assert_int_equal(portd_port_write(c, a.out, "x", 1, fixture_soon(), &n), 1);
    assert_int_equal(portd_port_read(c, a.in, &(char){0}, 1, 0, fixture_soon(), &n, NULL), PORTD_E_SYSTEM);
    assert_int_equal(portd_last_errno(c), ECONNREFUSED);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static void files_share_their_offset(void **state) {
    portd_client *c = fixture_client(NULL);
    uint64_t at = 77;
    int fd = make_file("0123456789");

    (void)state;
    for (unsigned claim = 0; claim <= PORTD_REGULAR_FILE; claim += PORTD_REGULAR_FILE) {
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        struct wrapped ports = port_wrap(c, fd, PORTD_READ | PORTD_WRITE | claim);
        port_hear(c, ports.in, "012");
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 3);
        take(fd, 2);
        struct io *peek = io_read(c, ports.in, 3, PORTD_PEEK);
        assert_int_equal(io_answer(peek), 1);
        assert_memory_equal(peek->bytes, "567", 3);
        port_hear(c, ports.in, "56789");
        for (int i = 0; i < 2; i++) /* B15: the end is answered at once */
            port_hear_end(c, ports.in);
        peek = io_read(c, ports.in, 3, PORTD_PEEK);
        assert_int_equal(io_answer(peek), 0);
        assert_int_equal(portd_port_position(c, ports.out, NULL, fixture_soon(), &at), 1);
        assert_int_equal(at, 10);
        at = 2;
        assert_int_equal(portd_port_position(c, ports.in, &at, fixture_soon(), NULL), 1);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 2);
        port_say(c, ports.out, "23");
        port_hear(c, ports.in, "456789");
    }
}

static void files_grow(void **state) {
    portd_client *c = fixture_client(NULL);
    char path[] = "/tmp/portd-file-XXXXXX", got[16];
    uint64_t at = 4;

    (void)state;
    (void)fixture_own(mkstemp(path));
    int fd = fixture_own(open(path, O_RDWR | O_CLOEXEC)),
        end = fixture_own(open(path, O_WRONLY | O_APPEND | O_CLOEXEC));
    (void)unlink(path);
    struct wrapped ports = port_wrap(c, fd, PORTD_READ | PORTD_WRITE);
    assert_int_equal(portd_port_position(c, ports.out, &at, fixture_soon(), &at), 1);
    assert_int_equal(at, 4);
    port_say(c, ports.out, "hole");
    port_say(c, port_out(c, end), "end");
    assert_int_equal(pread(fd, got, sizeof(got), 0), 11);
    assert_memory_equal(got, "\0\0\0\0holeend", 11);
    port_hear(c, ports.in, "end");
    port_hear_end(c, ports.in);
    fd_say(end, "more");
    port_hear(c, ports.in, "more");
}

/* Sparse. Peeks and reads take their place from the position. */
static void positions_beyond_32_bits(void **state) {
    portd_client *c = fixture_client(NULL);
    uint64_t far = (UINT64_C(5) << 30) + 1, at = 0;

    (void)state;
    struct wrapped ports = port_wrap(c, make_file("near"), PORTD_READ | PORTD_WRITE);
    assert_int_equal(portd_port_position(c, ports.out, &far, fixture_soon(), &at), 1);
    assert_true(at == far);
    port_say(c, ports.out, "far");
    assert_int_equal(portd_port_position(c, ports.in, &far, fixture_soon(), NULL), 1);
    struct io *peek = io_read(c, ports.in, 4, PORTD_PEEK);
    assert_int_equal(io_answer(peek), 1);
    assert_int_equal(peek->count, 3);
    port_hear(c, ports.in, "far");
    assert_int_equal(portd_port_position(c, ports.in, NULL, fixture_soon(), &at), 1);
    assert_true(at == far + 3);
}

static void positions_that_there_are_not(void **state) {
    portd_client *c = fixture_client(NULL);
    uint64_t to = UINT64_MAX, at = 77;
    int ends[2];

    (void)state;
    portd_id file = port_in(c, make_file("x"));
    assert_int_equal(portd_port_position(c, file, &to, fixture_soon(), &at), PORTD_E_INVALID);
    assert_int_equal(at, 77);
    assert_int_equal(portd_port_position(c, file, NULL, fixture_soon(), &at), 1);
    assert_int_equal(at, 0);
    FOR_EACH_STREAM(stream, ends) {
        assert_int_equal(portd_port_position(c, port_in(c, ends[0]), NULL, fixture_soon(), &at),
                         PORTD_E_UNSUPPORTED);
    }
    port_close(c, file);
    assert_int_equal(portd_port_position(c, file, NULL, fixture_soon(), &at), PORTD_E_CLOSED);
    assert_int_equal(at, 0);
}

/* Asked one behind the other, they are carried out in that order. */
static void a_file_in_one_go(void **state) {
    portd_client *c = fixture_client(NULL);
    uint64_t start = 0;
    portd_id file = 0;
    struct io *writes[20], *read;

    (void)state;
    struct wrapped ports = port_wrap(c, make_file(""), PORTD_READ | PORTD_WRITE);
    file = ports.out;
    for (int i = 0; i < 20; i++)
        writes[i] = io_write_fast(c, file, &"abcdefghijklmnopqrst"[i], 1);
    assert_int_equal(portd_port_position(c, file, &start, fixture_soon(), NULL), 1);
    read = io_read(c, ports.in, 64, 0);
    assert_int_equal(io_answer(read), 1);
    assert_int_equal(read->count, 20);
    assert_memory_equal(read->bytes, "abcdefghijklmnopqrst", 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(io_answer(writes[i]), 1);
}

/* ---- other kinds -------------------------------------------------------------------------------------------------- */

static void eventfds(void **state) {
    portd_client *c = fixture_client(NULL);
    uint64_t count = 5, got = 0, most = UINT64_MAX - 1, three = 3;
    size_t n;

    (void)state;
    for (int flags = 0; flags <= EFD_NONBLOCK; flags += EFD_NONBLOCK) {
        int fd = fixture_own(eventfd(0, EFD_CLOEXEC | flags));
        struct wrapped ports = port_wrap(c, fd, PORTD_READ | PORTD_WRITE);
        struct io *read = io_read(c, ports.in, 8, 0);
        assert_true(io_still_inflight(read));
        assert_int_equal(eventfd_write(fd, 3), 0);
        assert_int_equal(io_answer(read), 1);
        assert_int_equal(read->count, 8);
        assert_memory_equal(read->bytes, &three, 8);
        port_hear_nothing(c, ports.in);
        assert_int_equal(portd_port_write(c, ports.out, &count, 8, fixture_soon(), &n), 1);
        assert_int_equal(n, 8);
        assert_int_equal(eventfd_read(fd, &got), 0);
        assert_int_equal(got, 5);
        assert_int_equal(portd_port_read(c, ports.in, &got, 8, PORTD_PEEK, fixture_soon(), &n, NULL),
                         PORTD_E_UNSUPPORTED);
        assert_int_equal(portd_port_write(c, ports.out, &count, 3, fixture_soon(), &n), PORTD_E_SYSTEM);
        assert_int_equal(portd_last_errno(c), EINVAL);
        /* No room for it yet. */
        assert_int_equal(eventfd_write(fd, most), 0);
        struct io *write = io_write(c, ports.out, &count, 8);
        assert_true(io_still_inflight(write));
        assert_int_equal(eventfd_read(fd, &got), 0);
        assert_int_equal(io_answer(write), 1);
        assert_int_equal(eventfd_read(fd, &got), 0);
        assert_int_equal(got, 5);
    }
}

static void timers_and_inotify(void **state) {
    portd_client *c = fixture_client(NULL);
    char folder[] = "/tmp/portd-watch-XXXXXX", path[64];

    (void)state;
    int timer = fixture_own(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    portd_id in = port_in(c, timer);
    struct io *read = io_read(c, in, 8, 0);
    assert_true(io_still_inflight(read));
    struct itimerspec now = {.it_value.tv_nsec = 1};
    assert_int_equal(timerfd_settime(timer, 0, &now, NULL), 0);
    assert_int_equal(io_answer(read), 1);
    assert_int_equal(read->count, 8);
    assert_int_equal(read->bytes[0], 1);
    port_hear_nothing(c, in);

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/made", folder);
    int watch = fixture_own(inotify_init1(IN_CLOEXEC));
    assert_true(inotify_add_watch(watch, folder, IN_CREATE) >= 0);
    in = port_in(c, watch);
    read = io_read(c, in, 4096, 0);
    assert_true(io_still_inflight(read));
    int made = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(io_answer(read), 1);
    assert_string_equal(((struct inotify_event *)(void *)read->bytes)->name, "made");
    port_hear_nothing(c, in);
    (void)close(made);
    (void)unlink(path);
    (void)rmdir(folder);
}

/* B19, and its neighbours */
static void b19_devices(void **state) {
    portd_client *c = fixture_client(NULL);
    char bytes[100];
    size_t n;

    (void)state;
    struct wrapped null =
        port_wrap(c, fixture_own(open("/dev/null", O_RDWR | O_CLOEXEC)), PORTD_READ | PORTD_WRITE);
    port_hear_end(c, null.in);
    port_say(c, null.out, "into nothing");
    portd_id zero = port_in(c, fixture_own(open("/dev/zero", O_RDONLY | O_CLOEXEC)));
    memset(bytes, 1, sizeof(bytes));
    assert_int_equal(portd_port_read(c, zero, bytes, sizeof(bytes), 0, fixture_soon(), &n, NULL), 1);
    assert_int_equal(n, sizeof(bytes));
    assert_true(bytes[0] == 0 && bytes[99] == 0);
    portd_id full = port_out(c, fixture_own(open("/dev/full", O_WRONLY | O_CLOEXEC)));
    assert_int_equal(portd_port_write(c, full, "x", 1, fixture_soon(), &n), PORTD_E_SYSTEM);
    assert_int_equal(portd_last_errno(c), ENOSPC);
}

static void what_has_no_bytes(void **state) {
    portd_client *c = fixture_client(NULL);
    char byte;
    size_t n;
    int port;

    (void)state;
    portd_id in = port_in(c, make_tcp_listener(&port));
    assert_int_equal(portd_port_read(c, in, &byte, 1, 0, fixture_soon(), &n, NULL), PORTD_E_SYSTEM);
    assert_int_equal(portd_last_errno(c), ENOTCONN);
}

/* Lines of a terminal come when they are complete, and ^D at the start of one is the end: until the next line. */
static void lines_of_a_terminal(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], unlocked = 0, number;
    char path[32];

    (void)state;
    ends[1] = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[1] < 0)
        test_skip("there are no terminals here");
    (void)fixture_own(ends[1]);
    assert_int_equal(ioctl(ends[1], TIOCSPTLCK, &unlocked), 0);
    assert_int_equal(ioctl(ends[1], TIOCGPTN, &number), 0);
    (void)snprintf(path, sizeof(path), "/dev/pts/%d", number);
    ends[0] = fixture_own(open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
    struct wrapped ports = port_wrap(c, ends[0], PORTD_READ | PORTD_WRITE);
    struct io *line = io_read(c, ports.in, 100, 0);
    fd_say(ends[1], "half");
    assert_true(io_still_inflight(line));
    fd_say(ends[1], " a line\nmore");
    assert_int_equal(io_answer(line), 1);
    assert_int_equal(line->count, 12);
    assert_memory_equal(line->bytes, "half a line\n", 12);
    fd_say(ends[1], "\n\x04");
    port_hear(c, ports.in, "more\n");
    port_hear_end(c, ports.in);
    fd_say(ends[1], "on\n");
    port_hear(c, ports.in, "on\n");
    port_say(c, ports.out, "out\n"); /* behind the echo of what was typed */
    char seen[256] = "";
    size_t have = 0;
    while (!strstr(seen, "out\r\n")) {
        assert_true(fixture_poll(ends[1], POLLIN) & POLLIN);
        ssize_t n = read(ends[1], seen + have, sizeof(seen) - 1 - have);
        assert_true(n > 0);
        have += (size_t)n;
    }
}

/* ---- refusals ----------------------------------------------------------------------------------------------------- */

/* They are open for writing, and write(2) refuses. */
static void writes_that_are_never_possible(void **state) {
    portd_client *c = fixture_client(NULL);
    int fds[] = {fixture_own(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)),
                 fixture_own((int)syscall(SYS_pidfd_open, getpid(), 0)),
                 fixture_own(epoll_create1(EPOLL_CLOEXEC))};
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        portd_id out = port_out(c, fds[i]);
        assert_int_equal(portd_port_write(c, out, "12345678", 8, fixture_soon(), &n), PORTD_E_SYSTEM);
        port_close(c, out);
    }
}

static void requests_that_are_refused(void **state) {
    portd_client *c = fixture_client(NULL), *stranger = fixture_client(NULL);
    char bytes[4] = "abc";
    size_t n;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]), out = port_out(c, p[1]), evt = ask_evt(c, p[0], READ);
    assert_int_equal(portd_port_read(c, out, bytes, 4, 0, fixture_soon(), &n, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_write(c, in, bytes, 4, fixture_soon(), &n), PORTD_E_INVALID);
    assert_int_equal(portd_port_read(c, evt, bytes, 4, 0, fixture_soon(), &n, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_write(c, evt, bytes, 4, fixture_soon(), &n), PORTD_E_INVALID);
    assert_int_equal(portd_port_read(stranger, in, bytes, 4, 0, fixture_soon(), &n, NULL), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_port_write(stranger, out, bytes, 4, fixture_soon(), &n), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_port_read(c, 0, bytes, 4, 0, fixture_soon(), &n, NULL), PORTD_E_NOT_FOUND);
    assert_int_equal(portd_port_read(c, in, bytes, 0, 0, fixture_soon(), &n, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_read(c, in, NULL, 4, 0, fixture_soon(), &n, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_read(c, in, bytes, 4, 0, fixture_soon(), NULL, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_read(c, in, bytes, 4, 2, fixture_soon(), &n, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_write(c, out, NULL, 4, fixture_soon(), &n), PORTD_E_INVALID);
    assert_int_equal(portd_port_write(c, out, bytes, 0, fixture_soon(), &n),
                     PORTD_E_INVALID); /* no datagrams */
    assert_int_equal(portd_port_read_start(c, in, 1, 0, NULL, NULL, NULL), PORTD_E_INVALID);
    assert_int_equal(portd_port_write_all(c, in, bytes, 4, fixture_soon(), &n), PORTD_E_INVALID);
    assert_int_equal(n, 0);
    port_close(c, in);
    port_close(c, out);
    assert_int_equal(portd_port_read(c, in, bytes, 4, 0, fixture_soon(), &n, NULL), PORTD_E_CLOSED);
    assert_int_equal(portd_port_write(c, out, bytes, 4, fixture_soon(), &n), PORTD_E_CLOSED);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
}

TEST_MAIN(FIXTURE_CASE(a_read_waits_for_bytes), FIXTURE_CASE(only_what_was_asked_for), FIXTURE_CASE(the_end),
          FIXTURE_CASE(the_end_of_a_parked_read), FIXTURE_CASE(reads_are_answered_in_their_order),
          FIXTURE_CASE(deadlines), FIXTURE_CASE(a_cancelled_read_takes_nothing),
          FIXTURE_CASE(flags_are_never_touched), FIXTURE_CASE(b17_a_fifo_without_a_writer_yet),
          FIXTURE_CASE(a_peek_takes_nothing), FIXTURE_CASE(a_peek_into_many_pieces),
          FIXTURE_CASE(a_write_that_is_taken_in_part), FIXTURE_CASE(a_write_waits_for_room),
          FIXTURE_CASE(writes_of_any_size), FIXTURE_CASE(b08_broken_pipes),
          FIXTURE_CASE(messages_keep_their_bounds), FIXTURE_CASE(the_end_of_messages),
          FIXTURE_CASE(datagrams_over_udp), FIXTURE_CASE(files_share_their_offset), FIXTURE_CASE(files_grow),
          FIXTURE_CASE(positions_beyond_32_bits), FIXTURE_CASE(positions_that_there_are_not),
          FIXTURE_CASE(a_file_in_one_go), FIXTURE_CASE(eventfds), FIXTURE_CASE(timers_and_inotify),
          FIXTURE_CASE(b19_devices), FIXTURE_CASE(what_has_no_bytes), FIXTURE_CASE(lines_of_a_terminal),
          FIXTURE_CASE(writes_that_are_never_possible), FIXTURE_CASE(requests_that_are_refused))
