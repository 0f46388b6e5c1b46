/* program_bsd.c: OpenBSD does not tell it. */
#include "program.h"

#include <stddef.h>

const char *program_of_this(void) { return NULL; }

void program_name(void) {} /* the path is its own */
