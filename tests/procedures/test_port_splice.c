/* test_port_splice.c: bytes between a port and the caller's pipe: none is lost or duplicated, and no pipe blocks the broker. */
#include "ports.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { PAGE = 4096, MIB = 1 << 20 };

/* Kinds whose input ports can do it: a port of ends[0], and a pipe of the caller's. */
#define FOR_EACH_KIND(c, ends, in, own)                                                                      \
    for (size_t kind = next_kind(0, c, ends, in, own); kind < n_streams;                                     \
         kind = next_kind(kind + 1, c, ends, in, own))

static size_t next_kind(size_t kind, portd_client *c, int ends[2], portd_id *in, int own[2]) {
    while (kind < n_streams && strcmp(streams[kind].name, "terminal") == 0)
        kind++;
    if (kind == n_streams)
        return kind;
    print_message("%s\n", streams[kind].name);
    streams[kind].make(ends);
    *in = port_in(c, ends[0]);
    make_pipe(own);
    return kind;
}

static int splice_now(portd_client *c, portd_id port, int pipe, size_t most, size_t *count) {
    return portd_port_splice(c, port, pipe, 0, most, fixture_soon(), count);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void it_waits_for_bytes(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    portd_id in;

    (void)state;
    FOR_EACH_KIND(c, ends, &in, own) {
        struct io *splice = io_splice(c, in, own[1], 0, 100);
        assert_true(io_still_inflight(splice));
        fd_say(ends[1], "first");
        assert_int_equal(io_answer(splice), 1);
        assert_true(splice->count > 0 && splice->count <= 5);
        if (splice->count < 5)
            port_hear(c, in, &"first"[splice->count]);
        char bytes[8] = "";
        assert_int_equal(read(own[0], bytes, sizeof(bytes)), splice->count);
        assert_memory_equal(bytes, "first", splice->count);
    }
}

static void only_what_was_asked_for(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    portd_id in;
    size_t n;

    (void)state;
    FOR_EACH_KIND(c, ends, &in, own) {
        fd_say(ends[1], "0123456789");
        assert_int_equal(splice_now(c, in, own[1], 3, &n), 1);
        assert_int_equal(n, 3);
        fd_until_left(ends[0], 7);
        port_hear(c, in, "345");
        assert_int_equal(splice_now(c, in, own[1], 2, &n), 1);
        assert_int_equal(n, 2);
        fd_hear(own[0], "01267");
        fd_hear(ends[0], "89");
    }
}

static void the_end(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    portd_id in;
    size_t n;

    (void)state;
    FOR_EACH_KIND(c, ends, &in, own) {
        fd_say(ends[1], "last");
        fixture_close(ends[1]);
        assert_int_equal(portd_port_splice(c, in, own[1], 100, 100, fixture_soon(), &n), 0);
        assert_int_equal(n, 4);
        fd_hear(own[0], "last");
        assert_int_equal(splice_now(c, in, own[1], 100, &n), 0);
        assert_int_equal(n, 0);
    }
}

/* It goes on by itself, and what comes behind it waits for its answer. */
static void until_there_is_enough(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    int ends[2], own[2];
    portd_id in;

    (void)state;
    FOR_EACH_KIND(c, ends, &in, own) {
        struct io *splice = io_splice(c, in, own[1], 9, 9);
        struct io *behind = io_read(joined, in, 10, 0);
        fd_say(ends[1], "abc");
        fd_until_left(own[0], 3);
        assert_true(io_still_inflight(splice));
        fd_say(ends[1], "def");
        fd_until_left(own[0], 6);
        assert_true(io_still_inflight(splice) && io_still_inflight(behind));
        fd_say(ends[1], "ghij");
        assert_int_equal(io_answer(splice), 1);
        assert_int_equal(splice->count, 9);
        fd_hear(own[0], "abcdefghi");
        assert_int_equal(io_answer(behind), 1);
        assert_int_equal(behind->count, 1);
        assert_int_equal(behind->bytes[0], 'j');
    }
}

static bool no_job_runs(void *data) {
    uint64_t running = 0;
    portd_list *list;

    assert_int_equal(portd_get_stats(data, fixture_soon(), &list), 1);
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_metric *metric = portd_list_metric(list, i);
        if (strcmp(metric->name, "jobs") == 0 && strcmp(metric->labels[0].value, "waiting") != 0)
            running += metric->value;
    }
    portd_list_free(list);
    return running == 0;
}

/* Two ports of one descriptor: each gets its turn. */
static void ports_take_turns(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];

    (void)state;
    make_blocking_pipe(ends);
    make_pipe(own);
    portd_id in = port_in(c, ends[0]), other = port_in(c, ends[0]);
    struct io *splice = io_splice(c, in, own[1], 100, 100);
    struct io *read = io_read(c, other, 10, 0);
    fd_say(ends[1], "a");
    fd_until_left(own[0], 1);
    assert_true(fixture_until(no_job_runs, c)); /* the splice waited first, and now the read does */
    fd_say(ends[1], "b");
    assert_int_equal(io_answer(read), 1);
    assert_int_equal(read->bytes[0], 'b');
    fd_say(ends[1], "c");
    fd_until_left(own[0], 2);
    fd_say(ends[1], "d");
    fd_until_left(own[0], 3);
    portd_cancel(splice->request);
    assert_int_equal(io_answer(splice), 1);
    assert_int_equal(splice->count, 3);
    fd_hear(own[0], "acd");
}

static void a_full_pipe_is_an_answer(void **state) {
    portd_client *c = fixture_client(NULL);
    static char bytes[CHUNK];
    int ends[2], own[2];
    size_t n;

    (void)state;
    make_blocking_pipe(ends);
    make_pipe(own);
    portd_id in = port_in(c, ends[0]);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7 / 3);
    assert_true(fcntl(own[1], F_SETPIPE_SZ, PAGE) == PAGE);
    assert_int_equal(write(ends[1], bytes, 2 * PAGE), 2 * PAGE);
    assert_int_equal(portd_port_splice(c, in, own[1], 2 * PAGE, 2 * PAGE, fixture_soon(), &n), 1);
    assert_int_equal(n, PAGE);
    assert_int_equal(portd_port_splice(c, in, own[1], 2 * PAGE, 2 * PAGE, fixture_soon(), &n), 1);
    assert_int_equal(n, 0);
    assert_int_equal(fd_left(ends[0]), PAGE);
    char got[2 * PAGE];
    assert_int_equal(read(own[0], got, PAGE), PAGE);
    assert_int_equal(splice_now(c, in, own[1], PAGE, &n), 1);
    assert_int_equal(n, PAGE);
    assert_int_equal(read(own[0], got + PAGE, PAGE), PAGE);
    assert_memory_equal(got, bytes, sizeof(got));
}

static int write_much(void *data) {
    const int *to = data;
    static unsigned char bytes[CHUNK];

    for (size_t done = 0; done < 8 * MIB; done += sizeof(bytes)) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (unsigned char)((done + i) % 251);
        for (size_t at = 0; at < sizeof(bytes);) {
            ssize_t n = write(*to, bytes + at, sizeof(bytes) - at);
            if (n <= 0)
                return 1;
            at += (size_t)n;
        }
    }
    return 0;
}

static size_t hear_much(int from, size_t at) {
    static unsigned char bytes[CHUNK];
    ssize_t n;

    while ((n = read(from, bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < n; i++, at++)
            assert_int_equal(bytes[i], at % 251);
    return at;
}

/* Much more than any pipe takes; it is read meanwhile. */
static void many_bytes(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    portd_id in;

    (void)state;
    FOR_EACH_KIND(c, ends, &in, own) {
        struct io *splice = NULL;
        size_t got = 0, told = 0;
        pid_t writer = fixture_fork(write_much, &ends[1]);
        fixture_close(ends[1]);
        for (int code = 1; code == 1; told += splice->count) {
            splice = io_splice(c, in, own[1], 8 * MIB, 8 * MIB);
            while (splice->answers == 0) {
                struct pollfd polls[2] = {{own[0], POLLIN, 0}, {(int)portd_get_fd(c), POLLIN, 0}};
                assert_true(poll(polls, 2, FIXTURE_PATIENCE_MS) > 0);
                got = hear_much(own[0], got);
                while (portd_process(c) > 0)
                    continue;
            }
            got = hear_much(own[0], got);
            code = splice->code;
            assert_true(code >= 0);
            if (code == 1 && told + splice->count == 8 * MIB)
                assert_int_equal(splice_now(c, in, own[1], 1, NULL), code = 0);
        }
        assert_int_equal(told, 8 * MIB);
        assert_int_equal(got, 8 * MIB);
        assert_int_equal(fixture_reap(writer), 0);
    }
}

/* The kernel splices nothing across an urgent byte, and says so as if it were the end, or nothing there. */
static void urgent_bytes(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    size_t n;

    (void)state;
    for (int blocks = 0; blocks < 2; blocks++) {
        make_tcp(ends);
        make_pipe(own);
        assert_int_equal(fcntl(ends[0], F_SETFL, blocks ? 0 : O_NONBLOCK), 0);
        portd_id in = port_in(c, ends[0]);
        assert_int_equal(send(ends[1], "ab!", 3, MSG_OOB), 3);
        assert_int_equal(send(ends[1], "cd", 2, 0), 2);
        fd_until_left(ends[0], 2);
        assert_int_equal(portd_port_splice(c, in, own[1], 10, 10, fixture_soon(), &n), 1);
        fd_hear(own[0], "ab");
        assert_int_equal(splice_now(c, in, own[1], 10, &n), PORTD_E_UNSUPPORTED);
        port_hear(c, in, "cd");
        fixture_close(ends[1]);
        assert_int_equal(splice_now(c, in, own[1], 10, &n), 0);
    }
}

/* ---- giving up ---------------------------------------------------------------------------------------------------- */

static void cancelled(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    portd_id in;
    size_t n;

    (void)state;
    FOR_EACH_KIND(c, ends, &in, own) {
        struct io *splice = io_splice(c, in, own[1], 0, 100);
        portd_cancel(splice->request);
        assert_int_equal(io_answer(splice), PORTD_E_CANCELLED);
        assert_int_equal(portd_port_splice(c, in, own[1], 0, 100, 0, &n), PORTD_E_TIMEOUT);
        assert_int_equal(n, 0);
        splice = io_splice(c, in, own[1], 100, 100);
        fd_say(ends[1], "some");
        fd_until_left(own[0], 4);
        portd_cancel(splice->request);
        assert_int_equal(io_answer(splice), 1);
        assert_int_equal(splice->count, 4);
        fd_say(ends[1], "more");
        fd_hear(ends[0], "more");
        fd_hear(own[0], "some");
    }
}

static void the_port_is_closed(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    portd_id in;

    (void)state;
    FOR_EACH_KIND(c, ends, &in, own) {
        struct io *splice = io_splice(c, in, own[1], 100, 100);
        struct io *behind = io_splice(c, in, own[1], 100, 100);
        fd_say(ends[1], "some");
        fd_until_left(own[0], 4);
        port_close(c, in);
        assert_int_equal(io_answer(splice), 1);
        assert_int_equal(splice->count, 4);
        assert_int_equal(io_answer(behind), PORTD_E_CLOSED);
        fd_hear(own[0], "some");
    }
}

/* The end of the pipe is the session's until the answer, and soon closed. */
static void the_end_of_the_pipe_is_charged(void **state) {
    portd_client *c = fixture_client(NULL), *second = fixture_joined(c);
    int ends[2], own[2];

    (void)state;
    make_pipe(ends);
    make_pipe(own);
    portd_id in = port_in(c, ends[0]);
    uint64_t before = ask_quota(c, "descriptors"), waits = ask_quota(c, "waits");
    struct io *splice = io_splice(c, in, own[1], 0, 100);
    assert_int_equal(ask_quota(c, "descriptors"), before + 1);
    assert_int_equal(ask_quota(c, "waits"), waits + 1);
    portd_cancel(splice->request);
    assert_int_equal(io_answer(splice), PORTD_E_CANCELLED);
    assert_int_equal(ask_quota(c, "descriptors"), before);
    assert_int_equal(ask_quota(c, "waits"), waits);
    splice = io_splice(second, in, own[1], 0, 100);
    fixture_close(own[1]);
    fixture_disconnect(second);
    until_end(own[0]);
    put(ends[1]);
    take(ends[0], 1);
    fixture_until_fds(fixture_broker(), 2); /* the connection and the port's descriptor */
}

/* ---- hostile pipes ------------------------------------------------------------------------------------------------ */

static void what_is_no_end_of_a_pipe(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2], pair[2];
    size_t n = 1;

    (void)state;
    make_pipe(ends);
    make_pipe(own);
    make_pair(SOCK_STREAM, pair);
    put(ends[1]);
    portd_id in = port_in(c, ends[0]), out = port_out(c, ends[1]);
    int wrong[] = {own[0],
                   pair[0],
                   make_file(""),
                   fixture_own(eventfd(0, EFD_CLOEXEC)),
                   fixture_own(open("/dev/null", O_RDWR | O_CLOEXEC)),
                   fixture_own(open("/dev/null", O_PATH | O_CLOEXEC))};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(splice_now(c, in, wrong[i], 1, &n), PORTD_E_INVALID);
        assert_int_equal(n, 0);
    }
    assert_int_equal(splice_now(c, out, own[1], 1, &n), PORTD_E_INVALID);
    assert_int_equal(splice_now(c, in, -1, 1, &n), PORTD_E_INVALID);
    assert_int_equal(splice_now(c, in, own[1], 0, &n), PORTD_E_INVALID);
    assert_int_equal(portd_port_splice(c, in, own[1], 2, 1, fixture_soon(), &n), PORTD_E_INVALID);
    assert_int_equal(splice_now(c, 0, own[1], 1, &n), PORTD_E_NOT_FOUND);
    assert_int_equal(splice_now(c, in, ends[1], 1, &n), PORTD_E_UNSUPPORTED); /* the port's own pipe */
    assert_int_equal(splice_now(c, out, ends[0], 1, &n), PORTD_E_UNSUPPORTED);
    take(ends[0], 1);
}

static void nobody_reads_the_pipe(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    portd_id in;
    size_t n;

    (void)state;
    FOR_EACH_KIND(c, ends, &in, own) {
        struct io *splice = io_splice(c, in, own[1], 100, 100);
        fd_say(ends[1], "ab");
        fd_until_left(own[0], 2);
        fixture_close(own[0]);
        fd_say(ends[1], "cd");
        assert_int_equal(io_answer(splice), PORTD_E_SYSTEM);
        assert_int_equal(splice->os_errno, EPIPE);
        assert_int_equal(splice->count, 2);
        assert_int_equal(splice_now(c, in, own[1], 100, &n), PORTD_E_SYSTEM);
        assert_int_equal(portd_last_errno(c), EPIPE);
        port_hear(c, in, "cd");
    }
}

/* It blocks, its size changes, and somebody else fills and empties it: what was taken comes out. */
static void a_pipe_that_is_played_with(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    size_t told = 0, got = 0;
    char byte;

    (void)state;
    make_pipe(ends);
    make_blocking_pipe(own);
    portd_id in = port_in(c, ends[0]);
    for (int i = 0; i < 50; i++) {
        struct io *splice = io_splice(c, in, own[1], 100 * PAGE, 100 * PAGE);
        fd_say(ends[1], "0123456789");
        (void)fcntl(own[1], F_SETPIPE_SZ, i % 2 ? PAGE : 16 * PAGE);
        if (i % 3 == 0) {
            put(own[1]);
            got--;
        }
        if (i % 5 == 0)
            assert_int_equal(fcntl(own[1], F_SETFL, i % 2 ? O_NONBLOCK : 0), 0);
        if (splice->answers == 0)
            portd_cancel(splice->request);
        assert_true(io_answer(splice) == 1 || splice->code == PORTD_E_CANCELLED);
        told += splice->count;
        while (fd_left(own[0]) > 0 && read(own[0], &byte, 1) == 1)
            got++;
    }
    assert_int_equal(got, told);
    assert_int_equal(told + (size_t)fd_left(ends[0]), 500);
    assert_true(portd_ping(c, fixture_soon()) == 1);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void out_of_a_pipe(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    size_t n;

    (void)state;
    make_blocking_pipe(ends);
    make_blocking_pipe(own);
    portd_id out = port_out(c, ends[1]);
    assert_int_equal(splice_now(c, out, own[0], 100, &n), 1);
    assert_int_equal(n, 0);
    fd_say(own[1], "0123456789");
    assert_int_equal(splice_now(c, out, own[0], 4, &n), 1);
    assert_int_equal(n, 4);
    port_say(c, out, "|");
    assert_int_equal(portd_port_splice(c, out, own[0], 100, 100, fixture_soon(), &n), 1);
    assert_int_equal(n, 6);
    fd_hear(ends[0], "0123|456789");
    fixture_close(own[1]);
    assert_int_equal(portd_port_splice(c, out, own[0], 100, 100, fixture_soon(), &n), 1);
    assert_int_equal(n, 0);
}

/* It waits for room, in its place among the writes. */
static void writes_in_their_order(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];

    (void)state;
    make_pipe(ends);
    make_blocking_pipe(own);
    portd_id out = port_out(c, ends[1]);
    size_t before = fill(ends[1]);
    fd_say(own[1], "spliced");
    struct io *splice = io_splice(c, out, own[0], 7, 7);
    struct io *behind = io_write(c, out, "written", 7);
    assert_true(io_still_inflight(splice) && io_still_inflight(behind));
    assert_int_equal(fd_left(own[0]), 7);
    take(ends[0], before);
    assert_int_equal(io_answer(splice), 1);
    assert_int_equal(splice->count, 7);
    assert_int_equal(io_answer(behind), 1);
    fd_hear(ends[0], "splicedwritten");
}

static void nobody_reads_the_port(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], own[2];
    size_t n;

    (void)state;
    make_pipe(ends);
    make_blocking_pipe(own);
    portd_id out = port_out(c, ends[1]);
    fd_say(own[1], "kept");
    fixture_close(ends[0]);
    assert_int_equal(splice_now(c, out, own[0], 4, &n), PORTD_E_SYSTEM);
    assert_int_equal(portd_last_errno(c), EPIPE);
    assert_int_equal(n, 0);
    fd_hear(own[0], "kept");
}

/* ---- what has no bytes for it -------------------------------------------------------------------------------------- */

static void kinds_that_cannot(void **state) {
    portd_client *c = fixture_client(NULL);
    int pair[2], messages[2], tcp[2], pty[2], own[2], event = fixture_own(eventfd(1, EFD_CLOEXEC));
    size_t n;

    (void)state;
    make_pair(SOCK_STREAM, pair);
    make_pair(SOCK_SEQPACKET, messages);
    make_tcp(tcp);
    make_pty(pty);
    make_pipe(own);
    int reads[] = {messages[0], pty[0], event, make_file("text"),
                   fixture_own(open("/dev/zero", O_RDONLY | O_CLOEXEC))};
    for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++)
        assert_int_equal(splice_now(c, port_in(c, reads[i]), own[1], 1, &n), PORTD_E_UNSUPPORTED);
    int writes[] = {pair[0], messages[0], tcp[0], pty[0], event};
    put(own[1]);
    for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++)
        assert_int_equal(splice_now(c, port_out(c, writes[i]), own[0], 1, &n), PORTD_E_UNSUPPORTED);
    take(own[0], 1);
    assert_true(portd_broker_has_feature(c, "splice") && portd_has_feature("splice"));
}

TEST_MAIN(FIXTURE_CASE(it_waits_for_bytes), FIXTURE_CASE(only_what_was_asked_for), FIXTURE_CASE(the_end),
          FIXTURE_CASE(until_there_is_enough), FIXTURE_CASE(ports_take_turns),
          FIXTURE_CASE(a_full_pipe_is_an_answer), FIXTURE_CASE(many_bytes), FIXTURE_CASE(urgent_bytes),
          FIXTURE_CASE(cancelled), FIXTURE_CASE(the_port_is_closed),
          FIXTURE_CASE(the_end_of_the_pipe_is_charged), FIXTURE_CASE(what_is_no_end_of_a_pipe),
          FIXTURE_CASE(nobody_reads_the_pipe), FIXTURE_CASE(a_pipe_that_is_played_with),
          FIXTURE_CASE(out_of_a_pipe), FIXTURE_CASE(writes_in_their_order),
          FIXTURE_CASE(nobody_reads_the_port), FIXTURE_CASE(kinds_that_cannot))
