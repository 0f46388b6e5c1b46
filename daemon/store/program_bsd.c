/* program_bsd.c: as it was invoked. */
#include "program.h"

const char *program_of_this(const char *invoked) { return invoked; }
