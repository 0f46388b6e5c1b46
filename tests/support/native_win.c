/* native_win.c: native.h for Windows. */
#include "tests/support/test.h"

#include "tests/support/native.h"

#include <windows.h>

#include <tlhelp32.h>

void native_pipe(os_fd ends[2]) { assert_true(CreatePipe(&ends[0], &ends[1], NULL, 0)); }

static ptrdiff_t failure(void) {
    switch (GetLastError()) {
    case ERROR_BROKEN_PIPE:
        return 0;
    case ERROR_OPERATION_ABORTED:
        return -EINTR;
    case ERROR_NO_DATA:
        return -EPIPE;
    default:
        return -EBADF;
    }
}

ptrdiff_t native_read(os_fd fd, void *bytes, size_t size) {
    DWORD n;

    return ReadFile(fd, bytes, (DWORD)size, &n, NULL) ? (ptrdiff_t)n : failure();
}

ptrdiff_t native_write(os_fd fd, const void *bytes, size_t size) {
    DWORD n;

    return WriteFile(fd, bytes, (DWORD)size, &n, NULL) ? (ptrdiff_t)n : failure();
}

os_fd native_null(void) {
    HANDLE handle =
        CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);

    assert_true(handle != INVALID_HANDLE_VALUE);
    return handle;
}

bool native_is_open(os_fd fd) {
    DWORD flags;

    return GetHandleInformation(fd, &flags);
}

void native_yield(void) {
    if (!SwitchToThread())
        Sleep(0);
}

size_t native_threads(void) {
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry = {.dwSize = sizeof(entry)};
    size_t n = 0;

    if (all == INVALID_HANDLE_VALUE)
        return 0;
    for (BOOL more = Thread32First(all, &entry); more; more = Thread32Next(all, &entry))
        n += entry.th32OwnerProcessID == GetCurrentProcessId();
    (void)CloseHandle(all);
    return n;
}

int native_thread(void) { return (int)GetCurrentThreadId(); }

int native_sleeps_in_poll(int thread) {
    (void)thread;
    return -1;
}
