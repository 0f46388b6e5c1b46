/* program_macos.c: the loader tells the path that the program was started with. */
#include "program.h"

#include <limits.h>
#include <mach-o/dyld.h>
#include <stddef.h>

const char *program_of_this(void) {
    static char path[PATH_MAX];
    uint32_t room = sizeof(path);

    return _NSGetExecutablePath(path, &room) == 0 ? path : NULL;
}

void program_name(void) {} /* the path is its own */
