/* program_netbsd.c: the kernel tells the path that the file was started by. */
#define _NETBSD_SOURCE
#include "program.h"

#include <limits.h>
#include <stddef.h>
#include <sys/param.h>

#include <sys/sysctl.h>

const char *program_of_this(void) {
    static char path[PATH_MAX];
    const int name[] = {CTL_KERN, KERN_PROC_ARGS, -1, KERN_PROC_PATHNAME};
    size_t size = sizeof(path);

    return sysctl(name, sizeof(name) / sizeof(*name), path, &size, NULL, 0) == 0 ? path : NULL;
}

void program_name(void) {} /* the path is its own */
