/* inspect_win.c: inspect.h for Windows, by NtQueryObject, which asks the object and never its driver.
 *
 * Of a file object that is not enough. A socket is told by a poll of AFD, the driver of sockets, which also takes no lock of the file; then Winsock
 * may be asked. It must not be asked of another file: it would send that a request of its own. For all others see inspect_ask_win.h.
 *
 * Two handles of one object are told by CompareObjectHandles. */
#include "inspect.h"

#include "inspect_ask_win.h"

#include <winsock2.h>
/* after winsock2.h */
#include "daemon/readiness/afd_win.h"
#include "daemon/readiness/engine.h"

#include <errno.h>
#include <string.h>
#include <wchar.h>

typedef BOOL(WINAPI *compares)(HANDLE a, HANDLE b);

/* NULL: the system does not tell. The one library of mingw-w64 by which it can be linked takes other functions from libraries that Windows may not
 * have. */
static compares comparison(void) {
    static compares found;
    HMODULE base = found ? NULL : GetModuleHandleW(L"kernelbase.dll");

    if (base)
        found = (compares)(void (*)(void))GetProcAddress(base, "CompareObjectHandles");
    return found;
}

void inspect_init(os_fd listener) {
    WSADATA data;

    inspect_ask_init(listener);
    (void)WSAStartup(MAKEWORD(2, 2), &data);
}

void inspect_add_listener(os_fd listener) { (void)listener; } /* there is one */

const char *inspect_identity(void) { return comparison() ? "compare-object-handles" : "none"; }

bool inspect_knows_abstract_names(void) { return false; }

bool inspect_same(os_fd a, os_fd b) {
    compares same = comparison();

    return same && same(a, b);
}

/* ---- types ---------------------------------------------------------------------------------------------------- */

/* 1 or 0, or a negative errno: it cannot be told now. */
static int is_socket(HANDLE fd) {
    struct afd_asked asked = {.socket = fd, .events = afd_wanted(ENGINE_READ)};
    int error = afd_look(&asked, 1);

    return error == -EBADF ? 0 : error ? error : 1;
}

/* The value is left as it is if it is not told; *lacks: for lack of memory. */
static void ask_option(HANDLE fd, int name, void *value, int size, bool *lacks) {
    if (getsockopt((SOCKET)fd, SOL_SOCKET, name, value, &size))
        *lacks = *lacks || WSAGetLastError() == WSAENOBUFS || WSAGetLastError() == WSA_NOT_ENOUGH_MEMORY;
}

/* One that Winsock could not adopt in this process is still watched. */
static enum inspect_type type_of_socket(HANDLE fd) {
    WSAPROTOCOL_INFOW info = {.iAddressFamily = AF_UNSPEC};
    bool lacks = false;
    int type = -1, listening = 0;

    ask_option(fd, SO_TYPE, &type, sizeof type, &lacks);
    ask_option(fd, SO_ACCEPTCONN, &listening, sizeof listening, &lacks);
    ask_option(fd, SO_PROTOCOL_INFOW, &info, sizeof info, &lacks);
    if (lacks)
        return INSPECT_UNKNOWN;
    int family = info.iAddressFamily;
    bool listens = listening > 0;
    if (family == AF_UNIX && type == SOCK_STREAM)
        return listens ? INSPECT_UNIX_LISTENER : INSPECT_UNIX;
    if (family != AF_INET && family != AF_INET6)
        return INSPECT_SOCKET;
    if (type == SOCK_STREAM)
        return listens ? INSPECT_TCP_LISTENER : INSPECT_TCP;
    return type == SOCK_DGRAM ? INSPECT_UDP : INSPECT_SOCKET;
}

static bool is_granted(HANDLE fd, ACCESS_MASK right) {
    PUBLIC_OBJECT_BASIC_INFORMATION object;
    ULONG size;

    return NT_SUCCESS(NtQueryObject(fd, ObjectBasicInformation, &object, sizeof object, &size)) &&
           object.GrantedAccess & right;
}

static enum inspect_type type_of_file(HANDLE fd, os_uid uid) {
    int socket = is_socket(fd);
    enum inspect_type type;

    if (socket != 0)
        return socket < 0 ? INSPECT_UNKNOWN : type_of_socket(fd);
    type = inspect_ask(fd, uid);
    return type == INSPECT_PIPE && !is_granted(fd, FILE_READ_DATA) ? INSPECT_OUTPUT_PIPE : type;
}

/* A wait for an event that resets itself takes the signal from its program. One that does not let itself be asked may be such an event. */
static enum inspect_type type_of_event(HANDLE fd) {
    struct nt_event event;
    ULONG size;

    if (!NT_SUCCESS(NtQueryEvent(fd, NT_EVENT_BASIC_INFORMATION, &event, sizeof event, &size)) ||
        event.type != NT_NOTIFICATION_EVENT)
        return INSPECT_AUTO_EVENT;
    return INSPECT_EVENT_OBJECT;
}

/* Without that right nobody can wait for it. */
static enum inspect_type if_waitable(HANDLE fd, enum inspect_type type) {
    return is_granted(fd, SYNCHRONIZE) ? type : INSPECT_OTHER;
}

enum inspect_type inspect_type_of(os_fd fd, os_uid uid) {
    static const struct {
        const wchar_t *name;
        enum inspect_type type;
    } types[] = {{L"Semaphore", INSPECT_SEMAPHORE_OBJECT},
                 {L"Mutant", INSPECT_MUTEX},
                 {L"Timer", INSPECT_TIMER_OBJECT},
                 {L"Process", INSPECT_PROCESS},
                 {L"Thread", INSPECT_THREAD}};
    wchar_t name[INSPECT_NAME_UNITS];

    if (!inspect_ask_name(fd, name))
        return INSPECT_UNKNOWN;
    if (!wcscmp(name, L"File"))
        return type_of_file(fd, uid);
    if (!wcscmp(name, L"Event"))
        return if_waitable(fd, type_of_event(fd));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!wcscmp(name, types[i].name))
            return if_waitable(fd, types[i].type);
    return INSPECT_OTHER;
}

/* Calls on a file for synchronous I/O wait for those of its other holders. */
bool inspect_needs_thread(os_fd fd, enum inspect_type type) {
    (void)fd;
    return type == INSPECT_PLAIN_PIPE || type == INSPECT_TTY || type == INSPECT_FILE;
}

bool inspect_is_unwatchable(enum inspect_type type) {
    switch (type) {
    case INSPECT_REGULAR:
    case INSPECT_DIRECTORY:
    case INSPECT_BLOCK:
    case INSPECT_CHARACTER:
    case INSPECT_SCREEN:
        return true;
    default:
        return false;
    }
}

/* Objects are signalled or not, in no direction. Nothing tells when a pipe has room. A wait for one of the first five takes the signal from others, or may
 * do so. */
bool inspect_tells_ready(enum inspect_type type, bool write) {
    switch (type) {
    case INSPECT_AUTO_EVENT:
    case INSPECT_SEMAPHORE_OBJECT:
    case INSPECT_MUTEX:
    case INSPECT_TIMER_OBJECT:
    case INSPECT_OTHER:
    case INSPECT_DEVICE:
    case INSPECT_OUTPUT_PIPE:
        return false;
    case INSPECT_EVENT_OBJECT:
    case INSPECT_PROCESS:
    case INSPECT_THREAD:
    case INSPECT_PIPE:
    case INSPECT_PLAIN_PIPE:
    case INSPECT_TTY:
    case INSPECT_FILE:
        return !write;
    default:
        return true;
    }
}

bool inspect_sockets_are_apart(void) { return true; }

bool inspect_is_own(os_fd fd, os_uid uid, os_fd *opened) {
    wchar_t name[INSPECT_NAME_UNITS];

    *opened = OS_FD_NONE;
    return inspect_ask_name(fd, name) && !wcscmp(name, L"File") && is_socket(fd) != 1 &&
           inspect_ask(fd, uid) == INSPECT_CONNECTION;
}
