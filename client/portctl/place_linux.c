/* place_linux.c: native.h's own file and the address of the system's broker, on Linux. */
#define _GNU_SOURCE
#include "native.h"

#include "text.h"

#include <unistd.h>

size_t native_own_path(char *path, size_t size) {
    ssize_t length = readlink("/proc/self/exe", path, size);

    return length > 0 ? (size_t)length : 0;
}

char *native_system_address(void) { return text_copy("unix:/run/portd/portd.sock"); }
