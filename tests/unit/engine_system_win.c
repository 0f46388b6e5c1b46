/* engine_system_win.c: what the tests of engine.h ask of Windows. */
#include "engine_case.h"

#include <winsock2.h>

#include <windows.h>
#include <winternl.h>

/* Not by getsockopt: wine does not know copies of sockets as such. */
static bool is_socket(os_fd fd) {
    DWORD flags;

    return GetFileType(fd) == FILE_TYPE_PIPE && !GetNamedPipeInfo(fd, &flags, NULL, NULL, NULL);
}

void excite_by_writing(struct pair *pair) {
    OVERLAPPED work = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    DWORD n = 0;

    assert_non_null(work.hEvent);
    if (is_socket(pair->other)) {
        assert_int_equal(send((SOCKET)pair->other, "12345678", 8, 0), 8);
    } else {
        assert_true(WriteFile(pair->other, "12345678", 8, NULL, &work) || GetLastError() == ERROR_IO_PENDING);
        assert_true(GetOverlappedResult(pair->other, &work, &n, TRUE));
        assert_int_equal(n, 8);
    }
    assert_true(CloseHandle(work.hEvent));
}

/* A copy of a socket that DuplicateHandle has made is none for Winsock under wine, and closed as a handle there. */
void fd_close(os_fd fd) {
    int type, size = sizeof(type);

    if (!is_socket(fd) || getsockopt((SOCKET)fd, SOL_SOCKET, SO_TYPE, (char *)&type, &size))
        assert_true(CloseHandle(fd));
    else
        assert_int_equal(closesocket((SOCKET)fd), 0);
}

void pair_close(struct pair *pair) {
    if (GetProcessId(pair->fd))
        (void)TerminateProcess(pair->fd, 0); /* it may have ended */
    fd_close(pair->fd);
    if (pair->other != OS_FD_NONE)
        fd_close(pair->other);
}

/* 0 for what is no file. Of sockets Windows does not tell whether they block. */
unsigned fd_flags(os_fd fd) {
    FILE_MODE_INFORMATION mode = {0};
    IO_STATUS_BLOCK status;
    DWORD state = 0;

    (void)NtQueryInformationFile(fd, &status, &mode, sizeof(mode), FileModeInformation);
    (void)GetNamedPipeHandleStateW(fd, &state, NULL, NULL, NULL, NULL, 0);
    return mode.Mode << 16 | state;
}

void fds_forbid(bool forbid) { (void)forbid; }

void fd_await(os_fd fd) {
    while (!probed(fd, ENGINE_READ))
        Sleep(1);
}

unsigned told_again(void) { return told_in_time(); }
