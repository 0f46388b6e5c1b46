/* environment_bsd.c: environment.h for the BSDs and macOS, which tell whether a process was started with an id of another user. */
#include "environment.h"

#include <stdlib.h>
#include <unistd.h>

extern char **environ; /* no header declares it everywhere */

const char *environment_get(const char *name) { return issetugid() ? NULL : getenv(name); }

char **environment_all(void) { return environ; }
