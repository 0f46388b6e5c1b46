/* taking_win.c: takes descriptors without waiting for anybody.
 *
 * To copy a handle out of a process asks nothing of what it names. A socket must then be adopted: Winsock does not know it yet, and asks the driver on
 * the socket itself. If that was made for synchronous I/O (WSASocketW without WSA_FLAG_OVERLAPPED), each call on it waits until the one that its holder
 * is in has returned, which may be never. (wine does not imitate this.) So a thread of the pool adopts sockets while only
 * their own connection waits, and a synchronous one is refused, since later calls would wait as well. A thread that waits does so until the holder
 * goes on or ends; of one user so many may wait, and of all.
 *
 * What is given up is closed by threads of the process's pool, which is another one: closing can take long, too. */
#include "taking_win.h"

#include "caller_win.h"
#include "message_win.h"
#include "winsock_win.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winternl.h>

enum { RUNNING_MOST = 200, RUNNING_OF_USER = 50 };

struct taking {
    struct taking *next; /* of those that run */
    os_uid user;
    HANDLE event; /* NULL: nobody waits for it any more */
    bool over;
    bool truncated;
    size_t n;
    os_fd fds[]; /* OS_FD_NONE: not taken */
};

static SRWLOCK lock = SRWLOCK_INIT;
static struct taking *running;

/* The pool: a thread for each that may run. */
static INIT_ONCE made = INIT_ONCE_STATIC_INIT;
static TP_CALLBACK_ENVIRON environment;

static BOOL CALLBACK make(INIT_ONCE *once, void *nothing, void **context) {
    TP_POOL *pool = CreateThreadpool(NULL);

    (void)once;
    (void)nothing;
    (void)context;
    if (!pool)
        return FALSE;
    SetThreadpoolThreadMaximum(pool, RUNNING_MOST);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    return TRUE;
}

static void close_all(struct taking *taking) {
    for (size_t i = 0; i < taking->n; i++)
        os_close(taking->fds[i]);
    free(taking);
}

static void CALLBACK close_later(PTP_CALLBACK_INSTANCE instance, void *context) {
    (void)instance;
    close_all(context);
}

static bool is_synchronous(HANDLE fd) {
    FILE_MODE_INFORMATION mode = {0};
    IO_STATUS_BLOCK status;

    return NtQueryInformationFile(fd, &status, &mode, sizeof(mode), FileModeInformation) < 0 ||
           (mode.Mode & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT));
}

/* 0, and *fd is one that Winsock knows, if it can be; -1: it is refused. */
static int adopt(os_fd *fd) {
    os_fd adopted;

    if (is_synchronous(*fd))
        return -1;
    if (winsock_copy(*fd, &adopted) == 0) {
        (void)CloseHandle(*fd);
        *fd = adopted;
    }
    return 0;
}

static void unlist(const struct taking *taking) {
    struct taking **at = &running;

    while (*at != taking)
        at = &(*at)->next;
    *at = taking->next;
}

static void CALLBACK run(PTP_CALLBACK_INSTANCE instance, void *context) {
    struct taking *taking = context;

    (void)instance;
    for (size_t i = 0; i < taking->n; i++)
        if (taking->fds[i] != OS_FD_NONE && winsock_is(taking->fds[i]) && adopt(&taking->fds[i]) < 0) {
            (void)CloseHandle(taking->fds[i]);
            taking->fds[i] = OS_FD_NONE;
            taking->truncated = true;
        }
    AcquireSRWLockExclusive(&lock);
    unlist(taking);
    bool left = !taking->event;
    taking->over = true;
    if (!left)
        (void)SetEvent(taking->event); /* under the lock: it is its owner's, who may close it afterwards */
    ReleaseSRWLockExclusive(&lock);
    if (left)
        close_all(taking);
}

/* Whether one more may run for that user, and if so, counts it. */
static bool list(struct taking *taking) {
    size_t all = 0, own = 0;

    AcquireSRWLockExclusive(&lock);
    for (const struct taking *each = running; each; each = each->next) {
        all++;
        own += each->user == taking->user;
    }
    bool may = all < RUNNING_MOST && own < RUNNING_OF_USER;
    if (may) {
        taking->next = running;
        running = taking;
    }
    ReleaseSRWLockExclusive(&lock);
    return may;
}

/* Sockets that nobody can adopt now are refused. */
static void refuse_sockets(struct taking *taking) {
    for (size_t i = 0; i < taking->n; i++)
        if (taking->fds[i] != OS_FD_NONE && winsock_is(taking->fds[i])) {
            os_fd fd = taking->fds[i];
            taking->fds[i] = OS_FD_NONE;
            taking->truncated = true;
            (void)CloseHandle(fd); /* the client's is still open: so nothing ends */
        }
    taking->over = true;
}

struct taking *taking_begin(os_fd process, const uint64_t *values, size_t n, os_fd event) {
    struct taking *taking = malloc(sizeof(*taking) + n * sizeof(*taking->fds));
    bool sockets = false;

    if (!taking)
        return NULL;
    *taking = (struct taking){.event = event, .n = n};
    for (size_t i = 0; i < n; i++) {
        taking->fds[i] = OS_FD_NONE;
        if (!process || message_pull(process, values[i], &taking->fds[i]) < 0)
            taking->truncated = true;
        else
            sockets = sockets || winsock_is(taking->fds[i]);
    }
    if (!sockets) {
        taking->over = true;
        return taking;
    }
    if (caller_user(process, &taking->user) < 0 || !list(taking)) {
        refuse_sockets(taking);
    } else if (!InitOnceExecuteOnce(&made, make, NULL, NULL) ||
               !TrySubmitThreadpoolCallback(run, taking, &environment)) {
        AcquireSRWLockExclusive(&lock);
        unlist(taking);
        ReleaseSRWLockExclusive(&lock);
        refuse_sockets(taking);
    }
    return taking;
}

bool taking_is_over(const struct taking *taking) {
    AcquireSRWLockShared(&lock);
    bool over = taking->over;
    ReleaseSRWLockShared(&lock);
    return over;
}

size_t taking_end(struct taking *taking, os_fd *fds, bool *truncated) {
    size_t n = 0;

    for (size_t i = 0; i < taking->n; i++)
        if (taking->fds[i] != OS_FD_NONE)
            fds[n++] = taking->fds[i];
    *truncated = *truncated || taking->truncated;
    free(taking);
    return n;
}

void taking_leave(struct taking *taking) {
    if (!taking)
        return;
    AcquireSRWLockExclusive(&lock);
    bool over = taking->over;
    taking->event = NULL;
    ReleaseSRWLockExclusive(&lock);
    if (over && !TrySubmitThreadpoolCallback(close_later, taking, NULL))
        close_all(taking);
}
