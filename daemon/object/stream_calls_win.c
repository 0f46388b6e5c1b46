/* stream_calls_win.c: what the ways of stream_work on Windows have in common. */
#include "stream_win.h"

#include <errno.h>
#include <winsock2.h>
/* after winsock2.h */
#include <windows.h>

/* Windows has no descriptor tables to be full of, so what is left are the errors of files, pipes and sockets. */
int stream_error(unsigned long error) {
    static const struct {
        unsigned long error;
        int number;
    } errors[] = {{ERROR_OPERATION_ABORTED, EAGAIN},
                  {ERROR_IO_PENDING, EAGAIN},
                  {ERROR_PIPE_LISTENING, EAGAIN},
                  {ERROR_BROKEN_PIPE, EPIPE},
                  {ERROR_NO_DATA, EPIPE},
                  {ERROR_PIPE_NOT_CONNECTED, EPIPE},
                  {ERROR_ACCESS_DENIED, EACCES},
                  {ERROR_INVALID_HANDLE, EBADF},
                  {ERROR_INVALID_PARAMETER, EINVAL},
                  {ERROR_NEGATIVE_SEEK, EINVAL},
                  {ERROR_INVALID_FUNCTION, EINVAL},
                  {ERROR_DISK_FULL, ENOSPC},
                  {ERROR_HANDLE_DISK_FULL, ENOSPC},
                  {ERROR_LOCK_VIOLATION, EACCES},
                  {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
                  {ERROR_NO_SYSTEM_RESOURCES, ENOMEM},
                  {WSAENOBUFS, ENOMEM},
                  {WSAEWOULDBLOCK, EAGAIN},
                  {WSAESHUTDOWN, EPIPE},
                  {WSAECONNABORTED, ECONNABORTED},
                  {WSAECONNRESET, ECONNRESET},
                  {WSAENETRESET, ECONNRESET},
                  {ERROR_NETNAME_DELETED, ECONNRESET},
                  {ERROR_PORT_UNREACHABLE, ECONNREFUSED},
                  {WSAECONNREFUSED, ECONNREFUSED},
                  {WSAENOTCONN, ENOTCONN},
                  {WSAEDESTADDRREQ, EDESTADDRREQ},
                  {WSAEMSGSIZE, EMSGSIZE},
                  {WSAEINVAL, EINVAL},
                  {WSAEOPNOTSUPP, EOPNOTSUPP},
                  {WSAETIMEDOUT, ETIMEDOUT},
                  {WSAENETUNREACH, ENETUNREACH},
                  {WSAEHOSTUNREACH, EHOSTUNREACH}};

    if (error == WSAENOTSOCK) /* Winsock could not adopt it */
        return STREAM_E_KIND;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].error == error)
            return -errors[i].number;
    return -EIO;
}

void *stream_operation(OVERLAPPED *operation) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    *operation = (OVERLAPPED){.hEvent = (HANDLE)((ULONG_PTR)event | 1)};
    return event;
}
