/* os.h: system calls that broker and library need, under one name. The only internal header with a platform #if. */
#ifndef OS_H
#define OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
typedef void *os_fd; /* HANDLE */
#define OS_FD_NONE ((os_fd)(intptr_t)-1)
#else
typedef int os_fd;
#define OS_FD_NONE (-1)
#endif

/* A user of the system, below 2^63: the uid, or a number derived from an identifier of another kind (a SID). */
typedef uint64_t os_uid;

/* Closes fd; does nothing for OS_FD_NONE. errno is kept. May block for a foreign descriptor (daemon/loop/closer.h). */
void os_close(os_fd fd);

/* A close-on-exec copy, or OS_FD_NONE with errno. */
os_fd os_dup(os_fd fd);

/* Moves fd, which may be OS_FD_NONE, away from the numbers of the standard streams. Takes it; OS_FD_NONE with errno. */
os_fd os_above_standard(os_fd fd);

/* The monotonic clock, us. */
int64_t os_now_us(void);

/* The same with the time that the machine was suspended, from another beginning. Of a boot of the machine, whatever ends and starts. */
int64_t os_boot_us(void);

/* os_now_us at the kernel's last tick: late by some milliseconds, and cheaper to read. */
int64_t os_coarse_us(void);

/* CPU time of the calling thread, us. */
int64_t os_thread_us(void);

/* The part of it that was spent in the kernel, as exact as the kernel samples it: to some ticks. On systems that do not tell it, all of it. */
int64_t os_thread_kernel_us(void);

/* Wall-clock time, us since 1970. It may jump: not for measuring. */
int64_t os_wall_us(void);

/* The meaning of an errno (not negative), for people. A later call may change the text of a number that is no errno of the system. */
const char *os_error_text(int error);

/* The id of this process. */
uint32_t os_process_id(void);

/* Fills size bytes from the system's random source. 0 or a negative errno. */
int os_random(void *bytes, size_t size);

#endif
