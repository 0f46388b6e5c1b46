/* place_macos.c: native.h's own file and the address of the system's broker, on macOS. */
#include "native.h"

#include "text.h"

#include <limits.h>
#include <mach-o/dyld.h>
#include <stdlib.h>
#include <string.h>

/* The loader tells the path that the program was started with, which may have links in it. */
size_t native_own_path(char *path, size_t size) {
    char told[PATH_MAX], real[PATH_MAX];
    uint32_t room = sizeof(told);

    if (_NSGetExecutablePath(told, &room) != 0 || realpath(told, real) == NULL || strlen(real) > size)
        return 0;
    memcpy(path, real, strlen(real));
    return strlen(real);
}

char *native_system_address(void) { return text_copy("unix:/var/run/portd.sock"); }
