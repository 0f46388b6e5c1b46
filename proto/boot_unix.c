/* boot_unix.c: os_boot_us for POSIX systems. */
#define _GNU_SOURCE

#include "os.h"

#include <time.h>

/* Where there is no such clock, that of OpenBSD and macOS goes on while the machine is suspended, and others do not tell. */
#ifdef CLOCK_BOOTTIME
static const clockid_t boot_clock = CLOCK_BOOTTIME;
#else
static const clockid_t boot_clock = CLOCK_MONOTONIC;
#endif

int64_t os_boot_us(void) {
    struct timespec now = {0, 0};

    (void)clock_gettime(boot_clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
