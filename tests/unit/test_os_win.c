/* test_os_win.c: the functions of os.h, and sockets among handles. */
#include <winsock2.h>
/* winsock2.h must come first */
#include "tests/support/test.h"

#include "proto/os.h"
#include "proto/winsock_win.h"

#include <windows.h>

static bool is_open(os_fd fd) {
    DWORD flags;

    return GetHandleInformation(fd, &flags);
}

static HANDLE file_open(void) {
    HANDLE file = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);

    assert_true(file != INVALID_HANDLE_VALUE);
    return file;
}

static int socket_type(os_fd fd) {
    int type = -1, size = sizeof(type);

    return getsockopt((SOCKET)fd, SOL_SOCKET, SO_TYPE, (char *)&type, &size) == 0 ? type : -1;
}

static os_fd socket_make(int type) {
    WSADATA data;

    assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
    SOCKET made = socket(AF_INET, type, 0);
    assert_true(made != INVALID_SOCKET);
    return (os_fd)made;
}

static void close_keeps_errno(void **state) {
    (void)state;
    errno = EDOM;
    os_close(OS_FD_NONE);
    os_close((os_fd)0x7FFFFFF0); /* not open: the failure is nobody's business */
    HANDLE file = file_open();
    os_close(file);
    assert_int_equal(errno, EDOM);
    assert_false(is_open(file));
}

static void copies_are_not_inherited(void **state) {
    HANDLE file = file_open();
    DWORD flags;

    (void)state;
    assert_true(SetHandleInformation(file, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    os_fd copy = os_dup(file);
    assert_true(GetHandleInformation(copy, &flags) && !(flags & HANDLE_FLAG_INHERIT));
    os_close(copy);
    os_close(file);
}

static void a_copy_that_cannot_be_made_is_none(void **state) {
    (void)state;
    errno = 0;
    assert_ptr_equal(os_dup((os_fd)0x7FFFFFF0), OS_FD_NONE);
    assert_int_equal(errno, EBADF);
}

static void sockets_are_told_from_other_handles(void **state) {
    os_fd stream = socket_make(SOCK_STREAM), datagram = socket_make(SOCK_DGRAM);
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL), file = file_open(), pipes[2];

    (void)state;
    assert_true(CreatePipe(&pipes[0], &pipes[1], NULL, 0));
    assert_true(winsock_is(stream) && winsock_is(datagram));
    assert_false(winsock_is(event) || winsock_is(file) || winsock_is(pipes[0]) || winsock_is(pipes[1]));
    assert_false(winsock_is(GetCurrentProcess()) || winsock_is(NULL) || winsock_is(OS_FD_NONE));
    assert_false(winsock_is((os_fd)0x7FFFFFF0));
    os_close(stream);
    assert_false(winsock_is(stream) && is_open(stream));
    os_close(datagram);
    os_close(event);
    os_close(file);
    os_close(pipes[0]);
    os_close(pipes[1]);
}

static void a_copy_of_a_socket_is_a_socket(void **state) {
    os_fd socket = socket_make(SOCK_DGRAM), copy = os_dup(socket);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, told;
    int size = sizeof(told);

    (void)state;
    assert_int_equal(socket_type(copy), SOCK_DGRAM);
    assert_int_equal(bind((SOCKET)socket, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(getsockname((SOCKET)copy, (struct sockaddr *)&told, &size), 0); /* the same one */
    assert_true(told.sin_port != 0);
    os_close(socket);
    assert_int_equal(socket_type(copy), SOCK_DGRAM);
    os_close(copy);
    assert_int_equal(socket_type(copy), -1);
}

/* What DuplicateHandle makes of a socket, Winsock may not know: it is one all the same, can be copied to one that Winsock knows, and is closed. */
static void a_duplicated_handle_is_adopted(void **state) {
    os_fd socket = socket_make(SOCK_STREAM), copy;
    HANDLE duplicate, self = GetCurrentProcess();

    (void)state;
    assert_true(DuplicateHandle(self, socket, self, &duplicate, 0, FALSE, DUPLICATE_SAME_ACCESS));
    assert_true(winsock_is(duplicate));
    assert_int_equal(winsock_copy(duplicate, &copy), 0);
    os_close(duplicate);
    assert_false(is_open(duplicate));
    os_close(socket);
    assert_int_equal(socket_type(copy), SOCK_STREAM);
    os_close(copy);
}

/* As in a process that got the handle from another one, and has never called Winsock. */
static void a_socket_is_closed_without_winsock(void **state) {
    os_fd socket = socket_make(SOCK_STREAM);
    HANDLE duplicate, self = GetCurrentProcess();
    WSADATA data;
    int begun = 0;

    (void)state;
    assert_true(DuplicateHandle(self, socket, self, &duplicate, 0, FALSE, DUPLICATE_SAME_ACCESS));
    os_close(socket);
    while (WSACleanup() == 0)
        begun++;
    assert_int_equal(WSAGetLastError(), WSANOTINITIALISED);
    assert_true(winsock_is(duplicate));
    os_close(duplicate);
    assert_false(is_open(duplicate));
    while (begun-- > 0)
        assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
}

static void what_is_no_socket_is_not_passed(void **state) {
    struct winsock_passed passed = {0};
    HANDLE file = file_open();
    os_fd fd;

    (void)state;
    assert_true(winsock_pass(file, GetCurrentProcessId(), &passed) < 0);
    assert_true(winsock_open(&passed, &fd) < 0);
    assert_true(winsock_copy(file, &fd) < 0);
    os_close(file);
}

static void the_clocks_do_not_go_back(void **state) {
    int64_t before = os_now_us(), coarse = os_coarse_us();

    (void)state;
    assert_true(before > 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now = os_now_us();
        assert_true(now >= before);
        before = now;
    }
    assert_true(os_coarse_us() >= coarse && os_coarse_us() <= os_now_us()); /* one clock */
    assert_true(os_wall_us() > INT64_C(1700000000000000));
    int64_t spent = os_thread_us();
    while (os_thread_us() <= spent) /* it grows as the thread runs */
        before = os_now_us();
    assert_true(os_thread_kernel_us() >= 0);
}

static void randomness_fills_every_size(void **state) {
    uint8_t one[1000], other[1000];

    (void)state;
    for (size_t size = 0; size <= sizeof(one); size += 250) {
        memset(one, 0, sizeof(one));
        memset(other, 0, sizeof(other));
        assert_int_equal(os_random(one, size), 0);
        assert_int_equal(os_random(other, size), 0);
        assert_true(size == 0 || memcmp(one, other, size) != 0);
        for (size_t i = size; i < sizeof(one); i++)
            assert_int_equal(one[i], 0);
    }
}

/* Also what the C library has no text for. A text stays what it is. */
static void every_errno_has_a_text(void **state) {
    static const int numbers[] = {EPERM,        ENOENT, EIO,       EBADF,   EAGAIN,     ENOMEM,
                                  EACCES,       EINVAL, EPIPE,     ENOSYS,  EILSEQ,     EADDRINUSE,
                                  ECONNRESET,   EDQUOT, ECANCELED, ENOTSUP, EOPNOTSUPP, EWOULDBLOCK,
                                  ETOOMANYREFS, EPROTO, ELOOP};
    const char *texts[sizeof(numbers) / sizeof(*numbers)];

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        texts[i] = os_error_text(numbers[i]);
        assert_string_not_equal(texts[i], "Unknown error");
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(texts[i], texts[j]);
    }
    assert_string_equal(os_error_text(ENOENT), "No such file or directory");
    assert_string_equal(os_error_text(ECONNRESET), "Connection reset by peer");
    assert_string_equal(os_error_text(12345), "Unknown error");
    assert_string_equal(os_error_text(-1), "Unknown error");
}

TEST_MAIN(TEST_CASE(close_keeps_errno), TEST_CASE(copies_are_not_inherited),
          TEST_CASE(a_copy_that_cannot_be_made_is_none), TEST_CASE(sockets_are_told_from_other_handles),
          TEST_CASE(a_copy_of_a_socket_is_a_socket), TEST_CASE(a_duplicated_handle_is_adopted),
          TEST_CASE(a_socket_is_closed_without_winsock), TEST_CASE(what_is_no_socket_is_not_passed),
          TEST_CASE(the_clocks_do_not_go_back), TEST_CASE(randomness_fills_every_size),
          TEST_CASE(every_errno_has_a_text))
