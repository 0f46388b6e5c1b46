/* os_win.c: os.h for Windows. A descriptor is a HANDLE, or a SOCKET that Winsock knows: those are copied and closed by Winsock. */
#include "os.h"

#include "winsock_win.h"

#include <errno.h>
#include <stdlib.h>
#include <windows.h>

#include <bcrypt.h>

void os_close(os_fd fd) {
    int error = errno;

    if (fd != OS_FD_NONE) {
        if (winsock_is(fd) != 0) /* else Winsock would go on taking the handle's value for its socket */
            winsock_close(fd);
        else
            (void)CloseHandle(fd);
    }
    errno = error;
}

os_fd os_dup(os_fd fd) {
    os_fd copy;
    int r = winsock_is(fd);

    if (r == 1)
        r = winsock_copy(fd, &copy);
    else if (r == 0)
        r = -ENOTSOCK;
    if (r == 0)
        return copy;
    if (r == -ENOMEM || r == -EMFILE) { /* a plain copy would be one that Winsock does not know, for ever */
        errno = -r;
        return OS_FD_NONE;
    }
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

/* GetThreadTimes counts ticks (15.6 ms): what runs when one comes is charged all of it. So a thread's time is taken from its cycles, and a jump of the
 * kernel's share says nothing without it: where cycles are not counted (wine), there is no share. */
static INIT_ONCE asked = INIT_ONCE_STATIC_INIT;
static uint64_t cycles_per_us; /* 0: they are not counted */

static BOOL CALLBACK ask(INIT_ONCE *once, void *nothing, void **context) {
    DWORD mhz = 0, size = sizeof(mhz);
    ULONG64 cycles;

    (void)once;
    (void)nothing;
    (void)context;
    if (QueryThreadCycleTime(GetCurrentThread(), &cycles) &&
        RegGetValueA(HKEY_LOCAL_MACHINE, "HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0", "~MHz",
                     RRF_RT_REG_DWORD, NULL, &mhz, &size) == ERROR_SUCCESS)
        cycles_per_us = mhz;
    return TRUE;
}

static bool cycles_are_counted(void) {
    return InitOnceExecuteOnce(&asked, ask, NULL, NULL) && cycles_per_us > 0;
}

/* The thread's time by ticks, and of it the kernel's, us. */
static int64_t ticked_us(bool of_kernel) {
    FILETIME made, ended, kernel, user; /* tenths of microseconds */

    if (!GetThreadTimes(GetCurrentThread(), &made, &ended, &kernel, &user))
        return 0;
    return (tenths(&kernel) + (of_kernel ? 0 : tenths(&user))) / 10;
}

int64_t os_thread_us(void) {
    ULONG64 cycles;

    if (cycles_are_counted() && QueryThreadCycleTime(GetCurrentThread(), &cycles))
        return (int64_t)(cycles / cycles_per_us);
    return ticked_us(false);
}

int64_t os_thread_kernel_us(void) { return cycles_are_counted() ? ticked_us(true) : 0; }

int64_t os_wall_us(void) {
    static const int64_t from_1601_to_1970 = INT64_C(11644473600000000);
    FILETIME now; /* tenths of microseconds since 1601 */

    GetSystemTimePreciseAsFileTime(&now);
    return tenths(&now) / 10 - from_1601_to_1970;
}

/* The C library has texts for the first numbers only, those of its own calls. Its strerror copies them to a buffer, which the next call overwrites. */
const char *os_error_text(int error) {
    static const struct {
        int number;
        const char *text;
    } others[] = {
        {EADDRINUSE, "Address already in use"},
        {EADDRNOTAVAIL, "Cannot assign requested address"},
        {EAFNOSUPPORT, "Address family not supported by protocol"},
        {EALREADY, "Operation already in progress"},
        {EBADMSG, "Bad message"},
        {ECANCELED, "Operation canceled"},
        {ECONNABORTED, "Connection aborted"},
        {ECONNREFUSED, "Connection refused"},
        {ECONNRESET, "Connection reset by peer"},
        {EDESTADDRREQ, "Destination address required"},
        {EDQUOT, "Quota exceeded"},
        {EHOSTUNREACH, "No route to host"},
        {EINPROGRESS, "Operation in progress"},
        {EISCONN, "Already connected"},
        {ELOOP, "Too many levels of symbolic links"},
        {EMSGSIZE, "Message too long"},
        {ENETDOWN, "Network is down"},
        {ENETRESET, "Network dropped connection on reset"},
        {ENETUNREACH, "Network is unreachable"},
        {ENOBUFS, "No buffer space available"},
        {ENODATA, "No data available"},
        {ENOPROTOOPT, "Protocol not available"},
        {ENOTCONN, "Not connected"},
        {ENOTSOCK, "Not a socket"},
        {ENOTSUP, "Not supported"},
        {EOPNOTSUPP, "Operation not supported"},
        {EOVERFLOW, "Value too large"},
        {EOWNERDEAD, "Owner died"},
        {EPROTO, "Protocol error"},
        {EPROTONOSUPPORT, "Protocol not supported"},
        {EPROTOTYPE, "Protocol wrong type for socket"},
        {ETIME, "Timer expired"},
        {ETIMEDOUT, "Connection timed out"},
        {ETOOMANYREFS, "Too many references"},
        {ETXTBSY, "Text file busy"},
        {EWOULDBLOCK, "Operation would block"},
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (others[i].number == error)
            return others[i].text;
    return error >= 0 && error < _sys_nerr ? _sys_errlist[error] : "Unknown error";
}

uint32_t os_process_id(void) { return GetCurrentProcessId(); }

int os_random(void *bytes, size_t size) {
    if (size > ULONG_MAX)
        return -EINVAL;
    return BCryptGenRandom(NULL, bytes, (ULONG)size, BCRYPT_USE_SYSTEM_PREFERRED_RNG) >= 0 ? 0 : -EIO;
}
