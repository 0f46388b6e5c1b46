/* winsock_win.c: asks the socket driver (AFD) whether a handle is a socket, and copies sockets as Winsock does.
 *
 * A handle that DuplicateHandle made of a socket is one for the driver, but Winsock may not know it. WSADuplicateSocketW takes it all the same
 * and describes it; WSASocketW then makes one that Winsock knows, of the same open socket. */
#include "winsock_win.h"

#include <errno.h>
#include <string.h>

#define WIN32_NO_STATUS
#include <winsock2.h>
#undef WIN32_NO_STATUS
/* winsock2.h must come first; windows.h, which it includes, has some of the codes that ntstatus.h has all of */
#include <ntstatus.h>
#include <winternl.h>

_Static_assert(sizeof(WSAPROTOCOL_INFOW) == WINSOCK_PASSED, "the size that PROTOCOL.md tells");

/* The driver's poll, as wepoll, libuv and others call it. */
enum { AFD_POLL = 0x00012024, AFD_POLL_RECEIVE = 1 };

struct afd_poll {
    LARGE_INTEGER limit; /* 0: it does not wait */
    ULONG n;
    ULONG exclusive;
    struct {
        HANDLE handle;
        ULONG events;
        NTSTATUS status;
    } handles[1];
};

static INIT_ONCE begun = INIT_ONCE_STATIC_INIT, opened = INIT_ONCE_STATIC_INIT;

static BOOL CALLBACK begin(INIT_ONCE *once, void *result, void **context) {
    WSADATA data;

    (void)once;
    (void)context;
    *(int *)result = WSAStartup(MAKEWORD(2, 2), &data);
    return *(int *)result == 0;
}

/* 0 or a negative errno. */
static int ready(void) {
    int error = 0;

    return InitOnceExecuteOnce(&begun, begin, &error, NULL) ? 0 : -ENOSYS;
}

/* A handle of the driver for questions. It is synchronous: one question at a time, and none waits. */
static BOOL CALLBACK open_driver(INIT_ONCE *once, void *nothing, void **driver) {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof(attributes), .ObjectName = &name};
    IO_STATUS_BLOCK status;

    (void)once;
    (void)nothing;
    RtlInitUnicodeString(&name, L"\\Device\\Afd\\portd");
    return NtCreateFile(driver, SYNCHRONIZE, &attributes, &status, NULL, 0,
                        FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NULL,
                        0) >= 0;
}

bool winsock_lacks(int32_t status) {
    return status == STATUS_INSUFFICIENT_RESOURCES || status == STATUS_NO_MEMORY ||
           status == STATUS_QUOTA_EXCEEDED;
}

int winsock_is(os_fd fd) {
    struct afd_poll poll = {.n = 1, .handles = {{.handle = fd, .events = AFD_POLL_RECEIVE}}};
    IO_STATUS_BLOCK status;
    void *driver;

    if (!InitOnceExecuteOnce(&opened, open_driver, NULL, &driver))
        return -ENOMEM;
    /* What the driver says of a handle that is none of its own differs between systems. */
    NTSTATUS result = NtDeviceIoControlFile(driver, NULL, NULL, NULL, &status, AFD_POLL, &poll, sizeof(poll),
                                            &poll, sizeof(poll));
    return winsock_lacks(result) ? -ENOMEM : result >= 0;
}

static int errno_now(void) {
    switch (WSAGetLastError()) {
    case WSAENOTSOCK:
        return -ENOTSOCK;
    case WSAEMFILE:
        return -EMFILE;
    case WSAENOBUFS:
    case WSA_NOT_ENOUGH_MEMORY:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

int winsock_pass(os_fd fd, uint32_t pid, struct winsock_passed *passed) {
    int r = ready();

    if (r < 0)
        return r;
    return WSADuplicateSocketW((SOCKET)fd, pid, (WSAPROTOCOL_INFOW *)(void *)passed->bytes) == 0
               ? 0
               : errno_now();
}

int winsock_open(const struct winsock_passed *passed, os_fd *fd) {
    WSAPROTOCOL_INFOW protocol;
    int r = ready();

    if (r < 0)
        return r;
    memcpy(&protocol, passed->bytes, sizeof(protocol));
    SOCKET opened_socket = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &protocol,
                                      0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (opened_socket == INVALID_SOCKET)
        return errno_now();
    *fd = (os_fd)opened_socket;
    return 0;
}

int winsock_copy(os_fd fd, os_fd *copy) {
    struct winsock_passed passed;
    int r = winsock_pass(fd, GetCurrentProcessId(), &passed);

    return r < 0 ? r : winsock_open(&passed, copy);
}

void winsock_close(os_fd fd) {
    const struct linger none = {0};

    if (closesocket((SOCKET)fd) == 0)
        return;
    if (WSAGetLastError() !=
        WSAEWOULDBLOCK) { /* Winsock does not know it, or was not begun in this process */
        (void)CloseHandle(fd);
        return;
    }
    /* WSAEWOULDBLOCK: it is open still, as a close would linger and nothing on it may wait. Then the system sends the rest by itself, after the close. */
    (void)setsockopt((SOCKET)fd, SOL_SOCKET, SO_LINGER, (const char *)&none, sizeof(none));
    (void)closesocket((SOCKET)fd);
}
