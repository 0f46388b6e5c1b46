/* caller_win.c: the client of a named pipe.
 *
 * The kernel tells the id of the process that opened the pipe. An id alone proves nothing: that process may have given the pipe away and
 * ended, and its id may be another's by now, perhaps a service's. So the process is opened when the connection is accepted, which keeps the id; and
 * once bytes have come its token is compared with the one that the pipe was opened with, which cannot be forged. The client lets
 * the server identify it and not impersonate it, so nothing is ever opened under its token. */
#include "caller_win.h"

#include "pipe_win.h"
#include "sid_win.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

int caller_open(os_fd pipe, unsigned may, os_fd *process) {
    DWORD rights = SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION;
    ULONG pid;

    if (may & CALLER_GIVE)
        rights |= PROCESS_DUP_HANDLE;
    if (!GetNamedPipeClientProcessId(pipe, &pid))
        return GetLastError() == ERROR_INVALID_HANDLE ? -EBADF : -ENOTCONN;
    HANDLE opened = OpenProcess(rights, FALSE, pid);
    if (!opened)
        return GetLastError() == ERROR_INVALID_PARAMETER ? -ESRCH : pipe_errno_now();
    *process = opened;
    return 0;
}

/* What two tokens of one logon have in common. */
struct subject {
    LUID session;
    os_uid user;
};

static int subject_of(HANDLE token, struct subject *subject) {
    TOKEN_STATISTICS statistics;
    DWORD size;

    if (!GetTokenInformation(token, TokenStatistics, &statistics, sizeof(statistics), &size))
        return pipe_errno_now();
    subject->session = statistics.AuthenticationId;
    return sid_of_token(token, &subject->user);
}

static int subject_of_process(HANDLE process, struct subject *subject) {
    HANDLE token;

    if (!OpenProcessToken(process, TOKEN_QUERY, &token))
        return pipe_errno_now();
    int r = subject_of(token, subject);
    (void)CloseHandle(token);
    return r;
}

static int subject_of_pipe(HANDLE pipe, struct subject *subject) {
    HANDLE token;

    if (!ImpersonateNamedPipeClient(pipe))
        return pipe_errno_now();
    BOOL opened = OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token);
    int r = opened ? 0 : -EPERM; /* an anonymous client among others */
    if (!RevertToSelf())
        abort(); /* never go on as another user */
    if (opened) {
        r = subject_of(token, subject);
        (void)CloseHandle(token);
    }
    return r;
}

int caller_prove(os_fd pipe, os_fd process) {
    struct subject by_pipe, by_process;
    int r = subject_of_pipe(pipe, &by_pipe);

    if (r == 0)
        r = subject_of_process(process, &by_process);
    if (r < 0)
        return r;
    return by_pipe.user == by_process.user && by_pipe.session.LowPart == by_process.session.LowPart &&
                   by_pipe.session.HighPart == by_process.session.HighPart
               ? 0
               : -EPERM;
}

int caller_user(os_fd process, os_uid *uid) {
    HANDLE token;

    if (!OpenProcessToken(process, TOKEN_QUERY, &token))
        return pipe_errno_now();
    int r = sid_of_token(token, uid);
    (void)CloseHandle(token);
    return r;
}
