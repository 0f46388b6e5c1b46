/* operation_win.c: what is pending for each kind.
 *
 * socket    a poll of the driver of sockets, which completes to the port.
 * pipe      an overlapped read of no bytes, which takes none. (An empty message is taken.) It sets an event of its own and sends no packet: a client's
 *           pipe is associated with the client's port, if with any. A registered wait for that event posts to ours.
 * waitable  a registered wait.
 *
 * The callback of a registered wait only posts. It runs in the thread that waits, so unregistering waits for no more than that. */
#include "operation_win.h"

#include "engine.h"
#include "utlist.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    POLLS = 64,         /* per handle of the driver: a cancel walks all of the handle's */
    PATIENCE_MS = 2000, /* for the end of what was cancelled */
    AGAIN_MS = 10,
    VAIN_MOST = 16
};

_Static_assert(offsetof(struct engine_operation, status) == 0, "its address is the operation's");

/* ---- handles of the driver of sockets ---------------------------------------------------------------------------------------- */

static struct afd_group *open_group(struct operations *operations) {
    struct afd_group *group = calloc(1, sizeof(*group));

    if (!group)
        return NULL;
    group->afd = afd_open();
    if (group->afd && CreateIoCompletionPort(group->afd, operations->port, 0, 0)) {
        (void)SetFileCompletionNotificationModes(group->afd,
                                                 FILE_SKIP_SET_EVENT_ON_HANDLE); /* saves a little */
        DL_PREPEND(operations->groups, group);
        return group;
    }
    if (group->afd)
        (void)CloseHandle(group->afd);
    free(group);
    return NULL;
}

static struct afd_group *take_group(struct operations *operations) {
    struct afd_group *group = operations->groups;

    if (!group || group->used == POLLS)
        group = open_group(operations);
    if (group && ++group->used == POLLS) {
        DL_DELETE(operations->groups, group);
        DL_APPEND(operations->groups, group);
    }
    return group;
}

static void give_group(struct engine_operation *operation) {
    struct afd_group *group = operation->group;

    operation->group = NULL;
    if (!group || group->used-- < POLLS)
        return;
    DL_DELETE(operation->operations->groups, group);
    DL_PREPEND(operation->operations->groups, group);
}

/* ---- starting ---------------------------------------------------------------------------------------------------------- */

static bool post(struct engine_operation *operation) {
    return PostQueuedCompletionStatus(operation->operations->port, 0, 0, (OVERLAPPED *)(void *)operation);
}

/* Without memory for the packet nothing can be told: it is tried until there is some. */
static VOID CALLBACK on_signalled(void *context, BOOLEAN late) {
    struct engine_operation *operation = context;

    (void)late;
    (void)InterlockedExchange(&operation->posted, 1);
    while (!post(operation))
        Sleep(AGAIN_MS);
}

static int register_wait(struct engine_operation *operation, HANDLE handle) {
    operation->posted = 0;
    if (RegisterWaitForSingleObject(&operation->wait, handle, on_signalled, operation, INFINITE,
                                    WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD))
        return 0;
    operation->wait = NULL;
    return GetLastError() == ERROR_INVALID_HANDLE ? -EBADF : -ENOMEM;
}

/* The wait is over before this returns, so the handle may be closed then. Whether a packet is on its way. */
static bool end_wait(struct engine_operation *operation) {
    if (!operation->wait) /* it was ready when it was started */
        return true;
    if (!UnregisterWaitEx(operation->wait, INVALID_HANDLE_VALUE))
        return true; /* it cannot be told; the memory is kept until a packet comes */
    operation->wait = NULL;
    return operation->posted;
}

static int start_socket(struct engine_operation *operation) {
    int error;

    operation->group = take_group(operation->operations);
    if (!operation->group)
        return -ENOMEM;
    error = afd_start(operation->group->afd, &operation->poll, &operation->status, operation_fd(operation),
                      operation->interest);
    if (error)
        give_group(operation);
    return error;
}

/* What a read of no bytes ends with when there is something to tell. STATUS_PIPE_EMPTY, for one, is not among them: a pipe that never lets
 * its reader wait (PIPE_NOWAIT). */
static bool has_ended(NTSTATUS status) {
    switch (status) {
    case STATUS_SUCCESS:
    case STATUS_BUFFER_OVERFLOW:
    case STATUS_END_OF_FILE:
    case STATUS_PIPE_BROKEN:
    case STATUS_PIPE_CLOSING:
    case STATUS_PIPE_DISCONNECTED:
        return true;
    default:
        return false;
    }
}

static int pipe_failure(NTSTATUS status) {
    switch (status) {
    case STATUS_PIPE_LISTENING:
        return -EAGAIN;
    case STATUS_INVALID_HANDLE:
        return -EBADF;
    case STATUS_INSUFFICIENT_RESOURCES:
    case STATUS_NO_MEMORY:
    case STATUS_QUOTA_EXCEEDED:
        return -ENOMEM;
    default:
        return ENGINE_E_UNSUPPORTED;
    }
}

/* The wait is registered first: a read that has begun could only be taken back by waiting for its driver. What has ended at once is posted before this
 * returns: by the wait, if that was quick, else here. */
static int start_pipe(struct engine_operation *operation) {
    static char none;
    LARGE_INTEGER at = {.QuadPart = 0};
    NTSTATUS result;
    int error;

    if (!operation->event && !(operation->event = CreateEventW(NULL, TRUE, FALSE, NULL)))
        return -ENOMEM;
    (void)ResetEvent(operation->event);
    error = register_wait(operation, operation->event);
    if (error)
        return error;
    operation->status.Status = STATUS_PENDING;
    result = NtReadFile(operation_fd(operation), operation->event, NULL, NULL, &operation->status, &none, 0,
                        &at, NULL);
    if (result == STATUS_PENDING)
        return 0;
    operation->status.Status = result;
    if (!end_wait(operation)) {
        if (!has_ended(result))
            return pipe_failure(result);
        return post(operation) ? 0 : -ENOMEM;
    }
    if (operation->wait) /* it could not be ended, and posts when the event is set */
        (void)SetEvent(operation->event);
    return 0;
}

int operation_start(struct engine_operation *operation) {
    int error = operation->kind == KIND_SOCKET ? start_socket(operation)
                : operation->kind == KIND_PIPE ? start_pipe(operation)
                                               : register_wait(operation, operation_fd(operation));

    operation->pending = !error;
    return error;
}

int operation_start_ready(struct engine_operation *operation) {
    operation->pending = post(operation);
    return operation->pending ? 0 : -ENOMEM;
}

/* ---- ending ------------------------------------------------------------------------------------------------------------ */

static void release(struct engine_operation *operation) {
    DL_DELETE(operation->operations->all, operation);
    if (operation->event)
        (void)CloseHandle(operation->event);
    free(operation);
}

void operation_drop(struct engine_operation *operation) {
    IO_STATUS_BLOCK ignored;

    operation->dropped = true;
    if (operation->pending) {
        if (operation->kind == KIND_SOCKET)
            afd_cancel(operation->group->afd, &operation->status);
        else if (operation->kind == KIND_PIPE)
            (void)NtCancelIoFileEx(operation_fd(operation), &operation->status, &ignored);
        else
            operation->pending = end_wait(operation);
    }
    if (!operation->pending)
        release(operation);
}

bool operation_take(struct engine_operation *operation) {
    if (operation->wait) /* its callback has posted, and touches the operation no more */
        (void)UnregisterWaitEx(operation->wait, NULL);
    operation->wait = NULL;
    operation->pending = false;
    give_group(operation);
    if (!operation->dropped)
        return true;
    release(operation);
    return false;
}

/* ---- what is told ------------------------------------------------------------------------------------------------------ */

/* If it is over again and again, it is told all the same: a reader then finds out what it is. */
static unsigned pipe_events(struct engine_operation *operation) {
    NTSTATUS status = operation->status.Status;
    unsigned events = kind_look(operation_fd(operation), KIND_PIPE, operation->interest);

    if (!events && has_ended(status) && status != STATUS_SUCCESS && status != STATUS_BUFFER_OVERFLOW)
        events = ENGINE_HANG_UP;
    operation->vain = events ? 0 : operation->vain + 1;
    return operation->vain > VAIN_MOST ? ENGINE_READ : events;
}

/* An error is not over. */
static bool is_to_be_asked(struct engine_operation *operation) {
    if (operation->kind != KIND_SOCKET)
        return false;
    operation->events = afd_events(&operation->poll, &operation->status);
    return !(operation->events & ENGINE_ERROR);
}

/* Where they cannot be asked now, what they have told counts. */
static void check_sockets(struct engine_operation *const *operations, struct afd_asked *asked, size_t n) {
    int all = afd_look(asked, n);

    for (size_t i = 0; i < n; i++) {
        int error = all == -EBADF ? afd_look(&asked[i], 1) : all;
        if (!error)
            operations[i]->events = afd_meaning(asked[i].events);
        else if (error == -EBADF) /* closed, against the rules */
            operations[i]->events = ENGINE_ERROR;
    }
}

void operations_check(struct engine_operation *const *operations, size_t n) {
    struct engine_operation *sockets[ENGINE_PROBES];
    struct afd_asked asked[ENGINE_PROBES];
    size_t n_asked = 0;

    for (size_t i = 0; i < n; i++) {
        struct engine_operation *operation = operations[i];
        if (is_to_be_asked(operation)) {
            asked[n_asked] = (struct afd_asked){.socket = operation_fd(operation),
                                                .events = afd_wanted(operation->interest)};
            sockets[n_asked++] = operation;
        } else if (operation->kind == KIND_PIPE) {
            operation->events = pipe_events(operation);
        } else if (operation->kind == KIND_WAITABLE) {
            operation->events = kind_look(operation_fd(operation), KIND_WAITABLE, operation->interest);
        }
    }
    if (n_asked > 0)
        check_sockets(sockets, asked, n_asked);
}

/* ---- all ----------------------------------------------------------------------------------------------------------------- */

int operations_init(struct operations *operations) {
    *operations = (struct operations){.port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1)};
    return operations->port ? 0 : -ENOMEM;
}

struct engine_operation *operation_new(struct operations *operations, os_fd fd, enum kind kind) {
    struct engine_operation *operation = calloc(1, sizeof(*operation));

    if (!operation)
        return NULL;
    operation->operations = operations;
    operation->key = (uintptr_t)fd;
    operation->kind = kind;
    DL_APPEND(operations->all, operation);
    return operation;
}

bool operations_end(struct operations *operations) {
    struct engine_operation *operation, *next;
    struct afd_group *group, *following;
    OVERLAPPED_ENTRY found;
    ULONG n;

    DL_FOREACH_SAFE (operations->all, operation, next)
        if (!operation->dropped)
            operation_drop(operation);
    while (operations->all) {
        if (!GetQueuedCompletionStatusEx(operations->port, &found, 1, &n, PATIENCE_MS, FALSE))
            return false;
        (void)operation_take((struct engine_operation *)(void *)found.lpOverlapped);
    }
    DL_FOREACH_SAFE (operations->groups, group, following) {
        (void)CloseHandle(group->afd);
        free(group);
    }
    (void)CloseHandle(operations->port);
    return true;
}
