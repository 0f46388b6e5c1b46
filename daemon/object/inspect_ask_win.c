/* inspect_ask_win.c: threads of the process's pool ask. One whose query waits for the holder of the file stays until that has returned; so
 * there are ASKING_MOST of those at most, and from then on nothing is asked. */
#include "inspect_ask_win.h"

#include "daemon/readiness/nt_win.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <winioctl.h>

/* STARTED_MS: the thread has to come to run, on a busy machine. ANSWERED_MS: then a query that waits for nobody takes some microseconds. */
enum { ASKING_MOST = 32, STARTED_MS = 1000, ANSWERED_MS = 20 };
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
    atomic_int refs;
    HANDLE fd, started, answered;
    struct inspect_facts facts;
};

static atomic_int asking;

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

static bool is_synchronous(HANDLE fd) {
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

struct inspect_facts inspect_ask_here(os_fd fd) {
    struct inspect_facts facts = {.type = INSPECT_DEVICE};
    FILE_FS_DEVICE_INFORMATION device;
    IO_STATUS_BLOCK status;

    if (NtQueryVolumeInformationFile(fd, &status, &device, sizeof device, FileFsDeviceInformation) < 0)
        return facts;
    if (device.DeviceType == FILE_DEVICE_NAMED_PIPE)
        facts.type = is_synchronous(fd) ? INSPECT_PLAIN_PIPE : INSPECT_PIPE;
    else if (GetFileType(fd) == FILE_TYPE_CHAR)
        facts.type = type_of_character(fd, device.DeviceType);
    else if (device.DeviceType != FILE_DEVICE_MAILSLOT)
        facts.type = type_of_disk(fd);
    return facts;
}

static DWORD WINAPI work(void *context) {
    struct ask *ask = context;

    (void)SetEvent(ask->started);
    ask->facts = inspect_ask_here(ask->fd);
    (void)SetEvent(ask->answered);
    (void)atomic_fetch_sub(&asking, 1);
    ask_unref(ask);
    return 0;
}

/* NULL: the system lacks something for it. */
static struct ask *ask_start(HANDLE fd) {
    struct ask *ask = calloc(1, sizeof *ask);

    if (!ask)
        return NULL;
    ask->refs = 1;
    ask->started = CreateEventW(NULL, TRUE, FALSE, NULL);
    ask->answered = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!ask->started || !ask->answered ||
        !DuplicateHandle(GetCurrentProcess(), fd, GetCurrentProcess(), &ask->fd, 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
        goto fail;
    (void)atomic_fetch_add(&asking, 1);
    (void)atomic_fetch_add(&ask->refs, 1);
    if (QueueUserWorkItem(work, ask, WT_EXECUTELONGFUNCTION))
        return ask;
    (void)atomic_fetch_sub(&asking, 1);
    (void)atomic_fetch_sub(&ask->refs, 1);
fail:
    ask_unref(ask);
    return NULL;
}

struct inspect_facts inspect_ask(os_fd fd) {
    struct inspect_facts facts = {.type = INSPECT_FILE};
    struct ask *ask = atomic_load(&asking) < ASKING_MOST ? ask_start(fd) : NULL;

    if (!ask)
        return facts;
    if (WaitForSingleObject(ask->started, STARTED_MS) == WAIT_OBJECT_0 &&
        WaitForSingleObject(ask->answered, ANSWERED_MS) == WAIT_OBJECT_0)
        facts = ask->facts;
    ask_unref(ask);
    return facts;
}
