/* listen_win.c: listens at a named pipe. The rest of transport.h is in transport_win.c.
 *
 * Only its owner can open the pipe. A listener is an event that is signalled while a client waits to be accepted; a table here has the pipe
 * instance that waits for the next client, until transport_unlink. */
#include "pipe_win.h"
#include "transport.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include <sddl.h>

enum { PIPE_BUFFER = 65536, LISTENERS_MAX = 4 };

struct listener {
    HANDLE event; /* NULL: the entry is free */
    HANDLE instance;
    OVERLAPPED connect;
    wchar_t name[PIPE_NAME_UNITS];
};

static struct listener listeners[LISTENERS_MAX];

/* Creates an instance of the pipe that only its owner can open. */
static int instance_new(const wchar_t *name, bool first, HANDLE *instance) {
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof(attributes), .bInheritHandle = FALSE};
    wchar_t rules[512];
    wchar_t *sid;
    struct pipe_owner owner;
    PSID own = pipe_owner_of_this(&owner);

    if (!own || !ConvertSidToStringSidW(own, &sid))
        return pipe_errno_now();
    (void)_snwprintf(rules, 512, L"O:%lsD:P(A;;GA;;;%ls)", sid, sid);
    (void)LocalFree(sid);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(rules, SDDL_REVISION_1,
                                                              &attributes.lpSecurityDescriptor, NULL))
        return pipe_errno_now();
    *instance = CreateNamedPipeW(
        name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? (DWORD)FILE_FLAG_FIRST_PIPE_INSTANCE : 0),
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_REJECT_REMOTE_CLIENTS, PIPE_UNLIMITED_INSTANCES,
        PIPE_BUFFER, PIPE_BUFFER, 0, &attributes);
    int r = *instance == INVALID_HANDLE_VALUE ? pipe_errno_now() : 0;
    (void)LocalFree(attributes.lpSecurityDescriptor);
    return r == -EACCES && first ? -EADDRINUSE : r;
}

/* Begins to wait for a client, without blocking; the event is signalled when one has connected. */
static int listener_wait(struct listener *listener) {
    memset(&listener->connect, 0, sizeof(listener->connect));
    listener->connect.hEvent = listener->event;
    (void)ResetEvent(listener->event);
    if (ConnectNamedPipe(listener->instance, &listener->connect) || GetLastError() == ERROR_IO_PENDING)
        return 0;
    if (GetLastError() != ERROR_PIPE_CONNECTED && GetLastError() != ERROR_NO_DATA)
        return pipe_errno_now();
    return SetEvent(listener->event) ? 0 : pipe_errno_now();
}

static struct listener *listener_find(HANDLE event, const wchar_t *name) {
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (listeners[i].event == event && (!name || wcscmp(listeners[i].name, name) == 0))
            return &listeners[i];
    return NULL;
}

/* Ignores mode: only the owner can connect. */
int transport_listen(const char *address, unsigned mode, os_fd *result, struct transport_file *file) {
    struct listener *listener = listener_find(NULL, NULL);

    if (file)
        *file = (struct transport_file){.lock = OS_FD_NONE};
    (void)mode;
    if (!listener)
        return -EMFILE;
    int r = pipe_name(address, listener->name);
    if (r < 0)
        return r;
    r = instance_new(listener->name, true, &listener->instance);
    if (r < 0)
        return r;
    listener->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    r = listener->event ? listener_wait(listener) : pipe_errno_now();
    if (r < 0) {
        (void)CloseHandle(listener->instance);
        os_close(listener->event ? listener->event : OS_FD_NONE);
        listener->event = NULL;
        return r;
    }
    *result = listener->event;
    return 0;
}

/* Pipes have no files. */
int transport_hide(const char *address, struct transport_file *file) {
    (void)address;
    (void)file;
    return 0;
}

void transport_show(const char *address, struct transport_file *file) {
    (void)address;
    (void)file;
}

void transport_refuse(os_fd listener) { (void)listener; }

bool transport_is_shut(os_fd listener) { return listener == OS_FD_NONE; }

bool transport_waits(os_fd listener) { return WaitForSingleObject(listener, 0) == WAIT_OBJECT_0; }

void transport_unlink(const char *address, struct transport_file *file) {
    wchar_t name[PIPE_NAME_UNITS];

    (void)file;
    if (pipe_name(address, name) < 0)
        return;
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        if (!listeners[i].event || wcscmp(listeners[i].name, name) != 0)
            continue;
        (void)CancelIoEx(listeners[i].instance, &listeners[i].connect);
        DWORD nothing;
        (void)GetOverlappedResult(listeners[i].instance, &listeners[i].connect, &nothing, TRUE);
        (void)CloseHandle(listeners[i].instance);
        listeners[i].event = NULL; /* the caller closes the event */
    }
}

int transport_accept(os_fd event, struct transport *transport) {
    struct listener *listener = listener_find(event, NULL);
    HANDLE next;

    if (!listener)
        return -EBADF;
    if (WaitForSingleObject(event, 0) != WAIT_OBJECT_0)
        return -EAGAIN;
    int r = instance_new(listener->name, false, &next);
    if (r < 0)
        return r;
    HANDLE come = listener->instance;
    listener->instance = next;
    r = listener_wait(listener);
    if (r < 0) {
        listener->instance = come; /* signalled again for the next attempt */
        (void)SetEvent(event);
        (void)CloseHandle(next);
        return r;
    }
    transport->end = come;
    return 0;
}

/* Whether fd is a server end of a pipe. */
bool transport_listens(os_fd fd) {
    DWORD flags = 0;
    return GetNamedPipeInfo((HANDLE)fd, &flags, NULL, NULL, NULL) && flags & PIPE_SERVER_END;
}

bool transport_is_open(os_fd listener) {
    (void)listener; /* a pipe has an access list */
    return false;
}
