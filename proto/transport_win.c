/* transport_win.c: a named pipe in message mode, handles as numbers in front of the bytes.
 *
 * One transport_send is one message: a count, so many handle values, the bytes. Messages are written and read as a whole, so
 * a call that would have to wait can be cancelled and has then done nothing; that is how calls here never block. What one
 * message brings belongs together, as with a recvmsg.
 *
 * Handles cross between processes by DuplicateHandle, which is the broker's work alone, because an ordinary client may not
 * open a service. A client sends copies of its own, which the broker takes away from it; what the broker sends it puts into
 * the client first. The process it does that with must be in the logon session that the pipe's client is in: a process id
 * alone could be a lie.
 *
 * The pipe admits its owner alone. A listener is an event that is signalled while somebody waits to be accepted; the
 * instance of the pipe that is waited with stands in a table here until transport_unlink. */
#include "transport.h"

#include "address.h"
#include "frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

enum {
    BYTES_MAX = 16384, /* of one message; the rest of a longer send is the next message */
    PIPE_BUFFER = 65536,
    LISTENERS_MAX = 4,
    NAME_MAX_UNITS = 256
};

struct message {
    uint32_t n_handles;
    uint32_t size; /* of the bytes */
    uint64_t handles[FRAME_FDS_ROOM];
    uint8_t bytes[BYTES_MAX];
};

struct listener {
    HANDLE event; /* NULL: the entry is free */
    HANDLE instance;
    OVERLAPPED connect;
    wchar_t name[NAME_MAX_UNITS];
};

static struct listener listeners[LISTENERS_MAX];

static int errno_of(DWORD error) {
    switch (error) {
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA:
    case ERROR_PIPE_NOT_CONNECTED:
        return -EPIPE;
    case ERROR_OPERATION_ABORTED:
    case ERROR_PIPE_BUSY:
        return -EAGAIN;
    case ERROR_FILE_NOT_FOUND:
        return -ENOENT;
    case ERROR_ACCESS_DENIED:
        return -EACCES;
    case ERROR_INVALID_HANDLE:
        return -EBADF;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
        return -ENOMEM;
    case ERROR_MORE_DATA:
        return -EPROTO;
    default:
        return -EIO;
    }
}

static int errno_now(void) { return errno_of(GetLastError()); }

/* ReadFile or WriteFile of one message, or -EAGAIN and nothing done. */
static int message_move(HANDLE pipe, void *bytes, DWORD size, bool write, DWORD *moved) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!event)
        return errno_now();
    /* The low bit keeps a completion packet from being queued where the pipe is associated with a port. */
    OVERLAPPED work = {.hEvent = (HANDLE)((ULONG_PTR)event | 1)};
    BOOL done = write ? WriteFile(pipe, bytes, size, NULL, &work) : ReadFile(pipe, bytes, size, NULL, &work);
    int r = done || GetLastError() == ERROR_IO_PENDING ? 0 : errno_now();
    if (r == 0 && !done)
        (void)CancelIoEx(pipe, &work); /* without effect if it is complete by now */
    if (r == 0 && !GetOverlappedResult(pipe, &work, moved, TRUE))
        r = errno_now();
    (void)CloseHandle(event);
    return r;
}

static bool token_session(HANDLE token, LUID *session) {
    TOKEN_STATISTICS statistics;
    DWORD size;

    if (!GetTokenInformation(token, TokenStatistics, &statistics, sizeof(statistics), &size))
        return false;
    *session = statistics.AuthenticationId;
    return true;
}

/* The logon session of the thread that opened the pipe's other end, as the kernel has kept it. */
static bool client_session(HANDLE pipe, LUID *session) {
    HANDLE token;

    if (!ImpersonateNamedPipeClient(pipe))
        return false;
    BOOL opened = OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token);
    if (!RevertToSelf())
        abort(); /* to go on as somebody else is worse than to end */
    bool known = opened && token_session(token, session);
    if (opened)
        (void)CloseHandle(token);
    return known;
}

/* The client's process, to duplicate from and into; NULL if it cannot be had or is not what it says. */
static HANDLE client_process(HANDLE pipe) {
    LUID theirs, its;
    HANDLE token;
    ULONG pid;

    if (!client_session(pipe, &theirs) || !GetNamedPipeClientProcessId(pipe, &pid))
        return NULL;
    HANDLE process = OpenProcess(PROCESS_DUP_HANDLE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
    if (!process)
        return NULL;
    BOOL opened = OpenProcessToken(process, TOKEN_QUERY, &token);
    bool same = opened && token_session(token, &its) && theirs.LowPart == its.LowPart &&
                theirs.HighPart == its.HighPart;
    if (opened)
        (void)CloseHandle(token);
    if (same)
        return process;
    (void)CloseHandle(process);
    return NULL;
}

static bool pipe_is_server(HANDLE pipe) {
    DWORD flags = 0;

    return GetNamedPipeInfo(pipe, &flags, NULL, NULL, NULL) && (flags & PIPE_SERVER_END);
}

/* Takes copies back that were made for a message which was not sent. */
static void handles_take_back(struct message *message, HANDLE process) {
    while (message->n_handles > 0) {
        HANDLE handle = (HANDLE)(uintptr_t)message->handles[--message->n_handles];
        (void)DuplicateHandle(process, handle, NULL, NULL, 0, FALSE, DUPLICATE_CLOSE_SOURCE);
    }
}

/* Copies into `process`: the client where the broker sends, else this one. */
static int handles_put(struct message *message, HANDLE process, const os_fd *fds, size_t n_fds) {
    for (size_t i = 0; i < n_fds; i++) {
        HANDLE copy;
        if (!DuplicateHandle(GetCurrentProcess(), fds[i], process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
            int r = errno_now();
            handles_take_back(message, process);
            return r;
        }
        message->handles[message->n_handles++] = (uint64_t)(uintptr_t)copy;
    }
    return 0;
}

void transport_shutdown(os_fd connection) { (void)connection; }

bool transport_is_empty(os_fd connection) { return connection == OS_FD_NONE; }

ptrdiff_t transport_send(os_fd connection, const void *bytes, size_t size, const os_fd *fds, size_t n_fds) {
    struct message message;
    HANDLE process = GetCurrentProcess();
    DWORD moved;

    if (n_fds > FRAME_FDS_ROOM)
        return -EINVAL;
    message.n_handles = 0;
    message.size = size < BYTES_MAX ? (uint32_t)size : BYTES_MAX;
    if (n_fds > 0 && pipe_is_server(connection) && !(process = client_process(connection)))
        return -EPERM;
    int r = handles_put(&message, process, fds, n_fds);
    if (r == 0) {
        /* The handles that there are come right in front of the bytes. */
        uint8_t *behind = (uint8_t *)(message.handles + message.n_handles);
        memmove(behind, bytes, message.size);
        r = message_move(connection, &message, (DWORD)(behind + message.size - (uint8_t *)&message), true,
                         &moved);
        if (r < 0)
            handles_take_back(&message, process);
    }
    if (process != GetCurrentProcess())
        (void)CloseHandle(process);
    return r < 0 ? r : (ptrdiff_t)message.size;
}

/* Takes the handles of a message away from the client. Values that stand for "this process" or "this thread" mean
 * something else to each who uses them, and are no handles. */
static void handles_pull(const struct message *message, HANDLE pipe, os_fd *fds, size_t *n_fds,
                         bool *truncated) {
    HANDLE process = client_process(pipe);

    for (uint32_t i = 0; i < message->n_handles; i++) {
        uint64_t value = message->handles[i];
        if (process && value > 0 && value <= INT32_MAX &&
            DuplicateHandle(process, (HANDLE)(uintptr_t)value, GetCurrentProcess(), &fds[*n_fds], 0, FALSE,
                            DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE))
            (*n_fds)++;
        else
            *truncated = true;
    }
    (void)(process && CloseHandle(process));
}

ptrdiff_t transport_recv(os_fd connection, void *bytes, size_t size, os_fd *fds, size_t *n_fds,
                         bool *truncated) {
    struct message message;
    os_fd unasked[FRAME_FDS_ROOM], *to = fds ? fds : unasked;
    DWORD moved;

    *n_fds = 0;
    *truncated = false;
    int r = message_move(connection, &message, sizeof(message), false, &moved);
    if (r < 0)
        return r == -EPIPE ? 0 : r;
    size_t head = offsetof(struct message, handles);
    if (moved < head || message.n_handles > FRAME_FDS_ROOM || message.size == 0 || message.size > size ||
        moved != head + message.n_handles * sizeof(message.handles[0]) + message.size)
        return -EPROTO;
    memcpy(bytes, message.handles + message.n_handles, message.size);
    if (message.n_handles > 0 && pipe_is_server(connection))
        handles_pull(&message, connection, to, n_fds, truncated);
    for (; !pipe_is_server(connection) && *n_fds < message.n_handles; (*n_fds)++)
        to[*n_fds] = (HANDLE)(uintptr_t)message.handles[*n_fds];
    while (!fds && *n_fds > 0)
        os_close(unasked[--*n_fds]);
    return (ptrdiff_t)message.size;
}

union owner {
    TOKEN_USER user;
    uint8_t bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
};

static bool owner_of_this(union owner *owner) {
    HANDLE token;
    DWORD size;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    BOOL known = GetTokenInformation(token, TokenUser, owner, sizeof(*owner), &size);
    (void)CloseHandle(token);
    return known;
}

static int pipe_name(const char *address, wchar_t name[NAME_MAX_UNITS]) {
    struct address parsed;

    if (address_parse(address, &parsed))
        return -EINVAL;
    if (parsed.kind != ADDRESS_NPIPE)
        return -EAFNOSUPPORT;
    wcscpy(name, L"\\\\.\\pipe\\");
    int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, parsed.path, -1, name + 9, NAME_MAX_UNITS - 9);
    return n > 0 ? 0 : -EINVAL;
}

/* An instance of the pipe that its owner alone can open. */
static int instance_new(const wchar_t *name, bool first, HANDLE *instance) {
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof(attributes), .bInheritHandle = FALSE};
    wchar_t rules[512];
    wchar_t *sid;
    union owner owner;

    if (!owner_of_this(&owner) || !ConvertSidToStringSidW(owner.user.User.Sid, &sid))
        return errno_now();
    (void)_snwprintf(rules, 512, L"O:%lsD:P(A;;GA;;;%ls)", sid, sid);
    (void)LocalFree(sid);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(rules, SDDL_REVISION_1,
                                                              &attributes.lpSecurityDescriptor, NULL))
        return errno_now();
    *instance = CreateNamedPipeW(
        name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? (DWORD)FILE_FLAG_FIRST_PIPE_INSTANCE : 0),
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_REJECT_REMOTE_CLIENTS, PIPE_UNLIMITED_INSTANCES,
        PIPE_BUFFER, PIPE_BUFFER, 0, &attributes);
    int r = *instance == INVALID_HANDLE_VALUE ? errno_now() : 0;
    (void)LocalFree(attributes.lpSecurityDescriptor);
    return r == -EACCES && first ? -EADDRINUSE : r;
}

/* Waits for a client with the instance; the event is signalled when one has come. */
static int listener_wait(struct listener *listener) {
    memset(&listener->connect, 0, sizeof(listener->connect));
    listener->connect.hEvent = listener->event;
    (void)ResetEvent(listener->event);
    if (ConnectNamedPipe(listener->instance, &listener->connect) || GetLastError() == ERROR_IO_PENDING)
        return 0;
    if (GetLastError() != ERROR_PIPE_CONNECTED && GetLastError() != ERROR_NO_DATA)
        return errno_now();
    return SetEvent(listener->event) ? 0 : errno_now();
}

static struct listener *listener_find(HANDLE event, const wchar_t *name) {
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (listeners[i].event == event && (!name || wcscmp(listeners[i].name, name) == 0))
            return &listeners[i];
    return NULL;
}

/* There are no modes: whatever is asked for, nobody but the owner gets in. */
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
    r = listener->event ? listener_wait(listener) : errno_now();
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

bool transport_waits(os_fd listener) { return WaitForSingleObject(listener, 0) == WAIT_OBJECT_0; }

void transport_unlink(const char *address, struct transport_file *file) {
    wchar_t name[NAME_MAX_UNITS];

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
        listeners[i].event = NULL; /* itself the caller's to close */
    }
}

int transport_accept(os_fd event, os_fd *connection) {
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
        listener->instance = come; /* still signalled for the next try */
        (void)SetEvent(event);
        (void)CloseHandle(next);
        return r;
    }
    *connection = come;
    return 0;
}

/* Whoever makes a pipe first owns its name: only our own user or the system may be who we talk to. */
static bool pipe_is_trusted(HANDLE pipe) {
    PSECURITY_DESCRIPTOR descriptor;
    union owner own;
    PSID owner;

    if (!owner_of_this(&own) || GetSecurityInfo(pipe, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION, &owner,
                                                NULL, NULL, NULL, &descriptor) != ERROR_SUCCESS)
        return false;
    bool trusted = EqualSid(owner, own.user.User.Sid) || IsWellKnownSid(owner, WinLocalSystemSid);
    (void)LocalFree(descriptor);
    return trusted;
}

int transport_connect(const char *address, os_fd *connection) {
    wchar_t name[NAME_MAX_UNITS];
    DWORD mode = PIPE_READMODE_MESSAGE;
    int r = pipe_name(address, name);

    if (r < 0)
        return r;
    /* The other end may see who we are, and may not act as us. */
    HANDLE pipe = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                              FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    if (pipe == INVALID_HANDLE_VALUE)
        return errno_now();
    r = pipe_is_trusted(pipe) ? 0 : -EPERM;
    if (r == 0 && !SetNamedPipeHandleState(pipe, &mode, NULL, NULL))
        r = errno_now();
    if (r < 0) {
        (void)CloseHandle(pipe);
        return r;
    }
    *connection = pipe;
    return 0;
}

/* The pipe that stands ready for the next client. */
bool transport_listens(os_fd fd) {
    DWORD flags = 0;
    return GetNamedPipeInfo((HANDLE)fd, &flags, NULL, NULL, NULL) && flags & PIPE_SERVER_END;
}

bool transport_is_open(os_fd listener) {
    (void)listener; /* a pipe has an access list */
    return false;
}

int transport_adopt(os_fd fd) {
    if (GetFileType(fd) != FILE_TYPE_PIPE)
        return -EAFNOSUPPORT;
    return SetHandleInformation(fd, HANDLE_FLAG_INHERIT, 0) ? 0 : errno_now();
}
