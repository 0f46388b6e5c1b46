/* test_stream_win.c: what a worker reads and writes on Windows, by kind of handle: that it waits for nobody, takes no more than it answers, and that nobody else is
 * told of its operations. */
#include "tests/support/ends_win.h"
/* after winsock2.h */
#include "tests/support/test.h"

#include "daemon/object/stream.h"

#include <errno.h>

static int work(os_fd fd, enum inspect_type type, enum stream_what what, void *bytes, size_t size,
                struct stream_job *job) {
    *job = (struct stream_job){.fd = fd, .type = type, .what = what, .bytes = bytes, .size = size};
    return stream_work(job);
}

static void close_both(const os_fd ends[2]) {
    os_close(ends[0]);
    os_close(ends[1]);
}

/* Until it does not answer -EAGAIN: what was sent is not there at once. */
static int work_until(os_fd fd, enum inspect_type type, enum stream_what what, void *bytes, size_t size,
                      struct stream_job *job) {
    int error;

    while ((error = work(fd, type, what, bytes, size, job)) == -EAGAIN)
        Sleep(1);
    return error;
}

static void assert_bytes(const struct stream_job *job, const char *expected) {
    assert_int_equal(job->count, strlen(expected));
    assert_memory_equal(job->bytes, expected, strlen(expected));
    assert_false(job->end);
}

/* ---- sockets ---------------------------------------------------------------------------------------------------- */

static void a_connection(void **state) {
    struct stream_job job;
    unsigned char bytes[16];
    os_fd ends[2];

    (void)state;
    ends_tcp(ends);
    assert_int_equal(work(ends[0], INSPECT_TCP, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_int_equal(work(ends[0], INSPECT_TCP, STREAM_PEEK, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_int_equal(work(ends[1], INSPECT_TCP, STREAM_WRITE, "abcd", 4, &job), 0);
    assert_int_equal(job.count, 4);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(work_until(ends[0], INSPECT_TCP, STREAM_PEEK, bytes, sizeof(bytes), &job), 0);
        assert_bytes(&job, "abcd");
    }
    assert_int_equal(work(ends[0], INSPECT_TCP, STREAM_READ, bytes, 3, &job), 0);
    assert_bytes(&job, "abc"); /* no more than that */
    assert_int_equal(work(ends[0], INSPECT_TCP, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_bytes(&job, "d");
    assert_int_equal(work(ends[1], INSPECT_TCP, STREAM_WRITE, bytes, 0, &job), 0);
    assert_int_equal(stream_shutdown(ends[1], false, true), 0);
    assert_int_equal(work(ends[1], INSPECT_TCP, STREAM_WRITE, bytes, 1, &job), -EPIPE);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(work_until(ends[0], INSPECT_TCP, STREAM_READ, bytes, sizeof(bytes), &job), 0);
        assert_true(job.end && job.count == 0);
    }
    assert_int_equal(work(ends[0], INSPECT_TCP, STREAM_WRITE, "x", 1, &job), 0);
    close_both(ends);
}

/* All that is answered as written comes, and nothing else: a write that does not fit is not begun. */
static void a_connection_that_is_full(void **state) {
    static unsigned char bytes[65536], came[65536];
    struct stream_job job;
    size_t written = 0, read = 0;
    os_fd ends[2];
    int error;

    (void)state;
    ends_tcp(ends);
    for (;;) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (unsigned char)((written + i) % 251);
        error = work(ends[1], INSPECT_TCP, STREAM_WRITE, bytes, sizeof(bytes), &job);
        if (error)
            break;
        assert_in_range(job.count, 1, sizeof(bytes));
        written += job.count;
        assert_true(written < UINT64_C(1) << 30);
    }
    assert_int_equal(error, -EAGAIN);
    assert_int_equal(work(ends[1], INSPECT_TCP, STREAM_WRITE, bytes, 1, &job), -EAGAIN);
    while (read < written) {
        assert_int_equal(work_until(ends[0], INSPECT_TCP, STREAM_READ, came, sizeof(came), &job), 0);
        assert_true(job.count > 0);
        for (size_t i = 0; i < job.count; i++)
            assert_int_equal(came[i], (read + i) % 251);
        read += job.count;
    }
    assert_int_equal(read, written);
    assert_int_equal(work(ends[0], INSPECT_TCP, STREAM_READ, came, sizeof(came), &job), -EAGAIN);
    assert_int_equal(work_until(ends[1], INSPECT_TCP, STREAM_WRITE, bytes, 1, &job), 0);
    close_both(ends);
}

static void reset_pair(os_fd ends[2]) {
    struct linger linger = {.l_onoff = 1};

    ends_tcp(ends);
    assert_int_equal(
        setsockopt((SOCKET)ends[1], SOL_SOCKET, SO_LINGER, (const char *)&linger, sizeof(linger)), 0);
    os_close(ends[1]);
}

static void a_connection_that_was_reset(void **state) {
    struct stream_job job;
    unsigned char bytes[16];
    os_fd ends[2];

    (void)state;
    reset_pair(ends);
    bool tells = recv((SOCKET)ends[0], (char *)bytes, 1, 0) < 0;
    os_close(ends[0]);
    if (!tells)
        test_skip("this system reads the end of file where a connection was reset (wine)");
    reset_pair(ends);
    assert_int_equal(work_until(ends[0], INSPECT_TCP, STREAM_READ, bytes, sizeof(bytes), &job), -ECONNRESET);
    os_close(ends[0]);
}

/* The holder has its own completion port, and does not get what was not its own. */
static void a_holder_is_not_told(void **state) {
    struct stream_job job;
    unsigned char bytes[16];
    os_fd ends[2];
    OVERLAPPED_ENTRY packet;
    ULONG n = 0;

    (void)state;
    for (int pipe = 0; pipe < 2; pipe++) {
        enum inspect_type type = pipe ? INSPECT_PIPE : INSPECT_TCP;
        if (pipe)
            ends_pipe(ends, false);
        else
            ends_tcp(ends);
        HANDLE port = CreateIoCompletionPort(ends[0], NULL, 1, 1);
        assert_non_null(port);
        assert_int_equal(work(ends[0], type, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
        assert_int_equal(work(ends[1], type, STREAM_WRITE, "x", 1, &job), 0);
        assert_int_equal(work_until(ends[0], type, STREAM_PEEK, bytes, sizeof(bytes), &job), 0);
        assert_int_equal(work(ends[0], type, STREAM_READ, bytes, sizeof(bytes), &job), 0);
        assert_int_equal(work(ends[0], type, STREAM_WRITE, "x", 1, &job), 0);
        assert_false(GetQueuedCompletionStatusEx(port, &packet, 1, &n, 50, FALSE));
        assert_int_equal(GetLastError(), WAIT_TIMEOUT);
        os_close(port);
        close_both(ends);
    }
}

static void datagrams(void **state) {
    struct sockaddr_in address;
    struct stream_job job;
    unsigned char bytes[4];
    os_fd to = ends_bound(SOCK_DGRAM, &address), from = ends_socket(AF_INET, SOCK_DGRAM);

    (void)state;
    assert_int_equal(work(to, INSPECT_UDP, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_true(work(from, INSPECT_UDP, STREAM_WRITE, bytes, 1, &job) < -EAGAIN); /* wine: EINVAL */
    assert_int_equal(connect((SOCKET)from, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(work(from, INSPECT_UDP, STREAM_WRITE, "abcdefgh", 8, &job), 0);
    assert_int_equal(job.count, 8);
    assert_int_equal(work(from, INSPECT_UDP, STREAM_WRITE, bytes, 0, &job), 0);
    assert_int_equal(work(from, INSPECT_UDP, STREAM_WRITE, "ij", 2, &job), 0);
    assert_int_equal(work_until(to, INSPECT_UDP, STREAM_PEEK, bytes, sizeof(bytes), &job), 0);
    assert_bytes(&job, "abcd");
    assert_int_equal(job.truncated, 8);
    assert_int_equal(work(to, INSPECT_UDP, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_bytes(&job, "abcd");
    assert_int_equal(job.truncated, 8);
    assert_int_equal(work_until(to, INSPECT_UDP, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_true(job.count == 0 && !job.end && !job.truncated); /* an empty one is not the end */
    assert_int_equal(work_until(to, INSPECT_UDP, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_bytes(&job, "ij");
    assert_int_equal(job.truncated, 0);
    os_close(to);
    os_close(from);
}

static void addresses(void **state) {
    struct stream_address own, peer, other;
    struct sockaddr_in address;
    os_fd ends[2], listener = ends_bound(SOCK_STREAM, &address), new = ends_socket(AF_INET, SOCK_DGRAM);

    (void)state;
    ends_tcp(ends);
    assert_int_equal(stream_addresses(ends[0], &own, &peer), 0);
    assert_string_equal(own.family, "inet");
    assert_string_equal(own.host, "127.0.0.1");
    assert_string_equal(peer.host, "127.0.0.1");
    assert_int_equal(stream_addresses(ends[1], &other, &own), 0);
    assert_int_equal(other.port, peer.port);
    assert_int_equal(stream_addresses(listener, &own, &peer), 0);
    assert_int_equal(own.port, ntohs(address.sin_port));
    assert_null(peer.family);
    assert_int_equal(stream_addresses(new, &own, &peer), 0); /* it was never bound */
    assert_null(peer.family);
    close_both(ends);
    os_close(listener);
    os_close(new);
}

static void what_is_no_connection(void **state) {
    struct sockaddr_in address;
    struct stream_job job;
    unsigned char bytes[4];
    os_fd listener = ends_bound(SOCK_STREAM, &address);

    (void)state;
    assert_int_equal(listen((SOCKET)listener, 1), 0);
    assert_int_equal(work(listener, INSPECT_TCP_LISTENER, STREAM_READ, bytes, sizeof(bytes), &job),
                     -ENOTCONN);
    job = (struct stream_job){.fd = listener, .type = INSPECT_TCP_LISTENER, .what = STREAM_READ};
    assert_false(stream_waits(&job));
    os_close(listener);
}

/* Of which nothing tells when it would be ready. */
static void what_is_a_device_is_not_waited_for(void **state) {
    struct stream_job job = {.type = INSPECT_DEVICE};

    (void)state;
    assert_false(inspect_tells_ready(job.type, false));
    job.what = STREAM_READ;
    assert_false(stream_waits(&job));
    job.what = STREAM_WRITE;
    assert_false(stream_waits(&job));
}

/* ---- pipes ------------------------------------------------------------------------------------------------------ */

/* All of it: without room to be told of a byte at a time is written. */
static void write_all(os_fd fd, const char *text) {
    struct stream_job job;

    while (*text) {
        assert_int_equal(work(fd, INSPECT_PIPE, STREAM_WRITE, (void *)(uintptr_t)text, strlen(text), &job),
                         0);
        assert_in_range(job.count, 1, strlen(text));
        text += job.count;
    }
}

static void a_pipe_of_bytes(void **state) {
    struct stream_job job;
    unsigned char bytes[16];
    os_fd ends[2];

    (void)state;
    ends_pipe(ends, false);
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_PEEK, bytes, sizeof(bytes), &job), -EAGAIN);
    write_all(ends[1], "abcd");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(work_until(ends[0], INSPECT_PIPE, STREAM_PEEK, bytes, 2, &job), 0);
        assert_bytes(&job, "ab");
    }
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, bytes, 3, &job), 0);
    assert_bytes(&job, "abc");
    os_close(ends[1]);
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_bytes(&job, "d");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            work(ends[0], INSPECT_PIPE, i ? STREAM_PEEK : STREAM_READ, bytes, sizeof(bytes), &job), 0);
        assert_true(job.end && job.count == 0);
    }
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_WRITE, "x", 1, &job), -EPIPE);
    os_close(ends[0]);
}

/* A message that does not fit is read in parts. */
static void a_pipe_of_messages(void **state) {
    struct stream_job job;
    unsigned char bytes[16];
    os_fd ends[2];

    (void)state;
    ends_pipe(ends, true);
    assert_int_equal(work(ends[1], INSPECT_PIPE, STREAM_WRITE, "abcd", 4, &job), 0);
    assert_int_equal(job.count, 4);
    assert_int_equal(work(ends[1], INSPECT_PIPE, STREAM_WRITE, "ef", 2, &job), 0);
    assert_int_equal(work_until(ends[0], INSPECT_PIPE, STREAM_PEEK, bytes, 3, &job), 0);
    assert_bytes(&job, "abc");
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, bytes, 3, &job), 0);
    assert_bytes(&job, "abc");
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_bytes(&job, "d");
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_bytes(&job, "ef");
    assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    close_both(ends);
}

static void a_pipe_that_is_full(void **state) {
    struct stream_job job;
    unsigned char bytes[65536];
    size_t written = 0, read = 0;
    os_fd ends[2];
    int error;

    (void)state;
    for (int messages = 0; messages < 2; messages++) {
        ends_pipe(ends, messages);
        written = read = 0;
        while (!(error = work(ends[1], INSPECT_PIPE, STREAM_WRITE, memset(bytes, 'x', 100), 100, &job))) {
            written += job.count;
            assert_true(written < UINT64_C(1) << 24);
        }
        assert_int_equal(error, -EAGAIN);
        assert_false(stream_waits(&job)); /* nothing would tell */
        while (read < written) {
            assert_int_equal(work_until(ends[0], INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), 0);
            read += job.count;
        }
        assert_int_equal(read, written);
        assert_int_equal(work(ends[0], INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
        close_both(ends);
    }
}

/* The server's end, to which no client has come, or whose client has left. */
static void a_pipe_without_another_end(void **state) {
    struct stream_job job;
    unsigned char bytes[16];
    os_fd pipe = CreateNamedPipeA("\\\\.\\pipe\\portd-test-alone", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                  0, 1, 4096, 4096, 0, NULL);

    (void)state;
    assert_int_equal(work(pipe, INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_int_equal(work(pipe, INSPECT_PIPE, STREAM_WRITE, bytes, 1, &job), -EAGAIN);
    os_close(CreateFileA("\\\\.\\pipe\\portd-test-alone", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL));
    assert_int_equal(work_until(pipe, INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_true(job.end);
    assert_true(DisconnectNamedPipe(pipe));
    assert_int_equal(work(pipe, INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_true(job.end);
    assert_int_equal(work(pipe, INSPECT_PIPE, STREAM_WRITE, bytes, 1, &job), -EPIPE);
    os_close(pipe);
}

/* A longer message could not be given up without being torn. */
static void a_message_fits_or_is_refused(void **state) {
    static const char name[] = "\\\\.\\pipe\\portd-test-message";
    struct stream_job job;
    unsigned char bytes[128] = {0};
    os_fd server = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                    PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, 64, 32, 0, NULL);
    os_fd client =
        CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);

    (void)state;
    assert_int_equal(work(server, INSPECT_PIPE, STREAM_WRITE, bytes, 65, &job), STREAM_E_MESSAGE);
    assert_int_equal(work(server, INSPECT_PIPE, STREAM_WRITE, bytes, 64, &job), 0);
    assert_int_equal(job.count, 64);
    assert_int_equal(work(client, INSPECT_PIPE, STREAM_WRITE, bytes, 33, &job), STREAM_E_MESSAGE);
    assert_int_equal(work(client, INSPECT_PIPE, STREAM_WRITE, bytes, 32, &job), 0);
    assert_int_equal(work_until(client, INSPECT_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_int_equal(job.count, 64);
    os_close(server);
    os_close(client);
}

static void a_plain_pipe(void **state) {
    struct stream_job job;
    unsigned char bytes[16];
    os_fd ends[2];
    DWORD n;

    (void)state;
    ends_plain_pipe(ends);
    assert_int_equal(work(ends[0], INSPECT_PLAIN_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_true(WriteFile(ends[1], "abcd", 4, &n, NULL));
    assert_int_equal(work(ends[0], INSPECT_PLAIN_PIPE, STREAM_PEEK, bytes, sizeof(bytes), &job), 0);
    assert_bytes(&job, "abcd");
    assert_int_equal(work(ends[0], INSPECT_PLAIN_PIPE, STREAM_READ, bytes, 3, &job), 0);
    assert_bytes(&job, "abc");
    assert_int_equal(work(ends[0], INSPECT_FILE, STREAM_READ, bytes, 3, &job), 0); /* it is found out */
    assert_bytes(&job, "d");
    assert_int_equal(job.type, INSPECT_FILE);
    assert_int_equal(work(ends[1], INSPECT_PLAIN_PIPE, STREAM_WRITE, "x", 1, &job), STREAM_E_PLAIN);
    os_close(ends[1]);
    assert_int_equal(work(ends[0], INSPECT_PLAIN_PIPE, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_true(job.end);
    os_close(ends[0]);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static void a_file(void **state) {
    struct stream_job job;
    unsigned char bytes[16];
    os_fd file = ends_file(GENERIC_READ | GENERIC_WRITE, 0), copy = os_dup(file);

    (void)state;
    assert_int_equal(work(file, INSPECT_REGULAR, STREAM_WRITE, "abcd", 4, &job), 0);
    assert_int_equal(job.count, 4);
    assert_int_equal(work(file, INSPECT_REGULAR, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_true(job.end && job.count == 0);
    job = (struct stream_job){
        .fd = file, .type = INSPECT_REGULAR, .what = STREAM_SEEK, .set = true, .offset = 1};
    assert_int_equal(stream_work(&job), 0);
    assert_int_equal(job.offset, 1);
    assert_int_equal(work(copy, INSPECT_REGULAR, STREAM_READ, bytes, 2, &job), 0); /* they share it */
    assert_bytes(&job, "bc");
    job = (struct stream_job){.fd = file, .type = INSPECT_REGULAR, .what = STREAM_SEEK};
    assert_int_equal(stream_work(&job), 0);
    assert_int_equal(job.offset, 3);
    job.set = true;
    job.offset = UINT64_MAX;
    assert_int_equal(stream_work(&job), -EINVAL);
    assert_false(stream_can_peek(INSPECT_REGULAR));
    assert_int_equal(work(file, INSPECT_REGULAR, STREAM_PEEK, bytes, 1, &job), -EOPNOTSUPP);
    assert_int_equal(work(file, INSPECT_REGULAR, STREAM_SPLICE_READ, bytes, 1, &job), -EOPNOTSUPP);
    os_close(file);
    os_close(copy);
}

static void a_file_without_a_position(void **state) {
    struct stream_job job;
    unsigned char bytes[16];
    os_fd file = ends_file(GENERIC_READ | GENERIC_WRITE, FILE_FLAG_OVERLAPPED);

    (void)state;
    assert_int_equal(work(file, INSPECT_REGULAR, STREAM_READ, bytes, 1, &job), STREAM_E_POSITION);
    assert_int_equal(work(file, INSPECT_REGULAR, STREAM_WRITE, bytes, 1, &job), STREAM_E_POSITION);
    job = (struct stream_job){.fd = file, .type = INSPECT_REGULAR, .what = STREAM_SEEK};
    assert_int_equal(stream_work(&job), STREAM_E_POSITION);
    os_close(file);
}

static void the_null_device(void **state) {
    struct stream_job job;
    unsigned char bytes[16];

    (void)state;
    for (int overlapped = 0; overlapped < 2; overlapped++) {
        os_fd null = ends_null(overlapped ? FILE_FLAG_OVERLAPPED : 0);
        assert_int_equal(work(null, INSPECT_CHARACTER, STREAM_WRITE, bytes, 16, &job), 0);
        assert_int_equal(job.count, 16);
        assert_int_equal(work(null, INSPECT_CHARACTER, STREAM_READ, bytes, 16, &job), 0);
        assert_true(job.end && job.count == 0);
        os_close(null);
    }
}

static void what_has_no_bytes(void **state) {
    static const enum inspect_type types[] = {INSPECT_EVENT_OBJECT, INSPECT_PROCESS, INSPECT_DEVICE,
                                              INSPECT_DIRECTORY, INSPECT_OTHER};
    struct stream_job job;
    unsigned char bytes[1];
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        assert_int_equal(work(event, types[i], STREAM_READ, bytes, 1, &job), STREAM_E_KIND);
        assert_int_equal(work(event, types[i], STREAM_WRITE, bytes, 1, &job), STREAM_E_KIND);
        assert_false(stream_can_peek(types[i]));
    }
    os_close(event);
}

/* Keys that are no characters make it signalled, and a read would wait. */
static void a_console(void **state) {
    HANDLE console = CreateFileA("CONIN$", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                 NULL, OPEN_EXISTING, 0, NULL);
    INPUT_RECORD shift = {.EventType = KEY_EVENT, .Event.KeyEvent = {.bKeyDown = TRUE, .wRepeatCount = 1}};
    INPUT_RECORD letter = shift, enter = shift;
    struct stream_job job;
    unsigned char bytes[16];
    DWORD n, mode = 0;

    (void)state;
    if (console == INVALID_HANDLE_VALUE || !GetConsoleMode(console, &mode)) {
        if (console != INVALID_HANDLE_VALUE)
            os_close(console);
        test_skip("there is no console");
    }
    shift.Event.KeyEvent.wVirtualKeyCode = VK_SHIFT;
    letter.Event.KeyEvent.uChar.UnicodeChar = L'a';
    enter.Event.KeyEvent.uChar.UnicodeChar = L'\r';
    enter.Event.KeyEvent.wVirtualKeyCode = VK_RETURN;
    assert_int_equal(inspect_type_of(console, 0), INSPECT_TTY);
    assert_true(SetConsoleMode(console, ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT));
    assert_true(FlushConsoleInputBuffer(console));
    assert_int_equal(work(console, INSPECT_TTY, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_true(WriteConsoleInputW(console, &shift, 1, &n) && WriteConsoleInputW(console, &letter, 1, &n));
    assert_int_equal(work(console, INSPECT_TTY, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_true(WriteConsoleInputW(console, &enter, 1, &n));
    assert_int_equal(work(console, INSPECT_TTY, STREAM_READ, bytes, sizeof(bytes), &job), 0);
    assert_bytes(&job, "a\r\n");
    assert_true(SetConsoleMode(console, 0));
    assert_int_equal(work(console, INSPECT_TTY, STREAM_READ, bytes, sizeof(bytes), &job), -EAGAIN);
    assert_true(WriteConsoleInputW(console, &letter, 1, &n));
    assert_int_equal(work(console, INSPECT_TTY, STREAM_READ, bytes, 1, &job), 0);
    assert_bytes(&job, "a");
    assert_true(SetConsoleMode(console, mode));
    os_close(console);
}

int main(void) {
    struct CMUnitTest cases[] = {TEST_CASE(a_connection),
                                 TEST_CASE(a_connection_that_is_full),
                                 TEST_CASE(a_connection_that_was_reset),
                                 TEST_CASE(a_holder_is_not_told),
                                 TEST_CASE(datagrams),
                                 TEST_CASE(addresses),
                                 TEST_CASE(what_is_no_connection),
                                 TEST_CASE(what_is_a_device_is_not_waited_for),
                                 TEST_CASE(a_pipe_of_bytes),
                                 TEST_CASE(a_pipe_of_messages),
                                 TEST_CASE(a_pipe_that_is_full),
                                 TEST_CASE(a_pipe_without_another_end),
                                 TEST_CASE(a_message_fits_or_is_refused),
                                 TEST_CASE(a_plain_pipe),
                                 TEST_CASE(a_file),
                                 TEST_CASE(a_file_without_a_position),
                                 TEST_CASE(the_null_device),
                                 TEST_CASE(what_has_no_bytes),
                                 TEST_CASE(a_console)};
    struct stream_job job;

    ends_begin();
    os_fd warm = ends_socket(
        AF_INET, SOCK_STREAM); /* Winsock and the driver of sockets keep some handles of their own */
    (void)work(warm, INSPECT_TCP, STREAM_WRITE, NULL, 0, &job);
    os_close(warm);
    return TEST_RUN(cases);
}
