/* afd_win.c: the driver's handle is opened by the name of its device, with any name behind that; it is then no socket. Such polls are documented
 * nowhere, but what they are is known from wepoll and libuv, which use them the same way, and does not change.
 *
 * LOCAL_CLOSE is not asked for: a socket is disarmed before it is closed, and a copy in another process keeps it open. */
#include "afd_win.h"

#include "engine.h"
#include "proto/winsock_win.h"

#include <errno.h>
#include <string.h>

enum {
    AFD_POLL = 0x00012024, /* IOCTL_AFD_POLL */
    AFD_RECEIVE = 0x001,
    AFD_SEND = 0x004,
    AFD_DISCONNECT = 0x008, /* the peer has closed its direction */
    AFD_ABORT = 0x010,      /* the connection was reset */
    AFD_ACCEPT = 0x080,
    AFD_CONNECT_FAIL = 0x100
};

struct many {
    LARGE_INTEGER timeout;
    ULONG n;
    ULONG exclusive;
    struct afd_asked asked[ENGINE_PROBES];
};

_Static_assert(offsetof(struct many, asked) == offsetof(struct afd_poll, asked), "the same form, but longer");

HANDLE afd_open(void) {
    static wchar_t path[] = L"\\Device\\Afd\\portd";
    UNICODE_STRING name = {
        .Length = sizeof(path) - sizeof(*path), .MaximumLength = sizeof(path), .Buffer = path};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof(attributes), .ObjectName = &name};
    IO_STATUS_BLOCK status;
    HANDLE afd;
    NTSTATUS result = NtCreateFile(&afd, SYNCHRONIZE, &attributes, &status, NULL, 0,
                                   FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0, NULL, 0);

    if (NT_SUCCESS(result))
        return afd;
    errno = winsock_lacks(result) ? ENOMEM : ENODEV;
    return NULL;
}

/* Windows says STATUS_INVALID_HANDLE of a file that is no socket, wine says STATUS_OBJECT_TYPE_MISMATCH. */
static int failure(NTSTATUS status) {
    if (NT_SUCCESS(status))
        return 0;
    return winsock_lacks(status) ? -ENOMEM : -EBADF;
}

ULONG afd_wanted(unsigned interest) {
    return AFD_ABORT | AFD_CONNECT_FAIL |
           (interest & ENGINE_READ ? AFD_RECEIVE | AFD_ACCEPT | AFD_DISCONNECT : 0u) |
           (interest & ENGINE_WRITE ? AFD_SEND : 0u);
}

unsigned afd_meaning(ULONG events) {
    return (events & (AFD_RECEIVE | AFD_ACCEPT) ? ENGINE_READ : 0u) |
           (events & AFD_SEND ? ENGINE_WRITE : 0u) |
           (events & AFD_DISCONNECT ? ENGINE_READ | ENGINE_HALF_CLOSE : 0u) |
           (events & (AFD_ABORT | AFD_CONNECT_FAIL) ? ENGINE_ERROR | ENGINE_HANG_UP : 0u);
}

int afd_start(HANDLE afd, struct afd_poll *poll, IO_STATUS_BLOCK *status, HANDLE socket, unsigned interest) {
    *poll = (struct afd_poll){
        .timeout.QuadPart = INT64_MAX, .n = 1, .asked = {{socket, afd_wanted(interest), 0}}};
    status->Status = STATUS_PENDING;
    return failure(NtDeviceIoControlFile(afd, NULL, NULL, status, status, AFD_POLL, poll, sizeof(*poll), poll,
                                         sizeof(*poll)));
}

void afd_cancel(HANDLE afd, IO_STATUS_BLOCK *status) {
    IO_STATUS_BLOCK ignored;

    (void)NtCancelIoFileEx(afd, status, &ignored); /* STATUS_NOT_FOUND: it has completed */
}

unsigned afd_events(const struct afd_poll *poll, const IO_STATUS_BLOCK *status) {
    if (!NT_SUCCESS(status->Status))
        return ENGINE_ERROR;
    return poll->n ? afd_meaning(poll->asked[0].events) : 0;
}

/* ---- without waiting ---------------------------------------------------------------------------------------------------- */

/* One handle for all threads, open as long as the process; without a completion port. */
static BOOL CALLBACK open_shared(INIT_ONCE *once, void *parameter, void **context) {
    (void)once;
    (void)parameter;
    *context = afd_open();
    return *context != NULL;
}

static HANDLE shared(void) {
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    void *afd = NULL;

    return InitOnceExecuteOnce(&once, open_shared, NULL, &afd) ? afd : NULL;
}

/* Only those that are ready are answered, in any order. */
static void sort(struct afd_asked *asked, size_t n, const struct many *answer) {
    for (size_t i = 0; i < n; i++) {
        ULONG wanted = asked[i].events;
        asked[i].events = 0;
        for (ULONG k = 0; k < answer->n; k++)
            if (answer->asked[k].socket == asked[i].socket)
                asked[i].events |= answer->asked[k].events & wanted;
    }
}

/* A time limit of 0 makes the driver answer at once; where the answer is pending all the same it comes at once. */
int afd_look(struct afd_asked *asked, size_t n) {
    struct many many = {.n = (ULONG)n};
    ULONG size = (ULONG)(offsetof(struct many, asked) + n * sizeof(*asked));
    IO_STATUS_BLOCK status;
    HANDLE afd = shared(), event;
    NTSTATUS result;

    if (!afd || !(event = CreateEventW(NULL, TRUE, FALSE, NULL)))
        return -ENOMEM;
    memcpy(many.asked, asked, n * sizeof(*asked));
    result = NtDeviceIoControlFile(afd, event, NULL, NULL, &status, AFD_POLL, &many, size, &many, size);
    if (result == STATUS_PENDING) {
        (void)WaitForSingleObject(event, INFINITE);
        result = status.Status;
    }
    (void)CloseHandle(event);
    if (result == STATUS_TIMEOUT) /* none is ready; on Windows a success */
        many.n = 0;
    else if (failure(result))
        return failure(result);
    sort(asked, n, &many);
    return 0;
}
