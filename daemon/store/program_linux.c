/* program_linux.c: the file that this process runs, also if another one has its path by now. */
#include "program.h"

const char *program_of_this(const char *invoked) {
    (void)invoked;
    return "/proc/self/exe";
}
