/* stream_plain_netbsd.c: which files stream_bsd.c may read for others, by the call that NetBSD has in place of fstatfs. */
#include "stream.h"

#include <string.h>
#include <sys/statvfs.h>

/* As on Linux: what a file in procfs says depends on who reads it. */
int stream_check_plain(struct stream_job *job) {
    struct statvfs system;
    if (job->plain || (job->type != INSPECT_REGULAR && job->type != INSPECT_OTHER))
        return 0;
    if (fstatvfs(job->fd, &system) == 0 && strcmp(system.f_fstypename, "procfs") == 0)
        return STREAM_E_PROCESS;
    job->plain = true;
    return 0;
}
