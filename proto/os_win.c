/* os_win.c: os.h for Windows. */
#include "os.h"

#include <errno.h>
#include <windows.h>

#include <bcrypt.h>

void os_close(os_fd fd) {
    int error = errno;

    if (fd != OS_FD_NONE)
        (void)CloseHandle(fd);
    errno = error;
}

os_fd os_dup(os_fd fd) {
    HANDLE copy;

    if (DuplicateHandle(GetCurrentProcess(), fd, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return copy;
    errno = GetLastError() == ERROR_INVALID_HANDLE ? EBADF : ENOMEM;
    return OS_FD_NONE;
}

int64_t os_now_us(void) {
    LARGE_INTEGER count, frequency;

    /* Neither fails since Windows XP. Seconds and the rest are scaled separately, so no product overflows. */
    (void)QueryPerformanceFrequency(&frequency);
    (void)QueryPerformanceCounter(&count);
    return count.QuadPart / frequency.QuadPart * 1000000 +
           count.QuadPart % frequency.QuadPart * 1000000 / frequency.QuadPart;
}

int64_t os_coarse_us(void) { return (int64_t)GetTickCount64() * 1000; }

int64_t os_thread_us(void) {
    FILETIME made, ended, kernel, user; /* tenths of microseconds */
    ULARGE_INTEGER times[2];

    if (!GetThreadTimes(GetCurrentThread(), &made, &ended, &kernel, &user))
        return 0;
    times[0] = (ULARGE_INTEGER){.LowPart = kernel.dwLowDateTime, .HighPart = kernel.dwHighDateTime};
    times[1] = (ULARGE_INTEGER){.LowPart = user.dwLowDateTime, .HighPart = user.dwHighDateTime};
    return (int64_t)(times[0].QuadPart + times[1].QuadPart) / 10;
}

int64_t os_thread_kernel_us(void) { return os_thread_us(); }

int64_t os_wall_us(void) {
    static const int64_t from_1601_to_1970 = INT64_C(11644473600000000);
    FILETIME now; /* tenths of microseconds since 1601 */

    GetSystemTimePreciseAsFileTime(&now);
    return ((int64_t)now.dwHighDateTime << 32 | (int64_t)now.dwLowDateTime) / 10 - from_1601_to_1970;
}

uint32_t os_process_id(void) { return GetCurrentProcessId(); }

int os_random(void *bytes, size_t size) {
    if (size > ULONG_MAX)
        return -EINVAL;
    return BCryptGenRandom(NULL, bytes, (ULONG)size, BCRYPT_USE_SYSTEM_PREFERRED_RNG) >= 0 ? 0 : -EIO;
}
