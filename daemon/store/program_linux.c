/* program_linux.c: the file that this process runs, also if another one has its path by now. */
#include "program.h"

#include <sys/prctl.h>

const char *program_of_this(void) { return "/proc/self/exe"; }

void program_name(void) { (void)prctl(PR_SET_NAME, "portd"); }
