/* process_close_macos.c: macOS has no such call: the open numbers are listed in pieces, the lowest first. The limit alone tells less: one that was lowered leaves
 * numbers above it open. Where they are not listed, every number below the limit is closed. */
#include "process.h"

#include <libproc.h>
#include <stddef.h>
#include <unistd.h>

static int close_below(int end, int first) {
    for (int fd = first; fd < end; fd++)
        (void)close(fd);
    return end > 0 ? 0 : -1;
}

int process_close_from(int first) {
    struct proc_fdinfo open[256];
    size_t n, closed;

    do {
        int size = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, open, (int)sizeof(open));
        if (size <= 0) /* also where none is open */
            return close_below(getdtablesize(), first);
        n = (size_t)size / sizeof(*open);
        closed = 0;
        for (size_t i = 0; i < n; i++)
            closed += open[i].proc_fd >= first && close(open[i].proc_fd) == 0;
    } while (closed > 0);
    return 0;
}
