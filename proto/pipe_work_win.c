/* pipe_work_win.c: the operations of an end, which share its event. */
#include "pipe_end_win.h"

HANDLE pipe_work_event(const struct pipe_end *end) { return (HANDLE)((ULONG_PTR)end->event | 1); }

bool pipe_work_is_over(const OVERLAPPED *work) {
    return *(const volatile ULONG_PTR *)&work->Internal != (ULONG_PTR)STATUS_PENDING;
}

DWORD pipe_work_error(const struct pipe_end *end, OVERLAPPED *work, DWORD *n) {
    return GetOverlappedResult(end->pipe, work, n, FALSE) ? ERROR_SUCCESS : GetLastError();
}

DWORD pipe_work_cancel(const struct pipe_end *end, OVERLAPPED *work, DWORD *n) {
    if (!pipe_work_is_over(work))
        (void)CancelIoEx(end->pipe, work);
    for (;;) { /* the event may have been set for another operation */
        (void)ResetEvent(end->event);
        if (pipe_work_is_over(work))
            return pipe_work_error(end, work, n);
        (void)WaitForSingleObject(end->event, INFINITE);
    }
}
