/* engine_pairs_win.c: engine_pairs.h on Windows. */
#include "engine_pairs.h"

#include <winsock2.h>

#include <windows.h>

#include <wchar.h>
#include <ws2tcpip.h>

const os_fd pair_closed = (os_fd)0x7770;
const unsigned pair_stream_gone = ENGINE_READ | ENGINE_HALF_CLOSE;

/* The first end is the client's. */
static void pair_of_named(struct pair *pair, DWORD mode) {
    static unsigned count;
    wchar_t name[64];
    DWORD reading = mode & PIPE_READMODE_MESSAGE;

    (void)swprintf(name, 64, L"\\\\.\\pipe\\test_engine.%lu.%u", GetCurrentProcessId(), count++);
    HANDLE server =
        CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, mode, 1, 4096, 4096, 0, NULL);
    assert_true(server != INVALID_HANDLE_VALUE);
    HANDLE client =
        CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    assert_true(client != INVALID_HANDLE_VALUE);
    assert_true(SetNamedPipeHandleState(client, &reading, NULL, NULL));
    *pair = (struct pair){client, server, excite_by_writing, false, true};
}

void pair_of_pipe(struct pair *pair) { pair_of_named(pair, PIPE_TYPE_BYTE); }

static void pair_of_messages(struct pair *pair) {
    pair_of_named(pair, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE);
}

static SOCKET open_socket(int type) {
    SOCKET made = WSASocketW(AF_INET, type, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

    assert_true(made != INVALID_SOCKET);
    return made;
}

static SOCKET bound(int type, struct sockaddr_in *address) {
    SOCKET made = open_socket(type);
    int size = sizeof(*address);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(made, (struct sockaddr *)address, size), 0);
    assert_int_equal(getsockname(made, (struct sockaddr *)address, &size), 0);
    return made;
}

static void pair_of_udp(struct pair *pair) {
    struct sockaddr_in address;
    SOCKET one = bound(SOCK_DGRAM, &address), other = open_socket(SOCK_DGRAM);

    assert_int_equal(connect(other, (struct sockaddr *)&address, sizeof(address)), 0);
    *pair = (struct pair){(os_fd)one, (os_fd)other, excite_by_writing, true, false};
}

void pair_of_tcp(struct pair *pair) {
    struct sockaddr_in address;
    SOCKET listener = bound(SOCK_STREAM, &address), other = open_socket(SOCK_STREAM), one;

    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(other, (struct sockaddr *)&address, sizeof(address)), 0);
    one = accept(listener, NULL, NULL);
    assert_true(one != INVALID_SOCKET);
    *pair = (struct pair){(os_fd)one, (os_fd)other, excite_by_writing, true, false};
    assert_int_equal(closesocket(listener), 0);
}

void pair_of_stream(struct pair *pair) { pair_of_tcp(pair); }

static void excite_by_connecting(struct pair *pair) {
    struct sockaddr_in address;
    int size = sizeof(address);

    assert_int_equal(getsockname((SOCKET)pair->fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(connect((SOCKET)pair->other, (struct sockaddr *)&address, size), 0);
}

static void pair_of_listener(struct pair *pair) {
    struct sockaddr_in address;
    SOCKET listener = bound(SOCK_STREAM, &address);

    assert_int_equal(listen(listener, 1), 0);
    *pair =
        (struct pair){(os_fd)listener, (os_fd)open_socket(SOCK_STREAM), excite_by_connecting, false, false};
}

const struct kind engine_kinds[] = {
    {"pipe of bytes", pair_of_pipe},
    {"pipe of messages", pair_of_messages},
    {"udp", pair_of_udp},
    {"tcp", pair_of_tcp},
    {"listener", pair_of_listener},
    {NULL, NULL},
};

void pair_fill(os_fd fd) {
    static const char bytes[65536];
    u_long on = 1, off = 0;

    assert_int_equal(ioctlsocket((SOCKET)fd, (long)FIONBIO, &on), 0);
    while (send((SOCKET)fd, bytes, sizeof(bytes), 0) > 0)
        ;
    assert_int_equal(WSAGetLastError(), WSAEWOULDBLOCK);
    assert_int_equal(ioctlsocket((SOCKET)fd, (long)FIONBIO, &off), 0);
}

void pair_take(os_fd fd) {
    OVERLAPPED work = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    char bytes[8];
    DWORD n = 0;

    assert_non_null(work.hEvent);
    assert_true(ReadFile(fd, bytes, sizeof(bytes), NULL, &work) || GetLastError() == ERROR_IO_PENDING);
    assert_true(GetOverlappedResult(fd, &work, &n, TRUE));
    assert_int_equal(n, sizeof(bytes));
    assert_true(CloseHandle(work.hEvent));
}

void pair_shut(const struct pair *pair) {
    char byte;

    assert_int_equal(shutdown((SOCKET)pair->other, SD_SEND), 0);
    assert_int_equal(recv((SOCKET)pair->fd, &byte, 1, MSG_PEEK), 0); /* it has arrived */
}

void pair_reset(struct pair *pair) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(
        setsockopt((SOCKET)pair->other, SOL_SOCKET, SO_LINGER, (const char *)&reset, sizeof(reset)), 0);
    assert_int_equal(closesocket((SOCKET)pair->other), 0);
    pair->other = OS_FD_NONE;
}

bool pair_was_reset(os_fd fd) {
    char byte;

    return recv((SOCKET)fd, &byte, 1, 0) < 0 && WSAGetLastError() == WSAECONNRESET;
}

void pair_files(os_fd files[PAIR_FILES]) {
    wchar_t folder[MAX_PATH], path[MAX_PATH];

    assert_true(GetTempPathW(MAX_PATH, folder) > 0);
    assert_true(GetTempFileNameW(folder, L"eng", 0, path) > 0);
    files[0] = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING,
                           FILE_FLAG_DELETE_ON_CLOSE, NULL);
    files[1] = CreateFileW(folder, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                           OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
}

bool pair_engine_is_readable(const struct engine *one, bool wait) {
    return WaitForSingleObject(engine_pollable(one), wait ? INFINITE : 0) == WAIT_OBJECT_0;
}

bool pair_is_inherited(os_fd fd) {
    DWORD flags;

    return !GetHandleInformation(fd, &flags) || flags & HANDLE_FLAG_INHERIT;
}
