/* program_linux.c: the file that this process runs, also if another one has its path by now. */
#include "program.h"

const char *program_of_this(void) { return "/proc/self/exe"; }
