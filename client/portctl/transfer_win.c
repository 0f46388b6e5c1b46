/* transfer_win.c: reads and writes of handles.
 *
 * What was opened for overlapped I/O is read so; the event has its low bit set, so that no packet reaches a completion port that another holder has
 * associated with the open file. Everything else is read by a thread, whose call CancelSynchronousIo takes back; but files, which make nobody wait. If the
 * call cannot be taken back within a second (some consoles), the thread is left alone, with its own memory.
 *
 * A write that is taken back may have been done in part; the system does not always say how much.
 */
#include "transfer_win.h"

#include "stop_win.h"

#include <winsock2.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <winternl.h>

enum {
    MODE_SYNCHRONOUS = 0x30, /* FILE_SYNCHRONOUS_IO_ALERT, _NONALERT */
    CANCEL_AGAIN_MS = 10,    /* the thread may not have begun to wait */
    CANCEL_TIMES = 100,
    CONSOLE_END = 0x1a /* Ctrl-Z at the beginning of a line */
};

enum way { WAY_DIRECT, WAY_THREAD, WAY_OVERLAPPED, WAY_SOCKET };

struct operation {
    HANDLE handle;
    enum way way;
    bool writes, console;
    bool unknown; /* what became of it: the thread still runs */
    HANDLE done;  /* the thread, or the event of `work` */
    OVERLAPPED work;
    DWORD flags; /* of WSARecv; must live as long as it */
    DWORD error, count, size;
    atomic_int users; /* with a thread: 2 while it runs */
    char *bytes;      /* the caller's; with a thread `own` */
    char own[];
};

HANDLE transfer_handle(portd_native number) {
    static const DWORD streams[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    HANDLE handle = (HANDLE)number;

    if (number >= 0 && number <= 2)
        handle = GetStdHandle(streams[number]);
    return handle == INVALID_HANDLE_VALUE ? NULL : handle;
}

DWORD transfer_time_left(int64_t deadline) {
    int64_t left = deadline - portd_now();

    if (deadline == PORTD_FOREVER)
        return INFINITE;
    return left <= 0 ? 0 : left > INT64_C(3600000000) ? 3600000 : (DWORD)((left + 999) / 1000);
}

static int errno_of(DWORD error) {
    static const struct {
        DWORD error;
        int number;
    } table[] = {
        {ERROR_BROKEN_PIPE, EPIPE},
        {ERROR_NO_DATA, EPIPE},
        {ERROR_PIPE_NOT_CONNECTED, EPIPE},
        {WSAECONNRESET, ECONNRESET},
        {ERROR_NETNAME_DELETED, ECONNRESET},
        {WSAECONNABORTED, ECONNABORTED},
        {ERROR_CONNECTION_ABORTED, ECONNABORTED},
        {WSAESHUTDOWN, EPIPE},
        {WSAENOTCONN, ENOTCONN},
        {WSAECONNREFUSED, ECONNREFUSED},
        {ERROR_CONNECTION_REFUSED, ECONNREFUSED},
        {ERROR_PORT_UNREACHABLE, ECONNREFUSED},
        {WSAEMSGSIZE, EMSGSIZE},
        {ERROR_DISK_FULL, ENOSPC},
        {ERROR_HANDLE_DISK_FULL, ENOSPC},
        {ERROR_INVALID_HANDLE, EBADF},
        {ERROR_ACCESS_DENIED, EACCES},
        {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
        {ERROR_INVALID_PARAMETER, EINVAL},
        {WSAENOTSOCK, EBADF},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].error == error)
            return table[i].number;
    return EIO;
}

static bool is_console(HANDLE handle) {
    DWORD mode;

    return GetConsoleMode(handle, &mode) != 0;
}

/* The handle's type says pipe for sockets, too. */
bool transfer_is_socket(HANDLE handle) {
    int type, size = sizeof(type);

    return GetFileType(handle) == FILE_TYPE_PIPE &&
           getsockopt((SOCKET)handle, SOL_SOCKET, SO_TYPE, (char *)&type, &size) == 0;
}

static bool is_overlapped(HANDLE handle) {
    IO_STATUS_BLOCK status;
    ULONG mode;

    return NtQueryInformationFile(handle, &status, &mode, sizeof(mode), FileModeInformation) >= 0 &&
           (mode & MODE_SYNCHRONOUS) == 0;
}

static enum way way_of(HANDLE handle) {
    if (GetFileType(handle) == FILE_TYPE_DISK)
        return WAY_DIRECT;
    if (!is_overlapped(handle))
        return WAY_THREAD;
    return transfer_is_socket(handle) ? WAY_SOCKET : WAY_OVERLAPPED;
}

/* ---- one operation --------------------------------------------------------------------------------------- */

static void let_go(struct operation *operation) {
    if (atomic_fetch_sub(&operation->users, 1) == 1)
        free(operation);
}

static void run_now(struct operation *operation) {
    BOOL done = operation->writes
                    ? WriteFile(operation->handle, operation->bytes, operation->size, &operation->count, NULL)
                    : ReadFile(operation->handle, operation->bytes, operation->size, &operation->count, NULL);

    operation->error = done ? 0 : GetLastError();
}

static DWORD WINAPI run_beside(void *data) {
    struct operation *operation = data;

    run_now(operation);
    let_go(operation);
    return 0;
}

static bool begin_thread(struct operation *operation) {
    operation->bytes = operation->own;
    operation->users = 2;
    operation->done = CreateThread(NULL, 0, run_beside, operation, 0, NULL);
    if (operation->done != NULL)
        return true;
    operation->users = 1;
    operation->error = GetLastError();
    return false;
}

static bool begin_overlapped(struct operation *operation) {
    DWORD error;

    operation->done = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (operation->done == NULL) {
        operation->error = GetLastError();
        return false;
    }
    operation->work.hEvent = (HANDLE)((ULONG_PTR)operation->done | 1);
    if (operation->way == WAY_SOCKET) {
        WSABUF piece = {operation->size, operation->bytes};
        SOCKET socket = (SOCKET)operation->handle;
        int rc = operation->writes
                     ? WSASend(socket, &piece, 1, NULL, 0, &operation->work, NULL)
                     : WSARecv(socket, &piece, 1, NULL, &operation->flags, &operation->work, NULL);
        error = rc == 0 ? 0 : (DWORD)WSAGetLastError();
    } else {
        BOOL done =
            operation->writes
                ? WriteFile(operation->handle, operation->bytes, operation->size, NULL, &operation->work)
                : ReadFile(operation->handle, operation->bytes, operation->size, NULL, &operation->work);
        error = done ? 0 : GetLastError();
    }
    /* A message that did not fit is complete: its count is in the OVERLAPPED, as if it had waited. */
    if (error == 0 || error == ERROR_IO_PENDING || error == ERROR_MORE_DATA)
        return true;
    operation->error = error;
    (void)CloseHandle(operation->done);
    operation->done = NULL;
    return false;
}

/* False: it is done, or has failed; else `done` has to be waited for. */
static bool begin(struct operation *operation) {
    operation->way = way_of(operation->handle);
    operation->console = is_console(operation->handle);
    if (operation->way == WAY_DIRECT) {
        run_now(operation);
        return false;
    }
    return operation->way == WAY_THREAD ? begin_thread(operation) : begin_overlapped(operation);
}

/* Takes it back, unless it is done meanwhile. False: it cannot be. */
static bool cancel(struct operation *operation) {
    if (operation->way != WAY_THREAD) {
        (void)CancelIoEx(operation->handle, &operation->work);
        return true;
    }
    for (int i = 0; i < CANCEL_TIMES; i++) {
        (void)CancelSynchronousIo(operation->done);
        if (WaitForSingleObject(operation->done, CANCEL_AGAIN_MS) == WAIT_OBJECT_0)
            return true;
    }
    return false;
}

/* Once it is done or taken back. */
static void learn(struct operation *operation) {
    if (operation->way != WAY_THREAD &&
        !GetOverlappedResult(operation->handle, &operation->work, &operation->count, TRUE)) {
        operation->error = GetLastError();
        operation->count = (DWORD)operation->work.InternalHigh;
    }
}

/* Why it is waited for no longer: TRANSFER_DONE if it is done. */
static enum transfer_end await(const struct operation *operation, portd_native watch, int64_t deadline) {
    HANDLE handles[3] = {operation->done};
    DWORD n = 1, stop = 0, look = 0;

    if (stop_event() != NULL)
        handles[stop = n++] = stop_event();
    if (watch != -1)
        handles[look = n++] = (HANDLE)watch;
    for (;;) {
        DWORD woken = WaitForMultipleObjects(n, handles, FALSE, transfer_time_left(deadline));

        if (woken == WAIT_OBJECT_0)
            return TRANSFER_DONE;
        if (stop > 0 && woken == WAIT_OBJECT_0 + stop)
            return TRANSFER_STOPPED;
        if (look > 0 && woken == WAIT_OBJECT_0 + look)
            return TRANSFER_LOOK;
        if (woken != WAIT_TIMEOUT) {
            errno = EIO;
            return TRANSFER_FAILED;
        }
        if (deadline != PORTD_FOREVER && portd_now() >= deadline)
            return TRANSFER_LATE;
    }
}

/* Runs it: TRANSFER_DONE, and it has error and count; or why not. Closes `done`. */
static enum transfer_end run(struct operation *operation, portd_native watch, int64_t deadline) {
    enum transfer_end end;

    if (!begin(operation))
        return TRANSFER_DONE;
    end = await(operation, watch, deadline);
    operation->unknown = end != TRANSFER_DONE && !cancel(operation);
    if (!operation->unknown) {
        learn(operation);
        if (operation->error != ERROR_OPERATION_ABORTED || (operation->count > 0 && !operation->writes))
            end = TRANSFER_DONE;
    }
    (void)CloseHandle(operation->done);
    return end;
}

static struct operation *operation_new(portd_native number, size_t size, bool writes) {
    struct operation *operation = malloc(sizeof(*operation) + size);

    if (operation == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    memset(operation, 0, sizeof(*operation));
    operation->handle = transfer_handle(number);
    operation->writes = writes;
    operation->size = (DWORD)size;
    operation->users = 1;
    return operation;
}

/* ---- reading --------------------------------------------------------------------------------------------- */

/* Whether a read of no bytes is the end. A pipe gives one when somebody has written none. */
static bool is_end(const struct operation *operation) {
    return operation->way == WAY_DIRECT || operation->way == WAY_SOCKET || operation->console ||
           GetFileType(operation->handle) != FILE_TYPE_PIPE;
}

static enum transfer_end read_result(const struct operation *operation, void *bytes, size_t *count,
                                     bool *cut) {
    DWORD error = operation->error;

    *cut = error == ERROR_MORE_DATA || error == WSAEMSGSIZE;
    if (error == ERROR_BROKEN_PIPE || error == ERROR_HANDLE_EOF || error == WSAESHUTDOWN)
        return TRANSFER_FILE_END;
    if (error != 0 && !*cut && operation->count == 0) {
        errno = errno_of(error);
        return TRANSFER_FAILED;
    }
    if (operation->console && operation->count > 0 && operation->bytes[0] == CONSOLE_END)
        return TRANSFER_FILE_END;
    *count = operation->count;
    if (operation->bytes != bytes && *count > 0)
        memcpy(bytes, operation->bytes, *count);
    return *count == 0 ? TRANSFER_FILE_END : TRANSFER_DONE;
}

/* A console that Ctrl-C interrupts gives no bytes, before the handler has run. */
static bool was_interrupted(const struct operation *operation) {
    return operation->console && operation->count == 0 &&
           (operation->error == ERROR_OPERATION_ABORTED ||
            (stop_event() != NULL && WaitForSingleObject(stop_event(), CANCEL_AGAIN_MS) == WAIT_OBJECT_0));
}

enum transfer_end transfer_read(portd_native from, void *bytes, size_t size, portd_native watch,
                                int64_t deadline, size_t *count, bool *cut) {
    *count = 0;
    *cut = false;
    for (;;) {
        struct operation *operation = operation_new(from, size, false);
        bool again;
        enum transfer_end end;

        if (operation == NULL)
            return TRANSFER_FAILED;
        operation->bytes = bytes;
        end = run(operation, watch, deadline);
        again = end == TRANSFER_DONE && operation->error == 0 && operation->count == 0 &&
                (!is_end(operation) || was_interrupted(operation));
        if (end == TRANSFER_DONE && !again)
            end = read_result(operation, bytes, count, cut);
        let_go(operation);
        if (!again)
            return end;
    }
}

/* ---- writing --------------------------------------------------------------------------------------------- */

enum transfer_end transfer_write(portd_native to, const void *bytes, size_t size, int64_t deadline,
                                 size_t *count) {
    struct operation *operation = operation_new(to, size, true);
    enum transfer_end end;

    *count = 0;
    if (operation == NULL)
        return TRANSFER_FAILED;
    operation->bytes = operation->own;
    if (size > 0)
        memcpy(operation->own, bytes, size);
    end = run(operation, -1, deadline);
    if (end == TRANSFER_DONE && operation->error != 0) {
        errno = errno_of(operation->error);
        end = TRANSFER_FAILED;
    }
    if (!operation->unknown)
        *count = operation->count;
    let_go(operation);
    return end;
}
