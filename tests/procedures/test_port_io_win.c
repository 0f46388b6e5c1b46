/* test_port_io_win.c: reading and writing each kind of handle of Windows through the broker. */
#include "tests/support/ends_win.h"
/* after winsock2.h */
#include "tests/support/fixture.h"

enum { MANY = 300000 };

static void close_both(const os_fd ends[2]) {
    os_close(ends[0]);
    os_close(ends[1]);
}

static portd_id wrap(portd_client *c, os_fd fd, unsigned direction) {
    portd_id input, output;

    assert_int_equal(
        portd_fd_to_port(c, (portd_native)fd, "test", direction, fixture_soon(), &input, &output), 1);
    return direction == PORTD_READ ? input : output;
}

static void assert_reads(portd_client *c, portd_id port, unsigned flags, const char *expected) {
    char bytes[64];
    size_t count = 0;

    assert_int_equal(portd_port_read(c, port, bytes, sizeof(bytes), flags, fixture_soon(), &count, NULL), 1);
    assert_int_equal(count, strlen(expected));
    assert_memory_equal(bytes, expected, count);
}

static void assert_ends(portd_client *c, portd_id port) {
    char byte;
    size_t count = 7;

    assert_int_equal(portd_port_read(c, port, &byte, 1, 0, fixture_soon(), &count, NULL), 0);
    assert_int_equal(count, 0);
}

static void assert_writes(portd_client *c, portd_id port, const char *text) {
    size_t count = 0;

    assert_int_equal(portd_port_write_all(c, port, text, strlen(text), fixture_soon(), &count), 1);
    assert_int_equal(count, strlen(text));
}

static void connections(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id input, output;
    portd_endpoint own = PORTD_ENDPOINT_INIT, peer = PORTD_ENDPOINT_INIT;
    char bytes[8];
    os_fd ends[2];

    (void)state;
    ends_begin();
    ends_tcp(ends);
    assert_int_equal(
        portd_socket_to_port(c, (portd_native)ends[0], "test", 0, fixture_soon(), &input, &output), 2);
    assert_writes(c, output, "abc");
    assert_int_equal(recv((SOCKET)ends[1], bytes, sizeof(bytes), 0), 3);
    assert_int_equal(send((SOCKET)ends[1], "defg", 4, 0), 4);
    assert_reads(c, input, PORTD_PEEK, "defg");
    assert_reads(c, input, 0, "defg");
    assert_int_equal(portd_port_addresses(c, input, fixture_soon(), &own, &peer), 1);
    assert_string_equal(own.host, "127.0.0.1");
    assert_int_equal(portd_port_shutdown(c, output, PORTD_WRITE, fixture_soon()), 1);
    assert_int_equal(recv((SOCKET)ends[1], bytes, sizeof(bytes), 0), 0);
    assert_int_equal(shutdown((SOCKET)ends[1], SD_SEND), 0);
    assert_ends(c, input);
    close_both(ends);
}

struct drain {
    os_fd fd;
    size_t bytes;
    bool wrong;
};

static DWORD WINAPI drain(void *context) {
    struct drain *drain = context;
    char bytes[4096];
    int n;

    while ((n = recv((SOCKET)drain->fd, bytes, sizeof(bytes), 0)) > 0)
        for (int i = 0; i < n; i++)
            drain->wrong = drain->wrong || bytes[i] != (char)(drain->bytes++ % 251);
    return 0;
}

/* More than fits: each write waits for room, and what was answered as written comes once. */
static void much(void **state) {
    static char bytes[MANY * 20];
    portd_client *c = fixture_client(NULL);
    portd_id input, output;
    struct drain drained = {0};
    os_fd ends[2];
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i % 251);
    ends_tcp(ends);
    assert_int_equal(
        portd_socket_to_port(c, (portd_native)ends[0], "test", 0, fixture_soon(), &input, &output), 2);
    drained.fd = ends[1];
    HANDLE thread = CreateThread(NULL, 0, drain, &drained, 0, NULL);
    assert_int_equal(portd_port_write_all(c, output, bytes, sizeof(bytes), fixture_soon(), &count), 1);
    assert_int_equal(portd_port_shutdown(c, output, PORTD_WRITE, fixture_soon()), 1);
    assert_int_equal(WaitForSingleObject(thread, 60000), WAIT_OBJECT_0);
    assert_int_equal(drained.bytes, sizeof(bytes));
    assert_false(drained.wrong);
    os_close(thread);
    close_both(ends);
}

static void pipes(void **state) {
    portd_client *c = fixture_client(NULL);
    os_fd ends[2];

    (void)state;
    for (int messages = 0; messages < 2; messages++) {
        ends_pipe(ends, messages);
        portd_id input = wrap(c, ends[0], PORTD_READ), output = wrap(c, ends[1], PORTD_WRITE);
        portd_ready ready;
        assert_int_equal(portd_wait(c, &input, 1, 0, 0, &ready), 0);
        assert_int_equal(portd_wait(c, &output, 1, 0, 0, &ready), PORTD_E_UNSUPPORTED);
        assert_writes(c, output, "abc");
        assert_int_equal(portd_wait(c, &input, 1, 0, fixture_soon(), &ready), 1);
        assert_reads(c, input, PORTD_PEEK, "abc");
        assert_reads(c, input, 0, "abc");
        assert_int_equal(portd_port_close(c, output, fixture_soon()), 1);
        os_close(ends[1]);
        assert_ends(c, input);
        assert_int_equal(portd_port_close(c, input, fixture_soon()), 1);
        os_close(ends[0]);
    }
}

/* A write waits for a reader by pauses, since nothing tells of room. */
static void a_full_pipe(void **state) {
    static char bytes[65536];
    portd_client *c = fixture_client(NULL), *reader = fixture_client(NULL);
    os_fd ends[2];
    size_t count, written = 0, read = 0;

    (void)state;
    ends_pipe(ends, false);
    portd_id input = wrap(reader, ends[0], PORTD_READ), output = wrap(c, ends[1], PORTD_WRITE);
    int result;
    while ((result = portd_port_write(c, output, bytes, 1000, portd_now() + 200 * 1000, &count)) == 1)
        written += count;
    assert_int_equal(result, PORTD_E_TIMEOUT);
    while (read < written) {
        assert_int_equal(
            portd_port_read(reader, input, bytes, sizeof(bytes), 0, fixture_soon(), &count, NULL), 1);
        read += count;
    }
    assert_int_equal(read, written);
    assert_writes(c, output, "more");
    close_both(ends);
}

static void plain_pipes(void **state) {
    portd_client *c = fixture_client(NULL);
    os_fd ends[2];
    size_t count;
    DWORD n;

    (void)state;
    ends_plain_pipe(ends);
    portd_id input = wrap(c, ends[0], PORTD_READ), output = wrap(c, ends[1], PORTD_WRITE);
    assert_int_equal(portd_port_write(c, output, "x", 1, fixture_soon(), &count), PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_port_close(c, output, fixture_soon()), 1);
    assert_true(WriteFile(ends[1], "abc", 3, &n, NULL));
    assert_reads(c, input, PORTD_PEEK, "abc");
    assert_reads(c, input, 0, "abc");
    os_close(ends[1]);
    assert_ends(c, input);
    os_close(ends[0]);
}

static void files(void **state) {
    portd_client *c = fixture_client(NULL);
    os_fd file = ends_file(GENERIC_READ | GENERIC_WRITE, 0);
    portd_id input, output;
    char byte;
    size_t count;

    (void)state;
    assert_int_equal(portd_fd_to_port(c, (portd_native)file, "test",
                                      PORTD_READ | PORTD_WRITE | PORTD_REGULAR_FILE, fixture_soon(), &input,
                                      &output),
                     2);
    assert_writes(c, output, "abcdef");
    assert_ends(c, input);
    assert_int_equal(SetFilePointer(file, 2, NULL, FILE_BEGIN), 2); /* the position is shared */
    assert_reads(c, input, 0, "cdef");
    assert_int_equal(portd_port_read(c, input, &byte, 1, PORTD_PEEK, fixture_soon(), &count, NULL),
                     PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_port_close(c, input, fixture_soon()), 1);
    assert_int_equal(portd_port_close(c, output, fixture_soon()), 1);
    os_close(file);
    file = ends_file(GENERIC_READ, FILE_FLAG_OVERLAPPED);
    input = wrap(c, file, PORTD_READ);
    assert_int_equal(portd_port_read(c, input, &byte, 1, 0, fixture_soon(), &count, NULL),
                     PORTD_E_UNSUPPORTED);
    os_close(file);
}

static void what_has_no_bytes(void **state) {
    portd_client *c = fixture_client(NULL);
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL), file = ends_file(GENERIC_READ, 0);
    portd_id input, output;

    (void)state;
    assert_int_equal(
        portd_fd_to_port(c, (portd_native)event, "test", PORTD_READ, fixture_soon(), &input, &output),
        PORTD_E_INVALID);
    assert_int_equal(
        portd_fd_to_port(c, (portd_native)file, "test", PORTD_WRITE, fixture_soon(), &input, &output),
        PORTD_E_INVALID); /* it is not open for that */
    assert_int_equal(portd_socket_to_port(c, (portd_native)file, "test", 0, fixture_soon(), &input, &output),
                     PORTD_E_INVALID);
    os_close(event);
    os_close(file);
}

int main(void) {
    struct CMUnitTest cases[] = {
        FIXTURE_CASE(connections),      FIXTURE_CASE(much),        FIXTURE_CASE(pipes),
        FIXTURE_CASE(a_full_pipe),      FIXTURE_CASE(plain_pipes), FIXTURE_CASE(files),
        FIXTURE_CASE(what_has_no_bytes)};

    return TEST_RUN(cases);
}
