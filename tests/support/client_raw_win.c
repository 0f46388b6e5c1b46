/* client_raw_win.c: client_raw_native.h on a named pipe in message mode.
 *
 * What is sent are the values of the caller's own handles, which must stay open until the broker has answered. */
#include "client_raw_native.h"
#include "client_raw_pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <winsock2.h>

enum {
    CONNECT = 0x12019b,
    SEND_MOST = 32768, /* of the stream in one message, so that some fit into the pipe */
    MESSAGE_MOST = RAW_MESSAGE_HEAD + RAW_FDS_MAX * (8 + RAW_SOCKET) + RAW_MESSAGE_BYTES
};

static HANDLE handle_of(int fd) { return (HANDLE)(intptr_t)fd; } // NOLINT

int64_t raw_native_now_ms(void) { return (int64_t)GetTickCount64() + 1; }

static int error_of(DWORD error) {
    switch (error) {
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA:
    case ERROR_PIPE_NOT_CONNECTED:
        return -EPIPE;
    case ERROR_OPERATION_ABORTED:
        return -EAGAIN;
    case ERROR_FILE_NOT_FOUND:
        return -ENOENT;
    case ERROR_INVALID_HANDLE:
        return -EBADF;
    default:
        return -EIO;
    }
}

int raw_native_connect(const char *address, int *fd) {
    ULONGLONG deadline = GetTickCount64() + RAW_PATIENCE_MS;
    DWORD mode = PIPE_READMODE_MESSAGE;
    char name[256] = "\\\\.\\pipe\\";

    if (strncmp(address, "npipe:", 6) != 0 || strlen(address) > 200)
        return -EINVAL;
    strcat(name, address + 6);
    HANDLE pipe;
    while ((pipe = CreateFileA(name, CONNECT, 0, NULL, OPEN_EXISTING,
                               FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
                               NULL)) == INVALID_HANDLE_VALUE) {
        if (GetLastError() != ERROR_PIPE_BUSY || GetTickCount64() > deadline)
            return error_of(GetLastError());
        (void)WaitNamedPipeA(name, 1000);
    }
    if (!SetNamedPipeHandleState(pipe, &mode, NULL, NULL)) {
        int error = error_of(GetLastError());
        (void)CloseHandle(pipe);
        return error;
    }
    *fd = (int)(intptr_t)pipe;
    return 0;
}

void raw_native_close(int fd) {
    int type, size = sizeof(type);

    if (getsockopt((SOCKET)fd, SOL_SOCKET, SO_TYPE, (char *)&type, &size) == 0)
        (void)closesocket((SOCKET)fd);
    else
        (void)CloseHandle(handle_of(fd));
}

/* One for all operations, which are one at a time: so that no closed handle's value becomes that of an event meanwhile. Never closed. */
static HANDLE event(void) {
    static HANDLE made;

    if (!made)
        made = CreateEventW(NULL, TRUE, FALSE, NULL);
    return made;
}

/* What came of an operation that began so: 0 and *n, or an error; it is cancelled at the deadline. */
static DWORD finish(int connection, OVERLAPPED *io, BOOL done, int64_t deadline, DWORD *n) {
    if (!done && GetLastError() == ERROR_IO_PENDING) {
        int64_t left = deadline - raw_native_now_ms();
        if (WaitForSingleObject(io->hEvent, left > 0 ? (DWORD)left : 0) != WAIT_OBJECT_0)
            (void)CancelIoEx(handle_of(connection), io);
    } else if (!done && GetLastError() != ERROR_MORE_DATA) {
        return GetLastError();
    }
    return GetOverlappedResult(handle_of(connection), io, n, TRUE) ? 0 : GetLastError();
}

int raw_message_write(int connection, const void *message, size_t size, int64_t deadline) {
    OVERLAPPED io = {.hEvent = event()};
    DWORD n = 0;

    if (!io.hEvent)
        return -ENOMEM;
    BOOL done = WriteFile(handle_of(connection), message, (DWORD)size, NULL, &io);
    DWORD error = finish(connection, &io, done, deadline, &n);
    return error ? error_of(error) : n == size ? 0 : -EIO;
}

static void put(uint8_t *bytes, size_t size, uint64_t value) {
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *bytes, size_t size) {
    uint64_t value = 0;

    for (size_t i = size; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

void raw_message_head(uint8_t bytes[RAW_MESSAGE_HEAD], uint32_t size, unsigned n) {
    memset(bytes, 0, RAW_MESSAGE_HEAD);
    put(bytes, 4, size);
    put(bytes + 4, 2, n);
}

static int send_one(int connection, const void *bytes, size_t size, const uint64_t *values, size_t n,
                    int64_t deadline) {
    size_t whole = RAW_MESSAGE_HEAD + 8 * n + size;
    uint8_t *message = malloc(whole);

    if (!message)
        return -ENOMEM;
    raw_message_head(message, (uint32_t)size, (unsigned)n);
    for (size_t i = 0; i < n; i++)
        put(message + RAW_MESSAGE_HEAD + 8 * i, 8, values[i]);
    memcpy(message + RAW_MESSAGE_HEAD + 8 * n, bytes, size);
    int r = raw_message_write(connection, message, whole, deadline);
    free(message);
    return r;
}

ssize_t raw_native_send(int connection, const void *bytes, size_t size, const int *fds, size_t n,
                        int64_t deadline) {
    uint64_t values[RAW_FDS_MAX + 1];

    if (size > SEND_MOST)
        size = SEND_MOST;
    for (size_t i = 0; i < n; i++)
        values[i] = (uint64_t)(int64_t)fds[i];
    int r = send_one(connection, bytes, size, values, n, deadline);
    return r < 0 ? r : (ssize_t)size;
}

int raw_send_values(const struct raw *raw, const void *bytes, size_t size, const uint64_t *values, size_t n) {
    int r = send_one(raw->fd, bytes, size, values, n, raw_native_now_ms() + RAW_PATIENCE_MS);

    return r == -EAGAIN ? -ETIMEDOUT : r == -EPIPE ? -ECONNRESET : r;
}

size_t raw_pack_ping(uint8_t bytes[RAW_HEADER + RAW_BODY_MAX], uint64_t id, unsigned claim) {
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    raw_request request = PORTD__V1__REQUEST__INIT;

    request.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    return raw_pack(bytes, &request, claim);
}

size_t raw_pack_evt(uint8_t bytes[RAW_HEADER + RAW_BODY_MAX], uint64_t id, int64_t number, bool socket) {
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;
    raw_request request = PORTD__V1__REQUEST__INIT;

    descriptor.number = number;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    descriptor.socket = socket;
    request.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    request.fd_to_evt = &descriptor;
    return raw_pack(bytes, &request, 1);
}

raw_reply *raw_ask_values(struct raw *raw, raw_request *request, const uint64_t *values, size_t n) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    raw_reply *reply = NULL;

    request->id = ++raw->id;
    if (raw_send_values(raw, bytes, raw_pack(bytes, request, (unsigned)n), values, n) < 0)
        return NULL;
    while ((reply = raw_next(raw, NULL)) && reply->id != request->id) {
        raw_close_fds(raw);
        raw_free(reply);
    }
    return reply;
}

/* The handles of a message: they are this process's already, or are sockets that it opens. -EBADMSG: it is not as it says. */
static ssize_t take(struct raw *raw, const uint8_t *message, size_t size, uint8_t *bytes, size_t room) {
    if (size < RAW_MESSAGE_HEAD)
        return -EBADMSG;
    size_t length = get(message, 4), n = get(message + 4, 2), at = RAW_MESSAGE_HEAD + 8 * n;
    for (size_t i = 0; i < n && at <= size; i++) {
        uint64_t value = get(message + RAW_MESSAGE_HEAD + 8 * i, 8);
        if (value == 1) {
            WSAPROTOCOL_INFOW info;
            memcpy(&info, message + at, sizeof(info));
            at += RAW_SOCKET;
            value = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info, 0,
                               WSA_FLAG_OVERLAPPED);
        }
        if (raw->n_waiting < RAW_FDS_MAX)
            raw->waiting[raw->n_waiting++] = (int)value;
    }
    if (length == 0 || at + length != size || length > room)
        return -EBADMSG;
    memcpy(bytes, message + at, length);
    return (ssize_t)length;
}

ssize_t raw_native_receive(struct raw *raw, void *bytes, size_t size, int64_t deadline) {
    OVERLAPPED io = {.hEvent = event()};
    uint8_t *message = malloc(MESSAGE_MOST);
    DWORD n = 0;
    ssize_t r = -ENOMEM;

    if (io.hEvent && message) {
        BOOL done = ReadFile(handle_of(raw->fd), message, MESSAGE_MOST, NULL, &io);
        DWORD error = finish(raw->fd, &io, done, deadline, &n);
        r = error ? error_of(error) : take(raw, message, n, bytes, size);
    }
    free(message);
    return r == -EPIPE ? 0 : r;
}
