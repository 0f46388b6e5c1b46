/* nt_win.h: what ntdll has and the SDK's headers of the tool chain lack. */
#ifndef NT_WIN_H
#define NT_WIN_H

#define WIN32_NO_STATUS /* windows.h has some of the codes that ntstatus.h has all of */
#include <windows.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>
#include <winternl.h>

/* NtReadFile as ReadFile, but with the status itself. NtCancelIoFileEx does not wait for the operation to end. */
NTSTATUS NTAPI NtReadFile(HANDLE file, HANDLE event, PIO_APC_ROUTINE apc, void *context,
                          IO_STATUS_BLOCK *status, void *buffer, ULONG size, LARGE_INTEGER *offset,
                          ULONG *key);
NTSTATUS NTAPI NtCancelIoFileEx(HANDLE file, IO_STATUS_BLOCK *operation, IO_STATUS_BLOCK *status);

enum {
    NT_REMOTE_DEVICE = 0x10
}; /* of FILE_FS_DEVICE_INFORMATION.Characteristics: it is on another machine */

enum { NT_EVENT_BASIC_INFORMATION = 0, NT_NOTIFICATION_EVENT = 0 };

struct nt_event {
    LONG type; /* NT_NOTIFICATION_EVENT: it stays signalled until it is reset */
    LONG state;
};

NTSTATUS NTAPI NtQueryEvent(HANDLE event, int information, struct nt_event *answer, ULONG size,
                            ULONG *needed);

#endif
