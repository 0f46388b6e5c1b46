/* emulation_none.c: the engine is the kernel's own. */
#include "emulation.h"

#include <stddef.h>

const char *emulation_fault(enum fault fault) {
    (void)fault;
    return NULL;
}

void emulation_begin(void) {}

void emulation_settle(const unsigned char *before) { (void)before; }
