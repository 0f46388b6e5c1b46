/* ends_win.h: pairs of handles on Windows for tests. Include it first: winsock2.h must come before windows.h. */
#ifndef ENDS_WIN_H
#define ENDS_WIN_H

#include <winsock2.h>
/* after winsock2.h */
#include <windows.h>

#include "proto/os.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <ws2tcpip.h>

/* The system must be able to. */
#define ENDS_MUST(holds)                                                                                     \
    ((holds) ? (void)0                                                                                       \
             : ((void)fprintf(stderr, "%s:%d: %s: error %lu\n", __FILE__, __LINE__, #holds, GetLastError()), \
                abort()))

static inline void ends_begin(void) {
    WSADATA data;

    ENDS_MUST(WSAStartup(MAKEWORD(2, 2), &data) == 0);
}

static inline os_fd ends_socket(int family, int type) {
    SOCKET made = WSASocketW(family, type, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

    ENDS_MUST(made != INVALID_SOCKET);
    return (os_fd)made;
}

/* Bound to the loopback address. */
static inline os_fd ends_bound(int type, struct sockaddr_in *address) {
    os_fd fd = ends_socket(AF_INET, type);
    int size = sizeof(*address);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ENDS_MUST(bind((SOCKET)fd, (struct sockaddr *)address, size) == 0);
    ENDS_MUST(getsockname((SOCKET)fd, (struct sockaddr *)address, &size) == 0);
    return fd;
}

static inline void ends_tcp(os_fd ends[2]) {
    struct sockaddr_in address;
    os_fd listener = ends_bound(SOCK_STREAM, &address);
    SOCKET accepted;

    ENDS_MUST(listen((SOCKET)listener, 1) == 0);
    ends[1] = ends_socket(AF_INET, SOCK_STREAM);
    ENDS_MUST(connect((SOCKET)ends[1], (struct sockaddr *)&address, sizeof(address)) == 0);
    accepted = accept((SOCKET)listener, NULL, NULL);
    ENDS_MUST(accepted != INVALID_SOCKET);
    ends[0] = (os_fd)accepted;
    ENDS_MUST(closesocket((SOCKET)listener) == 0);
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
    ENDS_MUST(ends[0] != INVALID_HANDLE_VALUE);
    ends[1] =
        CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    ENDS_MUST(ends[1] != INVALID_HANDLE_VALUE);
    ENDS_MUST(SetNamedPipeHandleState(ends[1], &mode, NULL, NULL));
}

/* As child processes get it: for synchronous I/O; ends[1] writes. */
static inline void ends_plain_pipe(os_fd ends[2]) { ENDS_MUST(CreatePipe(&ends[0], &ends[1], NULL, 0)); }

/* A file that goes when it is closed. flags: FILE_FLAG_OVERLAPPED or 0. */
static inline os_fd ends_file(DWORD access, DWORD flags) {
    char folder[MAX_PATH], path[MAX_PATH];
    os_fd fd;

    ENDS_MUST(GetTempPathA(sizeof(folder), folder) > 0);
    ENDS_MUST(GetTempFileNameA(folder, "prt", 0, path) > 0);
    fd = CreateFileA(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                     OPEN_EXISTING, FILE_FLAG_DELETE_ON_CLOSE | flags, NULL);
    ENDS_MUST(fd != INVALID_HANDLE_VALUE);
    return fd;
}

static inline os_fd ends_null(DWORD flags) {
    os_fd fd = CreateFileA("NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                           OPEN_EXISTING, flags, NULL);

    ENDS_MUST(fd != INVALID_HANDLE_VALUE);
    return fd;
}

#endif
