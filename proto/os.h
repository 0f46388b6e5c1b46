/* os.h: the few things both sides need from the system under one name. The only internal header with a platform #if. */
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

/* A user of the system, below 2^63: his uid, or what a name of another kind (a SID) is mapped to. */
typedef uint64_t os_uid;

/* Closes what is not OS_FD_NONE; errno is kept. It may block on a foreign descriptor: see daemon/loop/offload.h. */
void os_close(os_fd fd);

/* A copy that is close-on-exec, or OS_FD_NONE with errno. */
os_fd os_dup(os_fd fd);

/* Monotonic clock in microseconds. */
int64_t os_now_us(void);

/* The same clock as it was at the system's last tick: off by some milliseconds, and cheaper to read. */
int64_t os_coarse_us(void);

/* How long the calling thread has had a processor, in microseconds. */
int64_t os_thread_us(void);

/* The time of day in microseconds since 1970: for people, and not for measuring. */
int64_t os_wall_us(void);

/* The number of this process, as others name it. */
uint32_t os_process_id(void);

/* Fills size bytes with randomness of the system. 0, or a negative errno. */
int os_random(void *bytes, size_t size);

#endif
