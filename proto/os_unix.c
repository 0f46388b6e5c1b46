/* os_unix.c: os.h for POSIX systems. */
#define _GNU_SOURCE

#include "os.h"

#include "random.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_COPY = 3 }; /* never copy to a standard stream's number, even if it is closed */

void os_close(os_fd fd) {
    if (fd == OS_FD_NONE)
        return;
    int error = errno;
    /* Never repeat after EINTR: the number is free by then, and another thread may have reused it. */
    (void)close(fd);
    errno = error;
}

os_fd os_dup(os_fd fd) { return fcntl(fd, F_DUPFD_CLOEXEC, FIRST_COPY); }

os_fd os_above_standard(os_fd fd) {
    if (fd < 0 || fd >= FIRST_COPY)
        return fd;
    os_fd copy = os_dup(fd);

    os_close(fd);
    return copy;
}

/* On systems without a coarse clock the ordinary one is cheap enough. */
#ifdef CLOCK_MONOTONIC_COARSE
static const clockid_t coarse_clock = CLOCK_MONOTONIC_COARSE;
#else
static const clockid_t coarse_clock = CLOCK_MONOTONIC;
#endif

static int64_t clock_us(clockid_t clock) {
    struct timespec now = {0, 0};

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t os_now_us(void) { return clock_us(CLOCK_MONOTONIC); }

int64_t os_coarse_us(void) { return clock_us(coarse_clock); }

int64_t os_thread_us(void) { return clock_us((clockid_t)CLOCK_THREAD_CPUTIME_ID); }

#ifdef RUSAGE_THREAD
int64_t os_thread_kernel_us(void) {
    struct rusage usage = {0};

    (void)getrusage(RUSAGE_THREAD, &usage);
    return (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
}
#else
int64_t os_thread_kernel_us(void) { return os_thread_us(); }
#endif

int64_t os_wall_us(void) { return clock_us(CLOCK_REALTIME); }

const char *os_error_text(int error) { return strerror(error); }

uint32_t os_process_id(void) { return (uint32_t)getpid(); }

int os_random(void *bytes, size_t size) {
    unsigned char *at = bytes;

    while (size > 0) {
        size_t chunk = size < RANDOM_MAX ? size : RANDOM_MAX;
        int error = random_get(at, chunk);
        if (error)
            return error;
        at += chunk;
        size -= chunk;
    }
    return 0;
}
