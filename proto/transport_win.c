/* transport_win.c: a named pipe in message mode, with handle values in front of the bytes.
 *
 * One transport_send writes one message: a count, the handle values, the bytes. Messages are written and read as a whole, so a call that would
 * block can be cancelled without an effect: so calls here never block. The handles of a message belong to its bytes, as with recvmsg.
 *
 * DuplicateHandle passes handles between processes. Only the broker calls it for another process, since an ordinary client may not open a
 * service's process. A client sends values of copies in its own process, which the broker moves to itself; the broker duplicates a handle
 * into the client before it sends the value. The broker checks that the process is in the logon session of the pipe's client, since the
 * process id alone can be forged.
 *
 * listen_win.c has the listeners. */
#include "transport.h"

#include "address.h"
#include "frame.h"
#include "pipe_win.h"

#include <errno.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include <aclapi.h>

enum {
    BYTES_MAX = 16384 /* of one message; a longer send takes several messages */
};

struct message {
    uint32_t n_handles;
    uint32_t size; /* of the bytes */
    uint64_t handles[FRAME_FDS_ROOM];
    uint8_t bytes[BYTES_MAX];
};

static int errno_of(unsigned long error) {
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

int pipe_errno_now(void) { return errno_of(GetLastError()); }

/* ReadFile or WriteFile of one message. 0, or a negative errno; -EAGAIN: nothing was done. */
static int message_move(HANDLE pipe, void *bytes, DWORD size, bool write, DWORD *moved) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!event)
        return pipe_errno_now();
    /* The low bit prevents a completion packet if the pipe is associated with a completion port. */
    OVERLAPPED work = {.hEvent = (HANDLE)((ULONG_PTR)event | 1)};
    BOOL done = write ? WriteFile(pipe, bytes, size, NULL, &work) : ReadFile(pipe, bytes, size, NULL, &work);
    int r = done || GetLastError() == ERROR_IO_PENDING ? 0 : pipe_errno_now();
    if (r == 0 && !done)
        (void)CancelIoEx(pipe, &work); /* has no effect if it is complete */
    if (r == 0 && !GetOverlappedResult(pipe, &work, moved, TRUE))
        r = pipe_errno_now();
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

/* The logon session of the thread that opened the pipe's client end, from the kernel. */
static bool client_session(HANDLE pipe, LUID *session) {
    HANDLE token;

    if (!ImpersonateNamedPipeClient(pipe))
        return false;
    BOOL opened = OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token);
    if (!RevertToSelf())
        abort(); /* never go on as another user */
    bool known = opened && token_session(token, session);
    if (opened)
        (void)CloseHandle(token);
    return known;
}

/* The client's process, to duplicate from and into; NULL if it cannot be opened, or its logon session is not the client's. */
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

/* Closes the copies made for a message that was not sent. */
static void handles_take_back(struct message *message, HANDLE process) {
    while (message->n_handles > 0) {
        HANDLE handle = (HANDLE)(uintptr_t)message->handles[--message->n_handles];
        (void)DuplicateHandle(process, handle, NULL, NULL, 0, FALSE, DUPLICATE_CLOSE_SOURCE);
    }
}

/* Duplicates fds into `process`: the client's if the broker sends, else this one. 0, or a negative errno and no copies. */
static int handles_put(struct message *message, HANDLE process, const os_fd *fds, size_t n_fds) {
    for (size_t i = 0; i < n_fds; i++) {
        HANDLE copy;
        if (!DuplicateHandle(GetCurrentProcess(), fds[i], process, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
            int r = pipe_errno_now();
            handles_take_back(message, process);
            return r;
        }
        message->handles[message->n_handles++] = (uint64_t)(uintptr_t)copy;
    }
    return 0;
}

/* A connection is just the pipe. */
os_fd transport_pollable(struct transport transport) { return transport.end; }

os_fd transport_peer(struct transport transport) { return transport.end; }

void transport_close(struct transport transport) { os_close(transport.end); }

os_fd transport_take(struct transport transport) { return transport.end; }

void transport_shutdown(struct transport transport) { (void)transport; }

bool transport_is_empty(struct transport transport) { return transport_is_none(transport); }

ptrdiff_t transport_send(struct transport transport, const void *bytes, size_t size, const os_fd *fds,
                         size_t n_fds) {
    struct message message;
    HANDLE process = GetCurrentProcess();
    DWORD moved;

    if (n_fds > FRAME_FDS_ROOM)
        return -EINVAL;
    message.n_handles = 0;
    message.size = size < BYTES_MAX ? (uint32_t)size : BYTES_MAX;
    if (n_fds > 0 && pipe_is_server(transport.end) && !(process = client_process(transport.end)))
        return -EPERM;
    int r = handles_put(&message, process, fds, n_fds);
    if (r == 0) {
        /* The bytes follow the last handle. */
        uint8_t *behind = (uint8_t *)(message.handles + message.n_handles);
        memmove(behind, bytes, message.size);
        r = message_move(transport.end, &message, (DWORD)(behind + message.size - (uint8_t *)&message), true,
                         &moved);
        if (r < 0)
            handles_take_back(&message, process);
    }
    if (process != GetCurrentProcess())
        (void)CloseHandle(process);
    return r < 0 ? r : (ptrdiff_t)message.size;
}

/* Moves the handles of a message from the client to this process. Rejects pseudo handles ("this process", "this thread"), whose meaning depends
 * on the process that uses them. */
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

int transport_sleep_begin(struct transport transport) {
    (void)transport;
    return -EOPNOTSUPP;
}

int transport_sleep_limit(struct transport transport, int64_t us) {
    (void)transport;
    (void)us;
    return -EOPNOTSUPP;
}

ptrdiff_t transport_recv(struct transport transport, void *bytes, size_t size, os_fd *fds, size_t *n_fds,
                         bool *truncated, bool sleep) {
    struct message message;
    os_fd unasked[FRAME_FDS_ROOM], *to = fds ? fds : unasked;
    DWORD moved;

    (void)sleep;
    *n_fds = 0;
    *truncated = false;
    int r = message_move(transport.end, &message, sizeof(message), false, &moved);
    if (r < 0)
        return r == -EPIPE ? 0 : r;
    size_t head = offsetof(struct message, handles);
    if (moved < head || message.n_handles > FRAME_FDS_ROOM || message.size == 0 || message.size > size ||
        moved != head + message.n_handles * sizeof(message.handles[0]) + message.size)
        return -EPROTO;
    memcpy(bytes, message.handles + message.n_handles, message.size);
    if (message.n_handles > 0 && pipe_is_server(transport.end))
        handles_pull(&message, transport.end, to, n_fds, truncated);
    for (; !pipe_is_server(transport.end) && *n_fds < message.n_handles; (*n_fds)++)
        to[*n_fds] = (HANDLE)(uintptr_t)message.handles[*n_fds];
    while (!fds && *n_fds > 0)
        os_close(unasked[--*n_fds]);
    return (ptrdiff_t)message.size;
}

_Static_assert(sizeof(struct pipe_owner) >= sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE, "no room for a SID");

void *pipe_owner_of_this(struct pipe_owner *owner) {
    HANDLE token;
    DWORD size;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return NULL;
    BOOL known = GetTokenInformation(token, TokenUser, owner, sizeof(*owner), &size);
    (void)CloseHandle(token);
    return known ? ((TOKEN_USER *)(void *)owner)->User.Sid : NULL;
}

int pipe_name(const char *address, wchar_t name[PIPE_NAME_UNITS]) {
    struct address parsed;

    if (address_parse(address, &parsed))
        return -EINVAL;
    if (parsed.kind != ADDRESS_NPIPE)
        return -EAFNOSUPPORT;
    wcscpy(name, L"\\\\.\\pipe\\");
    int n =
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, parsed.path, -1, name + 9, PIPE_NAME_UNITS - 9);
    return n > 0 ? 0 : -EINVAL;
}

/* Any user can create a pipe with the name first: trust only pipes of our own user or the system. */
static bool pipe_is_trusted(HANDLE pipe) {
    PSECURITY_DESCRIPTOR descriptor;
    struct pipe_owner owner_of_this;
    PSID owner, own = pipe_owner_of_this(&owner_of_this);

    if (!own || GetSecurityInfo(pipe, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL,
                                &descriptor) != ERROR_SUCCESS)
        return false;
    bool trusted = EqualSid(owner, own) || IsWellKnownSid(owner, WinLocalSystemSid);
    (void)LocalFree(descriptor);
    return trusted;
}

int transport_connect(const char *address, struct transport *transport) {
    wchar_t name[PIPE_NAME_UNITS];
    DWORD mode = PIPE_READMODE_MESSAGE;
    int r = pipe_name(address, name);

    if (r < 0)
        return r;
    /* The server may identify us, and may not impersonate us. */
    HANDLE pipe = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                              FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    if (pipe == INVALID_HANDLE_VALUE)
        return pipe_errno_now();
    r = pipe_is_trusted(pipe) ? 0 : -EPERM;
    if (r == 0 && !SetNamedPipeHandleState(pipe, &mode, NULL, NULL))
        r = pipe_errno_now();
    if (r < 0) {
        (void)CloseHandle(pipe);
        return r;
    }
    transport->end = pipe;
    return 0;
}

int transport_connect_by(const char *address, int64_t deadline, struct transport *transport) {
    wchar_t name[PIPE_NAME_UNITS];
    int64_t left;
    int r;

    while ((r = transport_connect(address, transport)) == -EAGAIN && (left = deadline - os_now_us()) > 0) {
        DWORD ms = left < 1000000 ? (DWORD)(left / 1000) + 1 : 1000;
        if (pipe_name(address, name) == 0)
            (void)WaitNamedPipeW(name, ms);
    }
    return r;
}

int transport_adopt(os_fd fd) {
    if (GetFileType(fd) != FILE_TYPE_PIPE)
        return -EAFNOSUPPORT;
    return SetHandleInformation(fd, HANDLE_FLAG_INHERIT, 0) ? 0 : pipe_errno_now();
}
