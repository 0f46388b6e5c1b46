/* test_port_flow.c: many bytes, in order, under adverse conditions: slow readers, cancels in the middle, lost connections, and
 * files whose server does not answer. */
#include "ports.h"

#include "tests/support/fuse_silent.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { MIB = 1024 * 1024 };

/* How many MiB go through: PORTD_TEST_FLOW_MIB, 64 without it. */
static size_t amount(void) {
    const char *said = getenv("PORTD_TEST_FLOW_MIB");

    return (said ? strtoul(said, NULL, 10) : 64) * MIB;
}

static unsigned char byte_at(size_t at) { return (unsigned char)((at * 2654435761u) >> 24 ^ at >> 16); }

static void make_bytes(unsigned char *bytes, size_t n, size_t at) {
    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_at(at + i);
}

/* ---- quantity ----------------------------------------------------------------------------------------------------- */

struct feed {
    char address[FIXTURE_PATH + 32], token[128];
    portd_id port;
    size_t total;
};

/* Writes all of it from another process, one chunk after the other: each may be taken in part. */
static int feed_port(void *data) {
    static unsigned char bytes[CHUNK];
    const struct feed *feed = data;
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *c;

    options.token = feed->token;
    if (portd_connect(feed->address, &options, portd_now() + 10 * MIB, &c) != 1)
        return 1;
    for (size_t at = 0; at < feed->total; at += CHUNK) {
        make_bytes(bytes, CHUNK, at);
        if (portd_port_write_all(c, feed->port, bytes, CHUNK, PORTD_FOREVER, NULL) != 1)
            return 2;
    }
    if (portd_port_close(c, feed->port, PORTD_FOREVER) != 1)
        return 3;
    portd_disconnect(c);
    return 0;
}

static struct feed feed_of(portd_client *c, portd_id port, size_t total) {
    struct feed feed = {.port = port, .total = total};

    (void)snprintf(feed.address, sizeof(feed.address), "%s", portd_address(c));
    (void)snprintf(feed.token, sizeof(feed.token), "%s", portd_session_token(c));
    return feed;
}

/* In through one port and out through another: all of it, and the broker holds next to nothing. */
static void quantity(void **state) {
    static unsigned char got[CHUNK], expected[CHUNK];
    portd_client *c = fixture_client(NULL);
    long most = 0;
    size_t n, at = 0;
    int p[2];

    (void)state;
    make_blocking_pipe(p);
    portd_id in = port_in(c, p[0]), out = port_out(c, p[1]);
    fixture_close(p[0]);
    fixture_close(p[1]);
    struct feed feed = feed_of(c, out, amount());
    pid_t child = fixture_fork(feed_port, &feed);
    for (;;) {
        int code = portd_port_read(c, in, got, CHUNK, 0, fixture_soon(), &n, NULL);
        if (code == 0)
            break;
        assert_int_equal(code, 1);
        make_bytes(expected, n, at);
        assert_memory_equal(got, expected, n);
        if ((at ^ (at + n)) & MIB && broker_memory() > most)
            most = broker_memory();
        at += n;
    }
    assert_int_equal(at, feed.total);
    assert_int_equal(fixture_reap(child), 0);
    assert_true(most < 64 * MIB);
}

/* It requests much and reads no reply: the bytes stay in the kernel. */
static void a_client_that_does_not_read(void **state) {
    static struct io *reads[200];
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    const off_t size = 32 * MIB;
    int fd = fixture_own(memfd_create("case", MFD_CLOEXEC));

    (void)state;
    assert_int_equal(ftruncate(fd, size), 0);
    portd_id in = port_in(c, fd);
    for (size_t i = 0; i < 200; i++)
        reads[i] = io_read_fast(c, in, CHUNK, 0);
    assert_true(portd_process(c) >= 0); /* sends them all and reads once */
    off_t before = -1, now = 0;
    for (int i = 0; i < 50 || now != before; i++) {
        before = now;
        assert_int_equal(portd_ping(other, fixture_soon()), 1);
        now = lseek(fd, 0, SEEK_CUR);
    }
    assert_true(now < 8 * MIB);
    assert_true(broker_memory() < 64 * MIB);
    size_t total = 0;
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(io_answer(reads[i]), 1);
        total += reads[i]->count;
    }
    assert_int_equal(total, 200 * CHUNK);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), total);
}

/* Many writes to somebody who does not read are refused in the end, and the broker stays small. */
static void a_reader_that_does_not_read(void **state) {
    static unsigned char bytes[CHUNK];
    static struct io *writes[400];
    portd_client *c = fixture_client(NULL);
    size_t refused = 0;
    int p[2];

    (void)state;
    make_blocking_pipe(p);
    portd_id out = port_out(c, p[1]);
    for (size_t i = 0; i < 400; i++)
        writes[i] = io_write_fast(c, out, bytes, CHUNK);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_true(broker_memory() < 64 * MIB);
    port_close(c, out);
    for (size_t i = 0; i < 400; i++) {
        int code = io_answer(writes[i]);
        refused += code == PORTD_E_LIMIT;
        assert_true(code == PORTD_E_LIMIT || code == PORTD_E_CLOSED || code == 1);
    }
    print_message("%zu of 400 writes were refused\n", refused);
}

/* ---- order -------------------------------------------------------------------------------------------------------- */

/* Two connections, each with writes in flight: every write comes out whole, in the order in which the broker got them. */
static void two_writers(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c);
    enum { EACH = 100, LONG = 1000 };
    static struct io *writes[2 * EACH];
    static unsigned char message[LONG], got[2 * EACH * LONG];
    int p[2];

    (void)state;
    make_blocking_pipe(p);
    portd_id out = port_out(c, p[1]);
    for (int i = 0; i < 2 * EACH; i++) {
        memset(message, i, LONG);
        writes[i] =
            io_write(i % 2 ? joined : c, out, message, LONG); /* the broker has this one before the next */
    }
    for (size_t at = 0; at < sizeof(got);) {
        ssize_t n = read(p[0], got + at, sizeof(got) - at);
        assert_true(n > 0);
        at += (size_t)n;
        (void)portd_ping(c, fixture_soon());
    }
    for (int i = 0; i < 2 * EACH; i++) {
        assert_int_equal(io_answer(writes[i]), 1);
        assert_int_equal(writes[i]->count, LONG);
        for (int k = 0; k < LONG; k++)
            assert_int_equal(got[i * LONG + k], i & 255);
    }
}

/* ---- cancels in the middle ---------------------------------------------------------------------------------------- */

static int left(int fd) {
    int n = -1;

    assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
    return n;
}

/* Data or cancelled, never both and never neither: each byte is answered or still there. */
static void cancelled_reads_lose_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    for (size_t kind = 0; kind < n_streams; kind++) {
        size_t put_in = 0, answered = 0, cancelled = 0;
        streams[kind].make(ends);
        portd_id in = port_in(c, ends[0]);
        for (int i = 0; i < 300; i++) {
            struct io *read = i % 3 ? io_read(c, in, 4, 0) : io_read_fast(c, in, 4, 0);
            bool before = i % 2;
            if (before)
                fd_say(ends[1], "ab");
            portd_cancel(read->request);
            if (i % 4 < 2)
                assert_true(portd_process(c) >= 0); /* sends it */
            if (!before)
                fd_say(ends[1], "ab");
            put_in += 2;
            int code = io_answer(read);
            assert_true(code == 1 || code == PORTD_E_CANCELLED);
            assert_true((code == 1) == (read->count > 0));
            for (size_t k = 0; k < read->count; k++)
                assert_int_equal(read->bytes[k], "ab"[(answered + k) % 2]);
            answered += read->count;
            cancelled += code == PORTD_E_CANCELLED;
        }
        while (answered < put_in) {
            struct io *rest = io_read(c, in, CHUNK, 0);
            assert_int_equal(io_answer(rest), 1);
            answered += rest->count;
        }
        assert_int_equal(answered, put_in);
        assert_int_equal(left(ends[0]), 0);
        port_hear_nothing(c, in);
        print_message("%s: %zu of 300 cancelled\n", streams[kind].name, cancelled);
    }
}

/* The same by deadlines of a blocking call. */
static void deadlines_lose_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    for (size_t kind = 0; kind < n_streams; kind++) {
        size_t answered = 0, n;
        char bytes[2];
        streams[kind].make(ends);
        portd_id in = port_in(c, ends[0]);
        for (int i = 0; i < 200; i++) {
            fd_say(ends[1], "x");
            int code = portd_port_read(c, in, bytes, 2, 0, portd_now() + i % 50, &n, NULL);
            assert_true(code == 1 || code == PORTD_E_TIMEOUT);
            assert_true((code == 1) == (n > 0));
            answered += n;
        }
        while (answered < 200) {
            assert_int_equal(portd_port_read(c, in, bytes, 2, 0, fixture_soon(), &n, NULL), 1);
            answered += n;
        }
        assert_int_equal(answered, 200);
        port_hear_nothing(c, in);
    }
}

struct rival {
    int fd;
    size_t got;
    bool stop;
};

static void *take_too(void *data) {
    struct rival *rival = data;
    char bytes[8];

    while (!__atomic_load_n(&rival->stop, __ATOMIC_ACQUIRE)) {
        ssize_t n = read(rival->fd, bytes, sizeof(bytes));
        if (n > 0)
            rival->got += (size_t)n;
    }
    return NULL;
}

/* Somebody else reads the same descriptor: what poll said may be gone before the read. Nobody blocks, nothing is lost. */
static void a_holder_that_is_faster(void **state) {
    static struct rival rival;
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    int ends[2];

    (void)state;
    for (size_t kind = 0; kind < n_streams; kind++) {
        pthread_t thread;
        size_t answered = 0, put_in = 300;
        streams[kind].make(ends);
        portd_id in = port_in(c, ends[0]);
        int copy = make_dup(ends[0]);
        (void)fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK);
        rival = (struct rival){.fd = copy};
        assert_int_equal(pthread_create(&thread, NULL, take_too, &rival), 0);
        for (size_t i = 0; i < put_in; i++) {
            struct io *read = io_read_fast(c, in, 8, 0);
            fd_say(ends[1], "x");
            if (i % 16 == 0)
                assert_int_equal(portd_ping(other, fixture_soon()), 1);
            int code = io_cancel(read);
            assert_true(code == 1 || code == PORTD_E_CANCELLED);
            answered += read->count;
        }
        while (left(ends[0]) > 0)
            ;
        __atomic_store_n(&rival.stop, true, __ATOMIC_RELEASE);
        assert_int_equal(pthread_join(thread, NULL), 0);
        /* What is still on its way (tcp, terminal) is not counted by either. */
        for (struct io *rest; answered + rival.got < put_in; answered += rest->count) {
            rest = io_read(c, in, 8, 0);
            assert_int_equal(io_answer(rest), 1);
        }
        assert_int_equal(answered + rival.got, put_in);
        print_message("%s: %zu for the broker, %zu for the other\n", streams[kind].name, answered, rival.got);
    }
}

/* A worker that came too late blocks in its read: closing and cancelling still get through. */
static void a_worker_that_blocks(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    for (int i = 0; i < 40; i++) {
        make_pty(ends);
        portd_id in = port_in(c, ends[0]);
        struct io *reads[2] = {io_read(c, in, 1, 0), io_read(c, in, 1, 0)};
        /* Both are woken by one byte: the second worker's read waits if poll still said yes. */
        fd_say(ends[1], "x");
        int answered = 0;
        if (i % 2)
            answered = (io_cancel(reads[0]) == 1) + (io_cancel(reads[1]) == 1);
        port_close(c, in);
        if (i % 2 == 0)
            answered = (io_answer(reads[0]) == 1) + (io_answer(reads[1]) == 1);
        assert_in_range(answered, 0, 1);
        if (answered == 0) /* it may still be on its way through the terminal */
            assert_true(fixture_poll(ends[0], POLLIN) & POLLIN);
        assert_int_equal(left(ends[0]), 1 - answered);
        fixture_close(ends[0]);
        fixture_close(ends[1]);
    }
}

/* ---- waking ------------------------------------------------------------------------------------------------------- */

static void *wake(void *data) {
    portd_wakeup(data);
    return NULL;
}

static void a_wakeup_loses_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    char byte;
    size_t n;
    int ends[2];

    (void)state;
    make_blocking_pipe(ends);
    portd_id in = port_in(c, ends[0]);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wake, c), 0);
        int code = portd_port_read(c, in, &byte, 1, 0, fixture_soon(), &n, NULL);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(code, PORTD_E_INTERRUPTED);
        assert_int_equal(n, 0);
    }
    /* The byte was there before: it is answered, and the wakeup is for the next call. */
    fd_say(ends[1], "x");
    portd_wakeup(c);
    int code = portd_port_read(c, in, &byte, 1, 0, fixture_soon(), &n, NULL);
    if (code == PORTD_E_INTERRUPTED)
        port_hear(c, in, "x");
    else /* a call that is answered at once may not see it: this one waits */
        assert_int_equal(portd_port_read(c, in, &byte, 1, 0, fixture_soon(), &n, NULL), PORTD_E_INTERRUPTED);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    port_hear_nothing(c, in);
}

/* ---- lost connections --------------------------------------------------------------------------------------------- */

static void on_code(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(int *)data = result->code;
}

/* Who knows whether it was done: what moves bytes is uncertain, all else is disconnected. */
static void in_flight_when_the_broker_dies(void **state) {
    enum {
        READ_CODE,
        WRITE_CODE,
        SHUTDOWN_CODE,
        POSITION_CODE,
        UNCERTAIN,
        PING = UNCERTAIN,
        CLOSE,
        FD,
        WRAP,
        COPY,
        NAMES,
        ALL
    };
    static int codes[ALL];
    portd_client *c = fixture_client(NULL);
    portd_request *request;
    int p[2];

    (void)state;
    make_pair(SOCK_STREAM, p);
    struct wrapped ports = port_wrap_socket(c, p[0]);
    portd_id file = port_in(c, make_file("x"));
    memset(codes, 0, sizeof(codes));
    fixture_hold_broker();
    assert_int_equal(portd_port_read_start(c, ports.in, 1, 0, on_code, &codes[READ_CODE], &request), 1);
    assert_int_equal(portd_port_write_start(c, ports.out, "x", 1, on_code, &codes[WRITE_CODE], NULL), 1);
    assert_int_equal(
        portd_port_shutdown_start(c, ports.out, PORTD_READ, on_code, &codes[SHUTDOWN_CODE], NULL), 1);
    assert_int_equal(portd_port_position_start(c, file, NULL, on_code, &codes[POSITION_CODE], NULL), 1);
    assert_int_equal(portd_ping_start(c, on_code, &codes[PING], NULL), 1);
    assert_int_equal(portd_port_close_start(c, ports.in, on_code, &codes[CLOSE], NULL), 1);
    assert_int_equal(portd_port_to_fd_start(c, ports.in, on_code, &codes[FD], NULL), 1);
    assert_int_equal(portd_fd_to_port_start(c, p[0], "", PORTD_READ, on_code, &codes[WRAP], NULL), 1);
    assert_int_equal(portd_port_dup_fd_start(c, ports.in, on_code, &codes[COPY], NULL), 1);
    assert_int_equal(portd_port_addresses_start(c, ports.in, on_code, &codes[NAMES], NULL), 1);
    assert_int_equal(portd_process(c) >= 0, 1);
    portd_cancel(request); /* nobody will say any more whether that worked */
    fixture_kill(fixture_broker());
    while (portd_poll(c, fixture_soon()) > 0)
        ;
    for (int i = 0; i < ALL; i++)
        assert_int_equal(codes[i], i < UNCERTAIN ? PORTD_E_UNCERTAIN : PORTD_E_DISCONNECTED);
}

static int kill_soon(void *data) {
    (void)poll(NULL, 0,
               50); /* so that the call is blocked by then, most of the time: the answer is the same anyway */
    return kill(*(pid_t *)data, SIGKILL);
}

static void a_blocked_call_when_the_broker_dies(void **state) {
    portd_client *c = fixture_client(NULL);
    char byte;
    size_t n = 77;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    pid_t child = fixture_fork(kill_soon, &fixture_broker()->pid);
    assert_int_equal(portd_port_read(c, in, &byte, 1, 0, fixture_soon(), &n, NULL), PORTD_E_UNCERTAIN);
    assert_int_equal(n, 0);
    assert_int_equal(portd_port_read(c, in, &byte, 1, 0, fixture_soon(), &n, NULL), PORTD_E_DISCONNECTED);
    assert_int_equal(fixture_reap(child), 0);
    fixture_kill(fixture_broker());
}

/* A broker that is stuck: the call ends some time after its deadline, and says that it does not know. */
static void a_broker_that_says_nothing(void **state) {
    portd_client *c = fixture_client(NULL);
    char byte;
    size_t n = 77;
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id in = port_in(c, p[0]);
    fixture_hold_broker();
    int code = portd_port_read(c, in, &byte, 1, 0, portd_now() + 1000, &n, NULL);
    fixture_continue_broker();
    assert_int_equal(code, PORTD_E_UNCERTAIN);
    assert_int_equal(n, 0);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    fd_say(p[1], "y"); /* its read was cancelled */
    port_hear(c, in, "y");
}

/* A connection that ends takes its reads with it, and the next one in the queue goes on. */
static void a_reader_that_goes(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    for (size_t kind = 0; kind < n_streams; kind++) {
        portd_client *joined = fixture_joined(c);
        streams[kind].make(ends);
        portd_id in = port_in(c, ends[0]);
        (void)io_read(joined, in, 1, 0);
        struct io *mine = io_read(c, in, 1, 0);
        fixture_disconnect(joined);
        /* A terminal is watched by a thread with three descriptors of its own. */
        size_t poller_fds = streams[kind].make == make_pty ? 3 : 0;
        fixture_until_fds(fixture_broker(), 1 + 1 + kind + poller_fds);
        fd_say(ends[1], "z");
        assert_int_equal(io_answer(mine), 1);
        assert_int_equal(mine->bytes[0], 'z');
    }
}

/* ---- servers that say nothing ------------------------------------------------------------------------------------- */

static void a_file_whose_server_is_silent(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_client(NULL);
    struct fuse_silent fuse;
    uint64_t at;
    char byte;
    size_t n;

    (void)state;
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    portd_id in = 0;
    int code = portd_fd_to_port(c, fuse.fd, "silent", PORTD_READ, fixture_soon(), &in, NULL);
    struct io *reads[2] = {NULL, NULL};
    int asked[3] = {0};
    if (code == 1) {
        reads[0] = io_read_fast(c, in, 10, 0);
        reads[1] = io_read_fast(c, in, 10, PORTD_PEEK);
        asked[0] = portd_ping(c, fixture_soon());
        asked[1] = portd_port_read(c, in, &byte, 1, 0, 0, &n, NULL);
        asked[2] = portd_port_position(c, in, NULL, portd_now() + 1000, &at);
    }
    int pong = portd_ping(other, fixture_soon());
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    assert_int_equal(code, 1);
    assert_int_equal(asked[0], 1);
    assert_true(asked[1] < 0);
    assert_true(asked[2] < 0);
    assert_int_equal(pong, 1);
    for (int i = 0; i < 2; i++)
        assert_true(io_answer(reads[i]) < 0);
    port_close(c, in);
}

/* Each through a port of its own. The one that has tried in vain is the first to try again. */
static void reads_that_poll_misleads_keep_their_order(void **state) {
    enum { READS = 4, ROUNDS = 4 };
    portd_client *c = fixture_client(NULL);
    portd_id ports[READS];
    int far;

    (void)state;
    int near = make_misleading(&far);
    for (int i = 0; i < READS; i++)
        ports[i] = port_wrap_socket(c, near).in;
    assert_int_equal(io_answer(io_read(c, ports[0], 1, 0)), PORTD_E_SYSTEM); /* the error itself */
    for (int round = 0; round < ROUNDS; round++) {
        struct io *reads[READS];
        for (int i = 0; i < READS; i++)
            reads[i] = io_read(c, ports[i], 1, 0);
        for (int i = 0; i < READS; i++) {
            size_t answers = 0;
            fd_say(far, "x");
            while (!answers) {
                assert_true(portd_poll(c, fixture_soon()) > 0);
                for (int k = i; k < READS; k++)
                    answers += reads[k]->answers;
            }
            assert_int_equal(answers, 1);
            assert_int_equal(reads[i]->answers, 1);
            assert_int_equal(reads[i]->code, 1);
        }
    }
}

TEST_MAIN(FIXTURE_CASE(quantity), FIXTURE_CASE(a_client_that_does_not_read),
          FIXTURE_CASE(a_reader_that_does_not_read), FIXTURE_CASE(two_writers),
          FIXTURE_CASE(cancelled_reads_lose_nothing), FIXTURE_CASE(deadlines_lose_nothing),
          FIXTURE_CASE(a_holder_that_is_faster), FIXTURE_CASE(a_worker_that_blocks),
          FIXTURE_CASE(a_wakeup_loses_nothing), FIXTURE_CASE(in_flight_when_the_broker_dies),
          FIXTURE_CASE(a_blocked_call_when_the_broker_dies), FIXTURE_CASE(a_broker_that_says_nothing),
          FIXTURE_CASE(a_reader_that_goes), FIXTURE_CASE(a_file_whose_server_is_silent),
          FIXTURE_CASE(reads_that_poll_misleads_keep_their_order))
