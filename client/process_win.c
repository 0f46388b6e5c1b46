/* process_win.c: there is no fork on Windows. What is a pidfd elsewhere is a process handle, which allows to wait for its end and to ask for its
 * number. */
#include "process.h"

#include <errno.h>
#include <windows.h>

void process_mark_init(struct process_mark *mark) {
    mark->page = NULL;
    mark->pid = 0;
}

void process_mark_deinit(struct process_mark *mark) { (void)mark; }

bool process_is_child(const struct process_mark *mark) {
    (void)mark;
    return false;
}

/* A process that has ended is found as long as somebody has it open. */
int process_open(uint32_t pid, os_fd *process) {
    HANDLE opened = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);

    if (!opened)
        return GetLastError() == ERROR_INVALID_PARAMETER ? -ESRCH
               : GetLastError() == ERROR_ACCESS_DENIED   ? -EPERM
                                                         : -ENOMEM;
    if (WaitForSingleObject(opened, 0) == WAIT_OBJECT_0) {
        (void)CloseHandle(opened);
        return -ESRCH;
    }
    *process = opened;
    return 0;
}
