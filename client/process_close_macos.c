/* process_close_macos.c: macOS has no such call: every number that may be open is closed. */
#include "process.h"

#include <unistd.h>

int process_close_from(int first) {
    int end = getdtablesize();

    for (int fd = first; fd < end; fd++)
        (void)close(fd);
    return end > 0 ? 0 : -1;
}
