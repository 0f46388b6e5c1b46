/* inspect_ask_win.c: threads of a pool ask. One whose query waits for the holder of the file stays until that has returned; so each user may have some of
 * those at most (asker_win.h), and from then on nothing is asked for that user. The pool has as many as all may have and is for nothing else: the loop waits
 * until a thread has begun, or until the user's allowance is used up.
 *
 * The loop waits PATIENCE_MS for an answer. What it waits beyond FREE_MS comes out of that allowance. A query that waits says something, too: that the file
 * is for synchronous I/O. What turns out to be a connection to this broker when the loop does not
 * wait any more is ended then: else the broker's copy would keep it open beyond its client. */
#include "inspect_ask_win.h"

#include "asker_win.h"
#include "daemon/readiness/nt_win.h"
#include "proto/pipe_win.h"
#include "stream_win.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <winioctl.h>

/* STARTED_MS: the thread has to come to run, on a busy machine. */
enum { STARTED_MS = 1000, PATIENCE_MS = 100, FREE_MS = 5 };
enum { SYNCHRONOUS = 0x30 };

bool inspect_ask_name(os_fd fd, wchar_t name[INSPECT_NAME_UNITS]) {
    union {
        UNICODE_STRING name;
        wchar_t room[2 * INSPECT_NAME_UNITS + 64];
    } type;
    ULONG size;

    if (!NT_SUCCESS(NtQueryObject(fd, ObjectTypeInformation, &type, sizeof type, &size)) ||
        type.name.Length >= INSPECT_NAME_UNITS * sizeof *name)
        return false;
    memcpy(name, type.name.Buffer, type.name.Length);
    name[type.name.Length / sizeof *name] = L'\0';
    return true;
}

struct ask {
    struct asker *asker;
    atomic_int refs;
    HANDLE fd, started, answered;
    atomic_int so_far, type; /* enum inspect_type: what is known by now, and the answer */
    atomic_flag settled;     /* by the answer, or by the loop, which does not wait any more */
};

static TP_CALLBACK_ENVIRON *pool; /* NULL: there was no memory for it; made later then, by the loop */

/* Of the broker's pipe, without its folder. */
static wchar_t own_name[PIPE_NAME_UNITS];
static size_t own_units;

static bool make_pool(void) {
    static TP_CALLBACK_ENVIRON environment;
    TP_POOL *made = pool ? NULL : CreateThreadpool(NULL);

    if (made) {
        SetThreadpoolThreadMaximum(made, ASKER_THREADS);
        InitializeThreadpoolEnvironment(&environment);
        SetThreadpoolCallbackPool(&environment, made);
        pool = &environment;
    }
    return pool != NULL;
}

void inspect_ask_init(os_fd listener) {
    static const wchar_t folder[] = L"\\\\.\\pipe\\";
    size_t prefix = sizeof folder / sizeof *folder - 1;
    wchar_t name[PIPE_NAME_UNITS];

    (void)make_pool();
    own_units = 0;
    if (pipe_listened(listener, name) || wcsncmp(name, folder, prefix) != 0)
        return;
    own_units = wcslen(name + prefix);
    wmemcpy(own_name, name + prefix, own_units + 1);
}

static void ask_unref(struct ask *ask) {
    if (atomic_fetch_sub(&ask->refs, 1) > 1)
        return;
    if (ask->fd)
        (void)CloseHandle(ask->fd);
    if (ask->started)
        (void)CloseHandle(ask->started);
    if (ask->answered)
        (void)CloseHandle(ask->answered);
    free(ask);
}

bool inspect_ask_is_synchronous(os_fd fd) {
    IO_STATUS_BLOCK status;
    ULONG mode = SYNCHRONOUS;

    return NtQueryInformationFile(fd, &status, &mode, sizeof mode, FileModeInformation) < 0 ||
           mode & SYNCHRONOUS;
}

/* A volume or a disk that is opened as such has no such information. */
static enum inspect_type type_of_disk(HANDLE fd) {
    BY_HANDLE_FILE_INFORMATION file;

    if (!GetFileInformationByHandle(fd, &file))
        return INSPECT_BLOCK;
    return file.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? INSPECT_DIRECTORY : INSPECT_REGULAR;
}

static enum inspect_type type_of_character(HANDLE fd, DWORD device) {
    DWORD mode, n;

    if (GetConsoleMode(fd, &mode))
        return GetNumberOfConsoleInputEvents(fd, &n) ? INSPECT_TTY : INSPECT_SCREEN;
    return device == FILE_DEVICE_NULL ? INSPECT_CHARACTER : INSPECT_DEVICE;
}

/* By its name, which has one server at a time. */
static bool is_own(HANDLE pipe) {
    ULONG server;
    IO_STATUS_BLOCK status;
    struct {
        ULONG size;
        wchar_t name[PIPE_NAME_UNITS];
    } file;
    size_t units;

    if (!own_units || !GetNamedPipeServerProcessId(pipe, &server) || server != GetCurrentProcessId() ||
        !NT_SUCCESS(NtQueryInformationFile(pipe, &status, &file, sizeof file, FileNameInformation)))
        return false;
    units = file.size / sizeof(wchar_t);
    return units > 1 && units - 1 == own_units && _wcsnicmp(file.name + 1, own_name, own_units) == 0;
}

static enum inspect_type type_of_pipe(HANDLE pipe) {
    if (is_own(pipe))
        return INSPECT_CONNECTION;
    return inspect_ask_is_synchronous(pipe) ? INSPECT_PLAIN_PIPE : INSPECT_PIPE;
}

/* What it is if no more can be told. */
static enum inspect_type type_of_device(DWORD device) {
    switch (device) {
    case FILE_DEVICE_NAMED_PIPE:
        return INSPECT_PLAIN_PIPE;
    case FILE_DEVICE_CONSOLE:
        return INSPECT_TTY;
    case FILE_DEVICE_NULL:
        return INSPECT_CHARACTER;
    default:
        return INSPECT_FILE;
    }
}

/* so_far: gets what is known already. */
static enum inspect_type find_out(HANDLE fd, atomic_int *so_far) {
    FILE_FS_DEVICE_INFORMATION device;
    IO_STATUS_BLOCK status;

    if (!NT_SUCCESS(
            NtQueryVolumeInformationFile(fd, &status, &device, sizeof device, FileFsDeviceInformation)))
        return INSPECT_DEVICE;
    atomic_store(so_far, (int)type_of_device(device.DeviceType));
    if (device.DeviceType == FILE_DEVICE_NAMED_PIPE)
        return device.Characteristics & NT_REMOTE_DEVICE ? INSPECT_DEVICE : type_of_pipe(fd);
    if (GetFileType(fd) == FILE_TYPE_CHAR)
        return type_of_character(fd, device.DeviceType);
    return device.DeviceType == FILE_DEVICE_MAILSLOT ? INSPECT_DEVICE : type_of_disk(fd);
}

enum inspect_type inspect_ask_here(os_fd fd) {
    atomic_int so_far;

    return find_out(fd, &so_far);
}

/* By what no client sends: one byte, which is no message of the protocol. Whoever may write there could send it. */
static void end_connection(HANDLE fd) {
    OVERLAPPED operation;
    HANDLE event = stream_operation(&operation);
    DWORD n;

    if (!event)
        return;
    if (WriteFile(fd, "", 1, NULL, &operation) || GetLastError() == ERROR_IO_PENDING)
        (void)GetOverlappedResult(fd, &operation, &n, TRUE);
    (void)CloseHandle(event);
}

static void CALLBACK work(PTP_CALLBACK_INSTANCE instance, void *context) {
    struct ask *ask = context;
    enum inspect_type type;

    (void)instance;
    (void)SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_HIGHEST);
    (void)SetEvent(ask->started);
    type = find_out(ask->fd, &ask->so_far);
    atomic_store(&ask->type, (int)type);
    if (atomic_flag_test_and_set(&ask->settled) && type == INSPECT_CONNECTION)
        end_connection(ask->fd);
    (void)SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_NORMAL); /* it is the pool's */
    (void)CloseHandle(
        ask->fd); /* before the answer: a copy that is left keeps the other end of a pipe from its end */
    ask->fd = NULL;
    asker_leave(ask->asker);
    (void)SetEvent(ask->answered);
    ask_unref(ask);
}

/* NULL: the system lacks something for it. */
static struct ask *ask_start(HANDLE fd, struct asker *asker) {
    struct ask *ask = make_pool() ? calloc(1, sizeof *ask) : NULL;

    if (!ask)
        return NULL;
    ask->refs = 1;
    ask->so_far = INSPECT_FILE;
    atomic_flag_clear(&ask->settled);
    ask->started = CreateEventW(NULL, TRUE, FALSE, NULL);
    ask->answered = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!ask->started || !ask->answered ||
        !DuplicateHandle(GetCurrentProcess(), fd, GetCurrentProcess(), &ask->fd, 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
        goto fail;
    ask->asker = asker;
    (void)atomic_fetch_add(&ask->refs, 1);
    if (TrySubmitThreadpoolCallback(work, ask, pool))
        return ask;
    (void)atomic_fetch_sub(&ask->refs, 1);
fail:
    ask_unref(ask);
    return NULL;
}

/* Waits for the answer. The user has entered, and no other one since. */
static void await(const struct ask *ask, struct asker *asker, int64_t begin) {
    bool patient = asker_may_wait(asker);
    int64_t waited;

    if (WaitForSingleObject(ask->started, patient ? STARTED_MS : FREE_MS) == WAIT_OBJECT_0)
        (void)WaitForSingleObject(ask->answered, patient ? PATIENCE_MS : FREE_MS);
    waited = os_now_us() - begin - FREE_MS * 1000;
    if (waited > 0)
        asker_waited(asker, waited);
}

enum inspect_type inspect_ask(os_fd fd, os_uid uid) {
    int64_t begin = os_now_us();
    struct asker *asker = asker_enter(uid, begin);
    struct ask *ask = asker ? ask_start(fd, asker) : NULL;
    enum inspect_type type;

    if (asker && !ask)
        asker_leave(asker);
    if (!ask)
        return INSPECT_FILE;
    await(ask, asker, begin);
    bool is_told = atomic_flag_test_and_set(&ask->settled);
    type = (enum inspect_type)atomic_load(is_told ? &ask->type : &ask->so_far);
    ask_unref(ask);
    return type;
}
