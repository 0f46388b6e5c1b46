/* kind_win.c: a handle's kind, from what the system tells of its object.
 *
 * The order matters: a socket is recognized first, by the driver of sockets, since that asks nothing that a synchronous file could let wait. */
#include "kind_win.h"

#include "afd_win.h"
#include "engine.h"
#include "nt_win.h"

#include <winioctl.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

enum {
    SYNCHRONOUS = 0x30, /* FILE_SYNCHRONOUS_IO_ALERT, FILE_SYNCHRONOUS_IO_NONALERT */
    PSEUDO = 6          /* handles */
};

/* FILE_PIPE_LOCAL_INFORMATION.NamedPipeState */
enum { PIPE_DISCONNECTED = 1, PIPE_LISTENING = 2, PIPE_CONNECTED = 3, PIPE_CLOSING = 4 };

struct type {
    UNICODE_STRING name;
    wchar_t rest[128]; /* PUBLIC_OBJECT_TYPE_INFORMATION has more members; then the name follows */
};

/* 0 or a negative errno. */
static int get_type(HANDLE handle, struct type *type) {
    ULONG needed;

    return NT_SUCCESS(NtQueryObject(handle, ObjectTypeInformation, type, sizeof(*type), &needed)) ? 0
                                                                                                  : -EBADF;
}

static bool is(const struct type *type, const wchar_t *name) {
    size_t size = wcslen(name) * sizeof(*name);

    return type->name.Length == size && !memcmp(type->name.Buffer, name, size);
}

/* An auto-reset event is reset by the wait that it wakes. Without the right to ask it is not known to be a manual-reset one. */
static bool is_manual_event(HANDLE handle) {
    struct nt_event event;
    ULONG needed;

    return NT_SUCCESS(NtQueryEvent(handle, NT_EVENT_BASIC_INFORMATION, &event, sizeof(event), &needed)) &&
           event.type == NT_NOTIFICATION_EVENT;
}

/* Of the console that this process is attached to. */
static bool is_console_input(HANDLE handle) {
    DWORD n;

    return GetNumberOfConsoleInputEvents(handle, &n);
}

/* What was opened by the name of the driver of sockets has a pipe's device, too, but no pipe's state. */
static enum kind pipe_kind(HANDLE handle) {
    FILE_PIPE_LOCAL_INFORMATION local;
    FILE_MODE_INFORMATION mode;
    IO_STATUS_BLOCK status;

    if (!NT_SUCCESS(NtQueryInformationFile(handle, &status, &mode, sizeof(mode), FileModeInformation)) ||
        !NT_SUCCESS(NtQueryInformationFile(handle, &status, &local, sizeof(local), FilePipeLocalInformation)))
        return KIND_UNKNOWN;
    return mode.Mode & SYNCHRONOUS ? KIND_LOOKED : KIND_PIPE;
}

static enum kind file_kind(HANDLE handle) {
    FILE_FS_DEVICE_INFORMATION device;
    IO_STATUS_BLOCK status;

    if (!NT_SUCCESS(
            NtQueryVolumeInformationFile(handle, &status, &device, sizeof(device), FileFsDeviceInformation)))
        return KIND_UNKNOWN;
    switch (device.DeviceType) {
    case FILE_DEVICE_NAMED_PIPE: /* another machine's answers when it likes */
        return device.Characteristics & NT_REMOTE_DEVICE ? KIND_UNKNOWN : pipe_kind(handle);
    case FILE_DEVICE_CONSOLE:
        return is_console_input(handle) ? KIND_WAITABLE : KIND_UNKNOWN;
    default:
        return KIND_UNKNOWN;
    }
}

/* The values -1 to -6 are not handles: they mean the process and the thread that use them, and their tokens. */
static bool is_pseudo(os_fd fd) { return (intptr_t)fd < 0 && (intptr_t)fd >= -PSEUDO; }

/* False without the right to wait for it (SYNCHRONIZE). What stays signalled is not changed by this. */
static bool may_wait(HANDLE handle) { return WaitForSingleObject(handle, 0) != WAIT_FAILED; }

int kind_of_other(os_fd fd) {
    struct type type;

    if (is_pseudo(fd) || get_type(fd, &type))
        return -EBADF;
    if (is(&type, L"Process") || is(&type, L"Thread") || (is(&type, L"Event") && is_manual_event(fd)))
        return may_wait(fd) ? KIND_WAITABLE : KIND_UNKNOWN;
    return is(&type, L"File") ? (int)file_kind(fd) : (int)KIND_UNKNOWN;
}

int kind_of(os_fd fd) {
    struct afd_asked asked = {.socket = fd, .events = afd_wanted(ENGINE_READ)};
    int error = afd_look(&asked, 1);

    return error == -EBADF ? kind_of_other(fd) : error ? error : (int)KIND_SOCKET;
}

int kind_of_own(os_fd fd) {
    struct type type;

    if (is_pseudo(fd) || get_type(fd, &type))
        return -EBADF;
    return is(&type, L"Event") || is(&type, L"Timer") ? (int)KIND_WAITABLE : kind_of(fd);
}

bool kind_is_listening(os_fd pipe) {
    FILE_PIPE_LOCAL_INFORMATION local;
    IO_STATUS_BLOCK status;

    return NT_SUCCESS(
               NtQueryInformationFile(pipe, &status, &local, sizeof(local), FilePipeLocalInformation)) &&
           local.NamedPipeState == PIPE_LISTENING;
}

/* Reading is told with the hang-up where bytes are left. */
static unsigned look_at_pipe(HANDLE handle, unsigned interest) {
    FILE_PIPE_LOCAL_INFORMATION local;
    IO_STATUS_BLOCK status;
    NTSTATUS result =
        NtQueryInformationFile(handle, &status, &local, sizeof(local), FilePipeLocalInformation);

    if (!NT_SUCCESS(result))
        return result == STATUS_INVALID_HANDLE ? ENGINE_ERROR : ENGINE_HANG_UP;
    return (local.ReadDataAvailable && interest & ENGINE_READ ? ENGINE_READ : 0u) |
           (local.NamedPipeState == PIPE_CLOSING || local.NamedPipeState == PIPE_DISCONNECTED ? ENGINE_HANG_UP
                                                                                              : 0u) |
           (interest & ENGINE_WRITE);
}

unsigned kind_look(os_fd fd, enum kind kind, unsigned interest) {
    switch (kind) {
    case KIND_PIPE:
    case KIND_LOOKED:
        return look_at_pipe(fd, interest);
    case KIND_WAITABLE:
        return WaitForSingleObject(fd, 0) == WAIT_OBJECT_0 ? interest : 0;
    default:
        return interest & ENGINE_INTERESTS;
    }
}
