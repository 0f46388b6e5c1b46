/* taking_win.c: takes descriptors without waiting for anybody.
 *
 * To copy a handle out of a process asks nothing of what it names. A socket must then be adopted: Winsock does not know it yet, and asks the driver on
 * the socket itself. If that was made for synchronous I/O (WSASocketW without WSA_FLAG_OVERLAPPED), each call on it waits until the one that its holder
 * is in has returned, which may be never. (wine does not imitate this.) So a thread of the pool adopts sockets while only
 * their own connection waits, and a synchronous one is refused, since later calls would wait as well. A thread that waits does so until the holder
 * goes on or ends; of one user so many may wait, and of all.
 *
 * What is given up or refused is closed by threads of another pool, since closing can take long, too: also that counts, for the user and for all,
 * until it is closed. Of a user with so many nothing is taken. */
#include "taking_win.h"

#include "caller_win.h"
#include "message_win.h"
#include "winsock_win.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winternl.h>

enum { RUNNING_MOST = 200, RUNNING_OF_USER = 50 };

struct taken {
    os_fd fd; /* OS_FD_NONE: not taken */
    bool refused;
};

struct taking {
    struct taking *next;   /* of those that count */
    struct taking *behind; /* of those to be closed */
    os_uid user;
    HANDLE event; /* NULL: nobody waits for it any more */
    bool counts, over;
    bool truncated;
    size_t n;
    struct taken taken[];
};

static SRWLOCK lock = SRWLOCK_INIT;
static struct taking *counted, *unclosed;
static size_t n_counted;

/* The pools: a thread for each that may run. */
static INIT_ONCE made = INIT_ONCE_STATIC_INIT;
static TP_CALLBACK_ENVIRON environment, closing_environment;
static TP_WORK *closing; /* made before, so that to close later never fails */

static void CALLBACK close_one(PTP_CALLBACK_INSTANCE instance, void *nothing, TP_WORK *work);

static BOOL CALLBACK make(INIT_ONCE *once, void *nothing, void **context) {
    TP_POOL *pool = CreateThreadpool(NULL), *closers = CreateThreadpool(NULL);

    (void)once;
    (void)nothing;
    (void)context;
    if (!pool || !closers)
        goto fail;
    SetThreadpoolThreadMaximum(pool, RUNNING_MOST);
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    SetThreadpoolThreadMaximum(closers, RUNNING_MOST);
    InitializeThreadpoolEnvironment(&closing_environment);
    SetThreadpoolCallbackPool(&closing_environment, closers);
    closing = CreateThreadpoolWork(close_one, NULL, &closing_environment);
    if (closing)
        return TRUE;
fail:
    if (pool)
        CloseThreadpool(pool);
    if (closers)
        CloseThreadpool(closers);
    return FALSE;
}

/* ---- counting: the lock is held --------------------------------------------------------------------------------- */

static size_t count_of(os_uid user) {
    size_t own = 0;

    for (const struct taking *each = counted; each; each = each->next)
        own += each->user == user;
    return own;
}

static void count(struct taking *taking) {
    if (taking->counts)
        return;
    taking->counts = true;
    taking->next = counted;
    counted = taking;
    n_counted++;
}

static void uncount(struct taking *taking) {
    struct taking **at = &counted;

    if (!taking->counts)
        return;
    while (*at != taking)
        at = &(*at)->next;
    *at = taking->next;
    n_counted--;
    taking->counts = false;
}

/* ---- closing ---------------------------------------------------------------------------------------------------- */

/* Of a message that is over. It may take long; then it no longer counts. */
static void close_all(struct taking *taking) {
    for (size_t i = 0; i < taking->n; i++)
        os_close(taking->taken[i].fd);
    AcquireSRWLockExclusive(&lock);
    uncount(taking);
    ReleaseSRWLockExclusive(&lock);
    free(taking);
}

static void CALLBACK close_one(PTP_CALLBACK_INSTANCE instance, void *nothing, TP_WORK *work) {
    (void)instance;
    (void)nothing;
    (void)work;
    AcquireSRWLockExclusive(&lock);
    struct taking *taking = unclosed;
    unclosed = taking->behind;
    ReleaseSRWLockExclusive(&lock);
    close_all(taking);
}

/* Has what it holds closed by another thread, and frees it. */
static void close_later(struct taking *taking) {
    bool holds = false;

    for (size_t i = 0; i < taking->n; i++)
        holds = holds || taking->taken[i].fd != OS_FD_NONE;
    AcquireSRWLockExclusive(&lock);
    if (holds) {
        count(taking);
        taking->behind = unclosed;
        unclosed = taking;
    } else {
        uncount(taking);
    }
    ReleaseSRWLockExclusive(&lock);
    if (holds)
        SubmitThreadpoolWork(closing);
    else
        free(taking);
}

/* ---- adopting --------------------------------------------------------------------------------------------------- */

static bool is_synchronous(HANDLE fd) {
    FILE_MODE_INFORMATION mode = {0};
    IO_STATUS_BLOCK status;

    return NtQueryInformationFile(fd, &status, &mode, sizeof(mode), FileModeInformation) < 0 ||
           (mode.Mode & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT));
}

/* 0, and *fd is one that Winsock knows, if it can be; -1: it is refused. Without memory it would stay unknown. */
static int adopt(os_fd *fd) {
    os_fd adopted;
    int r = is_synchronous(*fd) ? -EINVAL : winsock_copy(*fd, &adopted);

    if (r == 0) {
        (void)CloseHandle(*fd);
        *fd = adopted;
    }
    return r == -EINVAL || r == -ENOMEM || r == -EMFILE ? -1 : 0;
}

static void refuse(struct taking *taking, size_t i) {
    taking->taken[i].refused = true;
    taking->truncated = true;
}

static void CALLBACK run(PTP_CALLBACK_INSTANCE instance, void *context) {
    struct taking *taking = context;

    (void)instance;
    for (size_t i = 0; i < taking->n; i++) {
        struct taken *taken = &taking->taken[i];
        int r = taken->fd == OS_FD_NONE ? 0 : winsock_is(taken->fd);
        if (r < 0 || (r == 1 && adopt(&taken->fd) < 0))
            refuse(taking, i);
    }
    AcquireSRWLockExclusive(&lock);
    bool left = !taking->event;
    taking->over = true;
    if (!left) {
        uncount(taking);
        (void)SetEvent(taking->event); /* under the lock: it is its owner's, who may close it afterwards */
    }
    ReleaseSRWLockExclusive(&lock);
    if (left)
        close_all(taking);
}

/* Whether one more may run for that user, and if so, counts it. */
static bool may_run(struct taking *taking) {
    AcquireSRWLockExclusive(&lock);
    bool may = n_counted < RUNNING_MOST && count_of(taking->user) < RUNNING_OF_USER;
    if (may)
        count(taking);
    ReleaseSRWLockExclusive(&lock);
    return may;
}

/* Sockets that nobody can adopt now are refused. */
static void refuse_sockets(struct taking *taking) {
    for (size_t i = 0; i < taking->n; i++)
        if (taking->taken[i].fd != OS_FD_NONE && winsock_is(taking->taken[i].fd) != 0)
            refuse(taking, i);
    taking->over = true;
}

/* Whether that user has so many that are not yet adopted or closed that nothing is taken. */
static bool is_full(os_uid user) {
    AcquireSRWLockShared(&lock);
    bool full = n_counted >= RUNNING_OF_USER && count_of(user) >= RUNNING_OF_USER;
    ReleaseSRWLockShared(&lock);
    return full;
}

struct taking *taking_begin(os_fd process, const uint64_t *values, size_t n, os_fd event) {
    struct taking *taking = malloc(sizeof(*taking) + n * sizeof(*taking->taken));
    bool sockets = false;

    if (!taking)
        return NULL;
    *taking = (struct taking){.event = event, .n = n};
    bool may = process && caller_user(process, &taking->user) == 0 && !is_full(taking->user) &&
               InitOnceExecuteOnce(&made, make, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        taking->taken[i] = (struct taken){.fd = OS_FD_NONE};
        if (!may || message_pull(process, values[i], &taking->taken[i].fd) < 0)
            taking->truncated = true;
        else
            sockets = sockets || winsock_is(taking->taken[i].fd) != 0;
    }
    if (!sockets) {
        taking->over = true;
    } else if (!may_run(taking)) {
        refuse_sockets(taking);
    } else if (!TrySubmitThreadpoolCallback(run, taking, &environment)) {
        AcquireSRWLockExclusive(&lock);
        uncount(taking);
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
        if (taking->taken[i].fd != OS_FD_NONE && !taking->taken[i].refused) {
            fds[n++] = taking->taken[i].fd;
            taking->taken[i].fd = OS_FD_NONE;
        }
    *truncated = *truncated || taking->truncated;
    close_later(taking);
    return n;
}

void taking_leave(struct taking *taking) {
    if (!taking)
        return;
    AcquireSRWLockExclusive(&lock);
    bool over = taking->over;
    taking->event = NULL;
    ReleaseSRWLockExclusive(&lock);
    if (over)
        close_later(taking);
}
