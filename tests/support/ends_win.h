/* ends_win.h: pairs of handles on Windows for tests. Include it first: winsock2.h must come before windows.h. */
#ifndef ENDS_WIN_H
#define ENDS_WIN_H

#include <winsock2.h>
/* after winsock2.h */
#include <windows.h>

#include "tests/support/test.h"

#include "proto/os.h"

#include <ws2tcpip.h>

static inline void ends_begin(void) {
    WSADATA data;

    assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
}

static inline os_fd ends_socket(int family, int type) {
    SOCKET made = WSASocketW(family, type, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

    assert_true(made != INVALID_SOCKET);
    return (os_fd)made;
}

/* Bound to the loopback address. */
static inline os_fd ends_bound(int type, struct sockaddr_in *address) {
    os_fd fd = ends_socket(AF_INET, type);
    int size = sizeof(*address);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind((SOCKET)fd, (struct sockaddr *)address, size), 0);
    assert_int_equal(getsockname((SOCKET)fd, (struct sockaddr *)address, &size), 0);
    return fd;
}

static inline void ends_tcp(os_fd ends[2]) {
    struct sockaddr_in address;
    os_fd listener = ends_bound(SOCK_STREAM, &address);
    SOCKET accepted;

    assert_int_equal(listen((SOCKET)listener, 1), 0);
    ends[1] = ends_socket(AF_INET, SOCK_STREAM);
    assert_int_equal(connect((SOCKET)ends[1], (struct sockaddr *)&address, sizeof(address)), 0);
    accepted = accept((SOCKET)listener, NULL, NULL);
    assert_true(accepted != INVALID_SOCKET);
    ends[0] = (os_fd)accepted;
    assert_int_equal(closesocket((SOCKET)listener), 0);
}

/* A named pipe, both ends for overlapped I/O. messages: else bytes. */
static inline void ends_pipe(os_fd ends[2], bool messages) {
    static int n;
    DWORD mode = messages ? PIPE_READMODE_MESSAGE : PIPE_READMODE_BYTE;
    char name[64];

    (void)snprintf(name, sizeof(name), "\\\\.\\pipe\\portd-test-%lu-%d", GetCurrentProcessId(), n++);
    ends[0] = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                               messages ? PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE : PIPE_TYPE_BYTE, 1, 4096,
                               4096, 0, NULL);
    assert_true(ends[0] != INVALID_HANDLE_VALUE);
    ends[1] =
        CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    assert_true(ends[1] != INVALID_HANDLE_VALUE);
    assert_true(SetNamedPipeHandleState(ends[1], &mode, NULL, NULL));
}

/* As child processes get it: for synchronous I/O; ends[1] writes. */
static inline void ends_plain_pipe(os_fd ends[2]) { assert_true(CreatePipe(&ends[0], &ends[1], NULL, 0)); }

/* A file that goes when it is closed. flags: FILE_FLAG_OVERLAPPED or 0. */
static inline os_fd ends_file(DWORD access, DWORD flags) {
    char folder[MAX_PATH], path[MAX_PATH];
    os_fd fd;

    assert_true(GetTempPathA(sizeof(folder), folder) > 0);
    assert_true(GetTempFileNameA(folder, "prt", 0, path) > 0);
    fd = CreateFileA(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                     OPEN_EXISTING, FILE_FLAG_DELETE_ON_CLOSE | flags, NULL);
    assert_true(fd != INVALID_HANDLE_VALUE);
    return fd;
}

static inline os_fd ends_null(DWORD flags) {
    os_fd fd = CreateFileA("NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                           OPEN_EXISTING, flags, NULL);

    assert_true(fd != INVALID_HANDLE_VALUE);
    return fd;
}

#endif
