/* os_win.c: os.h for Windows. A descriptor is a HANDLE, or a SOCKET that Winsock knows: those are copied and closed by Winsock. */
#include "os.h"

#include "winsock_win.h"

#include <errno.h>
#include <windows.h>

#include <bcrypt.h>

void os_close(os_fd fd) {
    int error = errno;

    if (fd != OS_FD_NONE) {
        if (winsock_is(fd))
            winsock_close(fd);
        else
            (void)CloseHandle(fd);
    }
    errno = error;
}

os_fd os_dup(os_fd fd) {
    os_fd copy;

    if (winsock_is(fd) && winsock_copy(fd, &copy) == 0)
        return copy;
    if (DuplicateHandle(GetCurrentProcess(), fd, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return copy;
    errno = GetLastError() == ERROR_INVALID_HANDLE ? EBADF : ENOMEM;
    return OS_FD_NONE;
}

/* The standard streams have no numbers of their own. */
os_fd os_above_standard(os_fd fd) { return fd; }

int64_t os_now_us(void) {
    LARGE_INTEGER count, frequency;

    /* Neither fails since Windows XP. Seconds and the rest are scaled separately, so no product overflows. */
    (void)QueryPerformanceFrequency(&frequency);
    (void)QueryPerformanceCounter(&count);
    return count.QuadPart / frequency.QuadPart * 1000000 +
           count.QuadPart % frequency.QuadPart * 1000000 / frequency.QuadPart;
}

/* The system's own ticks are another clock. */
int64_t os_coarse_us(void) {
    enum { TICK_US = 10000 };
    int64_t now = os_now_us();

    return now - now % TICK_US;
}

static int64_t tenths(const FILETIME *time) {
    return (int64_t)((uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime);
}

int64_t os_thread_us(void) {
    FILETIME made, ended, kernel, user; /* tenths of microseconds */

    if (!GetThreadTimes(GetCurrentThread(), &made, &ended, &kernel, &user))
        return 0;
    return (tenths(&kernel) + tenths(&user)) / 10;
}

int64_t os_thread_kernel_us(void) {
    FILETIME made, ended, kernel, user;

    return GetThreadTimes(GetCurrentThread(), &made, &ended, &kernel, &user) ? tenths(&kernel) / 10 : 0;
}

int64_t os_wall_us(void) {
    static const int64_t from_1601_to_1970 = INT64_C(11644473600000000);
    FILETIME now; /* tenths of microseconds since 1601 */

    GetSystemTimePreciseAsFileTime(&now);
    return tenths(&now) / 10 - from_1601_to_1970;
}

uint32_t os_process_id(void) { return GetCurrentProcessId(); }

int os_random(void *bytes, size_t size) {
    if (size > ULONG_MAX)
        return -EINVAL;
    return BCryptGenRandom(NULL, bytes, (ULONG)size, BCRYPT_USE_SYSTEM_PREFERRED_RNG) >= 0 ? 0 : -EIO;
}
