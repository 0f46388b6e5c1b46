/* native_thread_bsd.c: no system call tells what a thread sleeps in. */
#include "tests/support/native.h"

int native_thread(void) { return -1; }

int native_sleeps_in_poll(int thread) {
    (void)thread;
    return -1;
}
