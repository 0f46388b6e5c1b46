/* environment_linux.c: environment.h with glibc's calls, which musl has as well. */
#define _GNU_SOURCE

#include "environment.h"

#include <stdlib.h>
#include <unistd.h>

const char *environment_get(const char *name) { return secure_getenv(name); }

char **environment_all(void) { return environ; }
