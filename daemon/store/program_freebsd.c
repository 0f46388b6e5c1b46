/* program_freebsd.c: the kernel tells a path that the file has now. */
#include "program.h"

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#include <sys/sysctl.h>

const char *program_of_this(void) {
    static char path[PATH_MAX];
    const int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1};
    size_t size = sizeof(path);

    return sysctl(name, sizeof(name) / sizeof(*name), path, &size, NULL, 0) == 0 ? path : NULL;
}

void program_name(void) {} /* the path is its own */
