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

    /* Neither fails since Windows XP. Seconds and the rest are scaled apart, so that nothing overflows for centuries. */
    (void)QueryPerformanceFrequency(&frequency);
    (void)QueryPerformanceCounter(&count);
    return count.QuadPart / frequency.QuadPart * 1000000 +
           count.QuadPart % frequency.QuadPart * 1000000 / frequency.QuadPart;
}

int os_random(void *bytes, size_t size) {
    if (size > ULONG_MAX)
        return -EINVAL;
    return BCryptGenRandom(NULL, bytes, (ULONG)size, BCRYPT_USE_SYSTEM_PREFERRED_RNG) >= 0 ? 0 : -EIO;
}
