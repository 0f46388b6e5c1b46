/* ancestor_macos.c: ancestor.h for macOS. */
#include "ancestor.h"

#include <libproc.h>
#include <sys/proc.h>
#include <sys/proc_info.h>
#include <unistd.h>

bool ancestor_read(pid_t pid, struct ancestor *process) {
    struct proc_bsdinfo found;

    if (proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &found, sizeof(found)) != (int)sizeof(found))
        return false;
    *process = (struct ancestor){.runs = found.pbi_status != SZOMB,
                                 .parent = (pid_t)found.pbi_ppid,
                                 .session = getsid(pid),
                                 .uid = found.pbi_uid};
    return true;
}
