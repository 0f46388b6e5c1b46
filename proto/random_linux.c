/* random_linux.c: random.h with the kernel's call. */
#define _GNU_SOURCE

#include "random.h"

#include <errno.h>
#include <unistd.h>

int random_get(void *bytes, size_t size) { return getentropy(bytes, size) < 0 ? -errno : 0; }
