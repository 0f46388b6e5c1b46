/* inspect_process_win.c: the processes of inspect.h for Windows, which are named by their ids. An id is not used again while anybody has a handle of the
 * process, but soon afterwards. A session can keep the numbers of a process that has ended: so a key also has the time at which the process began. */
#include "inspect.h"

#include <errno.h>
#include <windows.h>

bool inspect_has_locks(os_fd pidfd) {
    (void)pidfd;
    return false;
}

bool inspect_tells_pids(void) { return true; }

bool inspect_passes_processes(void) { return true; }

uint32_t inspect_read_pid(os_fd pidfd) {
    (void)pidfd;
    return 0;
}

/* In ms, as many as there is room for: 49 days. */
static uint64_t key_of(HANDLE process, uint32_t pid) {
    enum { MS = 10000, PID_BITS = 32 };
    FILETIME began, ended, kernel, user;

    if (!GetProcessTimes(process, &began, &ended, &kernel, &user))
        return pid;
    uint64_t time = (uint64_t)began.dwHighDateTime << 32 | began.dwLowDateTime;
    return time / MS << PID_BITS | pid;
}

/* A handle without the right to query tells no id. */
int inspect_pidfd(os_fd fd, uint64_t *key, uint32_t *pid) {
    *pid = GetProcessId(fd);
    *key = key_of(fd, *pid);
    return *pid ? 0 : -EINVAL;
}

/* The system takes the numbers beside an id for it as well. */
os_fd inspect_open_pid(uint32_t pid, uint64_t *key) {
    HANDLE process = pid ? OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid) : NULL;

    if (!process) {
        errno = pid && GetLastError() == ERROR_ACCESS_DENIED ? EPERM : pid ? ESRCH : EINVAL;
        return OS_FD_NONE;
    }
    if (GetProcessId(process) != pid || WaitForSingleObject(process, 0) == WAIT_OBJECT_0) {
        (void)CloseHandle(process);
        errno = ESRCH;
        return OS_FD_NONE;
    }
    *key = key_of(process, pid);
    return process;
}

bool inspect_pids_are_full(void) { return false; }

/* The transport has the process open. */
uint64_t inspect_peer(os_fd connection, uint32_t pid, os_fd *opened) {
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
    uint64_t key = process ? key_of(process, pid) : pid;

    (void)connection;
    *opened = OS_FD_NONE;
    if (process)
        (void)CloseHandle(process);
    return key;
}

enum inspect_shares inspect_may_share_pids(os_fd connection, uint32_t pid, os_fd *opened) {
    (void)connection;
    (void)pid;
    *opened = OS_FD_NONE;
    return INSPECT_SHARES;
}

enum inspect_shares inspect_shares_pids(os_fd opened) {
    (void)opened;
    return INSPECT_SHARES;
}
