/* ports.c: shared by the cases about ports. */
#include "ports.h"

#include <poll.h>

static int checked(portd_client *client, int code, const char *what) {
    if (code < 0)
        fail_msg("%s: %s: %s", what, portd_code_name(code), portd_last_error(client));
    return code;
}

/* ---- wrapping ----------------------------------------------------------------------------------------------------- */

static struct wrapped made(int code, struct wrapped ports) {
    assert_int_equal(code, (ports.in != 0) + (ports.out != 0));
    return ports;
}

struct wrapped port_wrap(portd_client *client, int fd, unsigned flags) {
    struct wrapped ports = {0, 0};
    int code = portd_fd_to_port(client, fd, "case", flags, fixture_soon(), &ports.in, &ports.out);

    return made(checked(client, code, "fd_to_port"), ports);
}

struct wrapped port_wrap_socket(portd_client *client, int fd) {
    struct wrapped ports = {0, 0};
    int code = portd_socket_to_port(client, fd, "case", 0, fixture_soon(), &ports.in, &ports.out);

    assert_int_equal(checked(client, code, "socket_to_port"), 2);
    return made(code, ports);
}

portd_id port_in(portd_client *client, int fd) { return port_wrap(client, fd, PORTD_READ).in; }

portd_id port_out(portd_client *client, int fd) { return port_wrap(client, fd, PORTD_WRITE).out; }

void port_close(portd_client *client, portd_id port) {
    assert_int_equal(checked(client, portd_port_close(client, port, fixture_soon()), "port_close"), 1);
}

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

void port_say(portd_client *client, portd_id out, const char *text) {
    size_t n = 0;
    int code = portd_port_write_all(client, out, text, strlen(text), fixture_soon(), &n);

    assert_int_equal(checked(client, code, "write"), 1);
    assert_int_equal(n, strlen(text));
}

void port_hear(portd_client *client, portd_id in, const char *text) {
    char bytes[256];
    size_t have = 0, want = strlen(text), n;

    assert_true(want < sizeof(bytes));
    while (have < want) {
        int code = portd_port_read(client, in, bytes + have, want - have, 0, fixture_soon(), &n, NULL);
        assert_int_equal(checked(client, code, "read"), 1);
        assert_true(n > 0);
        have += n;
    }
    bytes[have] = '\0';
    assert_string_equal(bytes, text);
}

void port_hear_end(portd_client *client, portd_id in) {
    size_t n = 77;
    char byte;

    assert_int_equal(
        checked(client, portd_port_read(client, in, &byte, 1, 0, fixture_soon(), &n, NULL), "read"), 0);
    assert_int_equal(n, 0);
}

void port_hear_nothing(portd_client *client, portd_id in) {
    size_t n = 77;
    char byte;

    assert_int_equal(portd_port_read(client, in, &byte, 1, 0, 0, &n, NULL), PORTD_E_TIMEOUT);
    assert_int_equal(n, 0);
}

void fd_say(int fd, const char *text) { assert_int_equal(write(fd, text, strlen(text)), strlen(text)); }

void fd_hear(int fd, const char *text) {
    char bytes[256];
    size_t have = 0, want = strlen(text);

    assert_true(want < sizeof(bytes));
    while (have < want) {
        assert_true(fixture_poll(fd, POLLIN) != 0);
        ssize_t n = read(fd, bytes + have, want - have);
        assert_true(n > 0);
        have += (size_t)n;
    }
    bytes[have] = '\0';
    assert_string_equal(bytes, text);
}

static bool is_left(void *data) {
    const int *wanted = data;

    return fd_left(wanted[0]) == wanted[1];
}

void fd_until_left(int fd, int n) {
    int wanted[2] = {fd, n};

    if (!fixture_until(is_left, wanted))
        fail_msg("%d bytes are left, not %d", fd_left(fd), n);
}

/* ---- in flight ---------------------------------------------------------------------------------------------------- */

static struct io *all_io(void) {
    /* Not on the stack of the case: a failed assertion leaves it while the request goes on. */
    static struct io all[IO_PARKED];

    return all;
}

static size_t io_serial;

static void on_io(portd_client *client, const portd_result *result, void *data) {
    struct io *io = data;

    (void)client;
    io->request = NULL;
    io->answers++;
    io->code = result->code;
    io->os_errno = result->os_errno;
    io->count = result->count;
    io->truncated = result->truncated;
    io->serial = ++io_serial;
    if (result->bytes && result->count <= sizeof(io->bytes))
        memcpy(io->bytes, result->bytes, result->count);
}

static struct io *io_new(portd_client *client) {
    static size_t used;
    struct io *io = &all_io()[used++ % IO_PARKED];

    memset(io, 0, offsetof(struct io, bytes));
    io->client = client;
    return io;
}

struct io *io_read_fast(portd_client *client, portd_id in, size_t size, unsigned flags) {
    struct io *io = io_new(client);

    checked(client, portd_port_read_start(client, in, size, flags, on_io, io, &io->request), "read_start");
    return io;
}

struct io *io_splice_fast(portd_client *client, portd_id port, int pipe, size_t least, size_t most) {
    struct io *io = io_new(client);

    checked(client, portd_port_splice_start(client, port, pipe, least, most, on_io, io, &io->request),
            "splice_start");
    return io;
}

struct io *io_write_fast(portd_client *client, portd_id out, const void *bytes, size_t size) {
    struct io *io = io_new(client);

    checked(client, portd_port_write_start(client, out, bytes, size, on_io, io, &io->request), "write_start");
    return io;
}

struct io *io_read(portd_client *client, portd_id in, size_t size, unsigned flags) {
    struct io *io = io_read_fast(client, in, size, flags);

    checked(client, portd_ping(client, fixture_soon()), "ping");
    return io;
}

struct io *io_write(portd_client *client, portd_id out, const void *bytes, size_t size) {
    struct io *io = io_write_fast(client, out, bytes, size);

    checked(client, portd_ping(client, fixture_soon()), "ping");
    return io;
}

struct io *io_splice(portd_client *client, portd_id port, int pipe, size_t least, size_t most) {
    struct io *io = io_splice_fast(client, port, pipe, least, most);

    checked(client, portd_ping(client, fixture_soon()), "ping");
    return io;
}

int io_answer(struct io *io) {
    int64_t deadline = fixture_soon();

    while (io->answers == 0) {
        int code = portd_poll(io->client, deadline);
        if (io->answers == 0 && code <= 0)
            fail_msg("there is no answer: %s", code ? portd_code_name(code) : "time has passed");
    }
    assert_int_equal(io->answers, 1);
    return io->code;
}

bool io_still_inflight(struct io *io) {
    checked(io->client, portd_ping(io->client, fixture_soon()), "ping");
    return io->answers == 0;
}

int io_cancel(struct io *io) {
    portd_cancel(io->request);
    return io_answer(io);
}
