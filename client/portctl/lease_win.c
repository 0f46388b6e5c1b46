/* lease_win.c: a process for the broker to watch, as a handle that allows no more than to wait for its end. */
#include "lease.h"

#include <errno.h>
#include <windows.h>

int lease_open_process(uint32_t pid, portd_native *process) {
    HANDLE opened = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);

    *process = opened != NULL ? (portd_native)(intptr_t)opened : -1;
    if (opened != NULL)
        return 0;
    return GetLastError() == ERROR_INVALID_PARAMETER ? ESRCH
           : GetLastError() == ERROR_ACCESS_DENIED   ? EPERM
                                                     : ENOMEM;
}
