/* interrupted_openbsd.c: interrupted.h for OpenBSD, whose context has the mask as a number. */
#include "interrupted.h"

#include <signal.h>

void interrupted_block(void *context, int number) {
    ucontext_t *interrupted = context;
    sigset_t mask = (sigset_t)interrupted->sc_mask;

    (void)sigaddset(&mask, number);
    interrupted->sc_mask = (int)mask;
}
