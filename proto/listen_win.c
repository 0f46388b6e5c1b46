/* listen_win.c: listens at a named pipe. The rest of transport.h is in transport_win.c.
 *
 * A listener is an event; a table here finds what belongs to it. There are always several instances of the pipe that wait for a client, since a
 * client that finds none is told that the pipe is busy. The event is signalled while a client waits to be accepted, and also while no instance
 * waits at all because none could be made: then the caller hears why from transport_accept, and tries again later.
 *
 * Beside the pipe there is a named mutex, which nobody locks: that it exists says that a broker has this name. The pipe cannot say
 * it, since its instances go one by one when a broker stops, and may be gone while its last client is still there. The system also refuses a
 * second server of the name (FILE_FLAG_FIRST_PIPE_INSTANCE). */
#include "transport.h"

#include "address.h"
#include "pipe_win.h"
#include "server_win.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

enum {
    PIPE_BUFFER =
        65536, /* what one end may have sent and the other not received; more is a write in flight */
    LISTENERS_MAX = 4,
    SPARE = 8, /* instances that wait */
    BEGIN_US = 5000000,
    PAUSE_MS = 10,
    OTHERS = 06 /* the bits of a mode that let every user connect */
};

struct instance {
    HANDLE pipe; /* NULL: none */
    bool come;   /* a client has connected */
    OVERLAPPED connect;
};

struct listener {
    HANDLE event; /* NULL: the entry is free */
    HANDLE lock;
    bool users; /* the user's own */
    bool others;
    bool hidden; /* no instance is made */
    size_t next; /* to look at first */
    struct instance instances[SPARE];
    wchar_t name[PIPE_NAME_UNITS];
};

static struct listener listeners[LISTENERS_MAX];

static struct listener *find(HANDLE event) {
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (event && listeners[i].event == event)
            return &listeners[i];
    return NULL;
}

/* ---- instances ---------------------------------------------------------------------------------------------------- */

static bool is_over(const struct instance *instance) {
    return *(const volatile ULONG_PTR *)&instance->connect.Internal != (ULONG_PTR)STATUS_PENDING;
}

/* Whether a client waits there, or did and has left. */
static bool has_come(const struct instance *instance) {
    return instance->pipe && (instance->come || is_over(instance));
}

static int instance_make(const struct listener *listener, bool first, HANDLE *pipe) {
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof(attributes), .bInheritHandle = FALSE};

    attributes.lpSecurityDescriptor = pipe_access(listener->users, listener->others);
    if (!attributes.lpSecurityDescriptor)
        return -ENOMEM;
    HANDLE made = CreateNamedPipeW(listener->name,
                                   PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED |
                                       (first ? (DWORD)FILE_FLAG_FIRST_PIPE_INSTANCE : 0),
                                   PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_REJECT_REMOTE_CLIENTS,
                                   PIPE_UNLIMITED_INSTANCES, PIPE_BUFFER, PIPE_BUFFER, 0, &attributes);
    int r = made == INVALID_HANDLE_VALUE ? pipe_errno_now() : 0;
    (void)LocalFree(attributes.lpSecurityDescriptor);
    if (r == 0)
        *pipe = made;
    return r == -EACCES && first ? -EADDRINUSE : r;
}

/* Makes an instance that waits. */
static int instance_begin(struct listener *listener, struct instance *instance, bool first) {
    HANDLE pipe = NULL;
    int r = instance_make(listener, first, &pipe);

    if (r < 0)
        return r;
    *instance = (struct instance){.connect.hEvent = listener->event};
    if (!ConnectNamedPipe(pipe, &instance->connect)) {
        DWORD error = GetLastError();
        /* A client can have connected before, and have left again. */
        instance->come = error == ERROR_PIPE_CONNECTED || error == ERROR_NO_DATA;
        if (!instance->come && error != ERROR_IO_PENDING) {
            (void)CloseHandle(pipe);
            return pipe_errno(error);
        }
    }
    instance->pipe = pipe;
    return 0;
}

/* Cancels its wait. True: a client has come nevertheless. */
static bool instance_stop(const struct listener *listener, struct instance *instance) {
    DWORD n;

    if (instance->come)
        return true;
    if (!is_over(instance))
        (void)CancelIoEx(instance->pipe, &instance->connect);
    for (;;) { /* the event may have been set for another instance */
        (void)ResetEvent(listener->event);
        if (is_over(instance))
            break;
        (void)WaitForSingleObject(listener->event, INFINITE);
    }
    instance->come = GetOverlappedResult(instance->pipe, &instance->connect, &n, FALSE);
    return instance->come;
}

static void instance_close(struct instance *instance) {
    (void)CloseHandle(instance->pipe);
    instance->pipe = NULL;
}

/* ---- listeners ---------------------------------------------------------------------------------------------------- */

/* Sets the event to what it means. What completes after the look sets it. */
static void settle(const struct listener *listener) {
    bool come = false, waits = listener->hidden;

    (void)ResetEvent(listener->event);
    for (size_t i = 0; i < SPARE; i++) {
        come = come || has_come(&listener->instances[i]);
        waits = waits || (listener->instances[i].pipe && !has_come(&listener->instances[i]));
    }
    if (come || !waits)
        (void)SetEvent(listener->event);
}

/* Makes the instances that are missing, unless it is hidden. 0, also if at least one waits, or a negative errno. */
static int fill(struct listener *listener) {
    bool waits = false;
    int r = 0;

    for (size_t i = 0; i < SPARE; i++) {
        struct instance *instance = &listener->instances[i];
        if (!instance->pipe && r == 0 && !listener->hidden)
            r = instance_begin(listener, instance, false);
        waits = waits || (instance->pipe && !has_come(instance));
    }
    settle(listener);
    return waits ? 0 : r;
}

static void empty(struct listener *listener, bool all) {
    for (size_t i = 0; i < SPARE; i++) {
        struct instance *instance = &listener->instances[i];
        if (instance->pipe && (!instance_stop(listener, instance) || all))
            instance_close(instance);
    }
    settle(listener);
}

/* Whether another broker has the name: 0, and the lock; -EADDRINUSE; -EAGAIN: it is about to begin or to end; or another negative errno. */
static int lock_take(struct listener *listener) {
    wchar_t name[PIPE_NAME_UNITS + 32];

    (void)_snwprintf(name, PIPE_NAME_UNITS + 32, L"Global\\portd-pipe-%ls",
                     listener->name + wcslen(L"\\\\.\\pipe\\"));
    name[PIPE_NAME_UNITS + 31] = L'\0';
    /* Names of pipes are the same in upper and lower case, those of mutexes are not. */
    wchar_t *own = name + wcslen(L"Global\\");
    (void)LCMapStringEx(LOCALE_NAME_INVARIANT, LCMAP_LOWERCASE, own, -1, own, (int)wcslen(own) + 1, NULL,
                        NULL, 0);
    HANDLE lock = CreateMutexW(NULL, FALSE, name);
    DWORD error = GetLastError();
    if (lock && error != ERROR_ALREADY_EXISTS) {
        listener->lock = lock;
        return 0;
    }
    if (lock)
        (void)CloseHandle(lock);
    else if (error != ERROR_ACCESS_DENIED) /* another user's */
        return pipe_errno(error);
    if (WaitNamedPipeW(listener->name, 1) || GetLastError() != ERROR_FILE_NOT_FOUND)
        return -EADDRINUSE;
    return -EAGAIN;
}

static int lock_wait(struct listener *listener) {
    int64_t until = os_now_us() + BEGIN_US;
    int r;

    while ((r = lock_take(listener)) == -EAGAIN) {
        if (os_now_us() >= until)
            return -EBUSY;
        Sleep(PAUSE_MS);
    }
    return r;
}

static void release(struct listener *listener) {
    listener->hidden = true;
    empty(listener, true);
    if (listener->lock)
        (void)CloseHandle(listener->lock);
    listener->lock = NULL;
    listener->event = NULL;
}

/* Whether it is the name of the user's broker. */
static bool is_users(const wchar_t *name) {
    char address[ADDRESS_MAX];
    wchar_t own[PIPE_NAME_UNITS];

    return address_user(address, 0) == 0 && pipe_name(address, own) == 0 && _wcsicmp(own, name) == 0;
}

int transport_listen(const char *address, unsigned mode, os_fd *result, struct transport_file *file) {
    struct listener *listener = NULL;

    if (file)
        *file = (struct transport_file){.lock = OS_FD_NONE};
    for (size_t i = 0; i < LISTENERS_MAX && !listener; i++)
        if (!listeners[i].event)
            listener = &listeners[i];
    if (!listener)
        return -EMFILE;
    memset(listener, 0, sizeof(*listener));
    listener->others = (mode & OTHERS) == OTHERS;
    int r = pipe_name(address, listener->name);
    listener->users = r == 0 && is_users(listener->name);
    if (r == 0)
        r = lock_wait(listener);
    if (r < 0)
        return r;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    listener->event = event;
    r = event ? instance_begin(listener, &listener->instances[0], true) : pipe_errno_now();
    if (r == 0)
        r = fill(listener);
    if (r == 0) {
        *result = event;
        return 0;
    }
    release(listener);
    if (event)
        (void)CloseHandle(event);
    return r;
}

int transport_accept(os_fd event, struct transport *transport) {
    struct listener *listener = find(event);

    if (!listener)
        return -EBADF;
    for (size_t i = 0; i < SPARE; i++) {
        struct instance *instance = &listener->instances[(listener->next + i) % SPARE];
        if (!has_come(instance))
            continue;
        if (!instance_stop(listener, instance)) {
            instance_close(instance);
            (void)fill(listener);
            return -ECONNABORTED;
        }
        int r = server_begin(instance->pipe, transport);
        if (r == 0) {
            instance->pipe = NULL;
            listener->next = (listener->next + i + 1) % SPARE;
            (void)fill(
                listener); /* without memory: the event stays signalled if none is left, and the next call says so */
        }
        settle(listener);
        return r;
    }
    int r = fill(listener);
    return r < 0 ? r : -EAGAIN;
}

bool transport_waits(os_fd event) {
    const struct listener *listener = find(event);

    for (size_t i = 0; listener && i < SPARE; i++)
        if (has_come(&listener->instances[i]))
            return true;
    return false;
}

/* What transport_file is elsewhere is in the table. */
static struct listener *at(const char *address) {
    wchar_t name[PIPE_NAME_UNITS];

    if (pipe_name(address, name) < 0)
        return NULL;
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (listeners[i].event && wcscmp(listeners[i].name, name) == 0)
            return &listeners[i];
    return NULL;
}

int transport_hide(const char *address, struct transport_file *file) {
    struct listener *listener = at(address);

    (void)file;
    if (listener) {
        listener->hidden = true;
        empty(listener, false);
    }
    return 0;
}

void transport_show(const char *address, struct transport_file *file) {
    struct listener *listener = at(address);

    (void)file;
    if (listener && listener->hidden) {
        listener->hidden = false;
        (void)fill(listener); /* if it fails, the event is signalled, and transport_accept tries again */
    }
}

void transport_refuse(os_fd event) {
    struct listener *listener = find(event);

    if (listener) {
        listener->hidden = true;
        empty(listener, false);
    }
}

/* The caller closes the event. */
void transport_unlink(const char *address, struct transport_file *file) {
    struct listener *listener = at(address);

    (void)file;
    if (listener)
        release(listener);
}

bool transport_is_shut(os_fd event) {
    const struct listener *listener = find(event);

    return listener && listener->hidden;
}

int pipe_listened(os_fd event, wchar_t name[PIPE_NAME_UNITS]) {
    const struct listener *listener = find(event);

    if (!listener)
        return -ENOENT;
    memcpy(name, listener->name, sizeof(listener->name));
    return 0;
}

bool transport_listens(os_fd fd) { return find(fd) != NULL; }

bool transport_is_open(os_fd event) {
    (void)event; /* a pipe has an access list */
    return false;
}
