/* interrupted_unix.c: interrupted.h with the ucontext_t of POSIX. */
#define _GNU_SOURCE

#include "interrupted.h"

#include <signal.h>
#include <sys/ucontext.h>

void interrupted_block(void *context, int number) {
    ucontext_t *interrupted = context;

    (void)sigaddset(&interrupted->uc_sigmask, number);
}
