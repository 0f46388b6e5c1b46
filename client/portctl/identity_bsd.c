/* identity_bsd.c: there is nothing that a program would look for. */
#include "program.h"

bool program_identity(uint64_t *identity) {
    (void)identity;
    return false;
}
