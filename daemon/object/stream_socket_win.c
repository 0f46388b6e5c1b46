/* stream_socket_win.c: stream.h for sockets, by overlapped operations, which wait for nobody: whether a socket blocks is shared by its holders, and Windows
 * has no flag for one call. An operation that does not complete at once is cancelled. What it has moved until then is answered.
 *
 * Cancelling is harmless for what receives. A stream's send is tried only when AFD, the driver of sockets, reports room: it then takes all of it at once.
 * If another holder was faster it gets SEND_MS before it is cancelled, for a cancelled send can have sent a part of which nobody tells.
 *
 * A datagram's real length is told by memory behind the client's. */
#include "daemon/readiness/engine.h"
#include "stream_win.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winsock2.h>
/* after winsock2.h */
#include <ws2tcpip.h>

#include <afunix.h>

enum { PIECE = 16384, MESSAGE = 65536, SEND_MS = 100 };

static bool is_datagram(const struct stream_job *job) {
    int kind = SOCK_STREAM, size = sizeof kind;

    if (job->type == INSPECT_TCP || job->type == INSPECT_UNIX)
        return false;
    (void)getsockopt((SOCKET)job->fd, SOL_SOCKET, SO_TYPE, (char *)&kind, &size);
    return kind != SOCK_STREAM;
}

/* Waits for what was begun, for so long at most, and then cancels it. 0 and the bytes, or an error of Winsock. */
static int complete(SOCKET socket, OVERLAPPED *operation, HANDLE event, DWORD patience, DWORD *moved) {
    DWORD flags = 0;

    if (WaitForSingleObject(event, patience) != WAIT_OBJECT_0)
        (void)CancelIoEx((HANDLE)socket, operation);
    return WSAGetOverlappedResult(socket, operation, moved, TRUE, &flags) ? 0 : WSAGetLastError();
}

static int receive(struct stream_job *job, WSABUF *parts, DWORD n, DWORD *moved) {
    SOCKET socket = (SOCKET)job->fd;
    DWORD flags = job->what == STREAM_PEEK ? MSG_PEEK : 0;
    OVERLAPPED operation;
    HANDLE event = stream_operation(&operation);
    int error;

    if (!event)
        return WSAENOBUFS;
    error = WSARecv(socket, parts, n, moved, &flags, &operation, NULL) ? WSAGetLastError() : 0;
    if (!error || error == WSA_IO_PENDING)
        error = complete(socket, &operation, event, 0, moved);
    (void)CloseHandle(event);
    return error;
}

static int read_stream(struct stream_job *job) {
    WSABUF part = {(ULONG)job->size, (char *)job->bytes};
    DWORD moved = 0;
    int error = receive(job, &part, 1, &moved);

    if (error == WSAESHUTDOWN || error == WSAEDISCON) {
        job->end = true;
        return 0;
    }
    if (error)
        return stream_error((DWORD)error);
    job->count = moved;
    job->end = moved == 0;
    return 0;
}

static int read_datagram(struct stream_job *job) {
    char *rest = malloc(MESSAGE);
    WSABUF parts[] = {{(ULONG)job->size, (char *)job->bytes}, {MESSAGE, rest}};
    DWORD moved = 0;
    int error = rest ? receive(job, parts, 2, &moved) : WSAENOBUFS;

    free(rest);
    if (error == WSAESHUTDOWN) {
        job->end = true;
        return 0;
    }
    if (error)
        return stream_error((DWORD)error);
    job->count = moved < job->size ? moved : job->size;
    job->truncated = moved > job->size ? moved : 0;
    return 0;
}

static bool has_room(const struct stream_job *job) {
    struct engine_probe probe = {job->fd, ENGINE_WRITE, 0};

    return engine_probe(&probe, 1) == 0 && probe.events;
}

static int send_piece(const struct stream_job *job, size_t size, DWORD *moved) {
    SOCKET socket = (SOCKET)job->fd;
    WSABUF part = {(ULONG)size, (char *)job->bytes + job->count};
    OVERLAPPED operation;
    HANDLE event = stream_operation(&operation);
    int error;

    if (!event)
        return WSAENOBUFS;
    error = WSASend(socket, &part, 1, moved, 0, &operation, NULL) ? WSAGetLastError() : 0;
    if (!error || error == WSA_IO_PENDING)
        error = complete(socket, &operation, event, SEND_MS, moved);
    (void)CloseHandle(event);
    return error;
}

static int write_socket(struct stream_job *job) {
    bool datagram = is_datagram(job);

    do {
        size_t left = job->size - job->count;
        DWORD moved = 0;
        int error = !has_room(job) ? WSA_OPERATION_ABORTED
                                   : send_piece(job, datagram || left < PIECE ? left : PIECE, &moved);
        if (error)
            return job->count ? 0 : stream_error((DWORD)error);
        job->count += moved;
    } while (!datagram && job->count < job->size);
    return 0;
}

/* An operation on a listener is not refused by wine, and waits for ever. */
int stream_socket_work(struct stream_job *job) {
    if (job->type == INSPECT_TCP_LISTENER || job->type == INSPECT_UNIX_LISTENER)
        return -ENOTCONN;
    if (job->what == STREAM_WRITE)
        return write_socket(job);
    return is_datagram(job) ? read_datagram(job) : read_stream(job);
}

/* Of a call that moves no bytes. */
static int failed(void) {
    int error = stream_error((DWORD)WSAGetLastError());

    return error > 0 ? -EOPNOTSUPP : error;
}

int stream_shutdown(os_fd fd, bool read, bool write) {
    return shutdown((SOCKET)fd, read && write ? SD_BOTH : read ? SD_RECEIVE : SD_SEND) ? failed() : 0;
}

static void write_inet6(const struct sockaddr_in6 *from, struct stream_address *to) {
    size_t length;

    to->family = "inet6";
    to->port = ntohs(from->sin6_port);
    (void)inet_ntop(AF_INET6, &from->sin6_addr, to->host, sizeof to->host);
    length = strlen(to->host);
    if (from->sin6_scope_id)
        (void)snprintf(to->host + length, sizeof to->host - length, "%%%lu", from->sin6_scope_id);
}

static void write_address(const struct sockaddr_storage *from, struct stream_address *to) {
    const struct sockaddr_in *in = (const void *)from;
    const struct sockaddr_un *un = (const void *)from;

    if (from->ss_family == AF_INET) {
        to->family = "inet";
        to->port = ntohs(in->sin_port);
        (void)inet_ntop(AF_INET, &in->sin_addr, to->host, sizeof to->host);
    } else if (from->ss_family == AF_INET6) {
        write_inet6((const void *)from, to);
    } else if (from->ss_family == AF_UNIX) {
        to->family = "unix";
        unix_name_write_path(un->sun_path, strnlen(un->sun_path, sizeof un->sun_path), to->host);
    } else {
        to->family = "other";
    }
}

/* A datagram socket that was never bound has none. */
int stream_addresses(os_fd fd, struct stream_address *local, struct stream_address *peer) {
    struct sockaddr_storage address = {0};
    int size = sizeof address;

    *local = *peer = (struct stream_address){0};
    if (!getsockname((SOCKET)fd, (struct sockaddr *)&address, &size))
        write_address(&address, local);
    else if (WSAGetLastError() != WSAEINVAL)
        return failed();
    address = (struct sockaddr_storage){0};
    size = sizeof address;
    if (!getpeername((SOCKET)fd, (struct sockaddr *)&address, &size))
        write_address(&address, peer);
    return 0;
}
