/* native_win.c: portctl's platform functions on Windows.
 *
 * A descriptor of portctl is the value of a handle or socket that it has inherited, which is the same in the process that it comes from. 0 to 2 name
 * the standard streams, as in the C runtime: no handle has these values.
 *
 * Nothing tells a program that nobody reads its standard output any more: so while portctl sleeps it looks from time to time. */
#include "native.h"

#include "stop.h"
#include "stop_win.h"
#include "text.h"
#include "transfer_win.h"

#include "proto/address.h"
#include "proto/os.h"

#include <winsock2.h>

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winternl.h>

enum {
    LOW_BITS = 3, /* of a handle the system ignores them */
    LOOK_MS = 1000,
    INPUT_LOOK_MS = 10,
    PIPE_LOCAL = 24, /* FilePipeLocalInformation */
    PIPE_CLOSING = 4 /* FILE_PIPE_CLOSING_STATE */
};

static UINT console_before; /* the code page of the console's output */

static void restore_console(void) { (void)SetConsoleOutputCP(console_before); }

/* What portctl prints is UTF-8, with colours in the form that terminals have. */
static void prepare_console(HANDLE stream) {
    DWORD mode;

    if (!GetConsoleMode(stream, &mode))
        return;
    (void)SetConsoleMode(stream, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
    if (console_before == 0 && GetConsoleOutputCP() != CP_UTF8) {
        console_before = GetConsoleOutputCP();
        if (SetConsoleOutputCP(CP_UTF8))
            (void)atexit(restore_console);
    }
}

static char *narrow(const wchar_t *wide) {
    int size = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = size > 0 ? malloc((size_t)size) : NULL;

    if (text != NULL)
        (void)WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, size, NULL, NULL);
    return text;
}

/* The C runtime has them in the system's code page, and may have put names of files in the place of patterns. */
char **native_words(int *n, char **words) {
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), n);

    words = wide != NULL ? calloc((size_t)*n + 1, sizeof(*words)) : NULL;
    for (int i = 0; words != NULL && i < *n; i++) {
        words[i] = narrow(wide[i]);
        if (words[i] == NULL)
            words = NULL; /* the program ends */
    }
    (void)LocalFree((HLOCAL)wide);
    return words;
}

/* The C runtime has no descriptor for a stream that is closed: a write fails, and nothing that is opened later can take its place. The
 * streams are bytes, which are not translated. */
int native_guard_standard(void) {
    WSADATA sockets;
    int rc = WSAStartup(MAKEWORD(2, 2), &sockets);

    for (int stream = 0; stream <= 2; stream++)
        if (transfer_handle(stream) != NULL)
            (void)_setmode(stream, _O_BINARY);
    prepare_console(transfer_handle(1));
    prepare_console(transfer_handle(2));
    return rc == 0 ? 0 : ENOSYS;
}

portd_native native_number(uint64_t number) {
    HANDLE handle = transfer_handle((portd_native)number);

    return handle != NULL ? (portd_native)handle : (portd_native)number;
}

bool native_is_open(portd_native number) {
    HANDLE handle = transfer_handle(number);
    DWORD flags;

    return handle != NULL && ((uintptr_t)handle & LOW_BITS) == 0 && GetHandleInformation(handle, &flags);
}

const char *native_error_text(int error) { return os_error_text(error); }

bool native_translates_text(void) { return true; }

bool native_is_terminal(int stream) {
    DWORD mode;

    return GetConsoleMode(transfer_handle(stream), &mode) != 0;
}

size_t native_terminal_width(void) {
    CONSOLE_SCREEN_BUFFER_INFO screen;

    if (!GetConsoleScreenBufferInfo(transfer_handle(1), &screen))
        return 0;
    return (size_t)(screen.srWindow.Right - screen.srWindow.Left + 1);
}

uint64_t native_wall_us(void) {
    static const uint64_t from_1601_to_1970 = UINT64_C(11644473600000000);
    FILETIME now; /* tenths of microseconds since 1601 */

    GetSystemTimePreciseAsFileTime(&now);
    return ((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) / 10 - from_1601_to_1970;
}

/* ---- descriptors ----------------------------------------------------------------------------------------- */

void native_close(portd_native number) {
    HANDLE handle = transfer_handle(number);

    if (transfer_is_socket(handle))
        (void)closesocket((SOCKET)handle);
    else
        (void)CloseHandle(handle);
}

/* No pipe can be moved to in the kernel. */
bool native_writes_pipe(portd_native number) {
    (void)number;
    return false;
}

bool native_has_peer(portd_native number) { return GetFileType(transfer_handle(number)) != FILE_TYPE_DISK; }

bool native_listens(portd_native number) {
    HANDLE handle = transfer_handle(number);
    BOOL listens = FALSE;
    int size = sizeof(listens);

    return handle != NULL &&
           getsockopt((SOCKET)handle, SOL_SOCKET, SO_ACCEPTCONN, (char *)&listens, &size) == 0 && listens;
}

bool native_is_file(portd_native number) { return GetFileType(transfer_handle(number)) == FILE_TYPE_DISK; }

bool native_feeds_itself(portd_native from, portd_native to) {
    HANDLE input = transfer_handle(from), output = transfer_handle(to);
    BY_HANDLE_FILE_INFORMATION one, other;
    LARGE_INTEGER none = {.QuadPart = 0}, read_at, written_at;

    if (!GetFileInformationByHandle(input, &one) || !GetFileInformationByHandle(output, &other) ||
        one.dwVolumeSerialNumber != other.dwVolumeSerialNumber || one.nFileIndexLow != other.nFileIndexLow ||
        one.nFileIndexHigh != other.nFileIndexHigh)
        return false;
    return SetFilePointerEx(input, none, &read_at, FILE_CURRENT) &&
           SetFilePointerEx(output, none, &written_at, FILE_CURRENT) &&
           read_at.QuadPart < written_at.QuadPart;
}

/* ---- waiting --------------------------------------------------------------------------------------------- */

/* A pipe is not waited for but looked at. */
static bool is_pipe_empty(HANDLE handle) {
    DWORD there = 0;

    return GetFileType(handle) == FILE_TYPE_PIPE && PeekNamedPipe(handle, NULL, 0, NULL, &there, NULL) &&
           there == 0;
}

/* INFINITE is -1. */
int native_time_left(int64_t deadline) { return (int)transfer_time_left(deadline); }

/* 1; 0: not yet; -1: it cannot be waited for. */
static int await_once(HANDLE handle, DWORD most) {
    HANDLE handles[2] = {handle, stop_event()};
    DWORD woken;

    if (is_pipe_empty(handle)) {
        Sleep(most < INPUT_LOOK_MS ? most : INPUT_LOOK_MS);
        return 0;
    }
    woken = WaitForMultipleObjects(handles[1] != NULL ? 2 : 1, handles, FALSE, most);
    return woken == WAIT_OBJECT_0 ? 1 : woken == WAIT_FAILED ? -1 : 0;
}

int native_await(portd_native number, bool writable, int64_t deadline) {
    HANDLE handle = transfer_handle(number);

    (void)writable; /* an event says neither */
    for (;;) {
        int rc = await_once(handle, transfer_time_left(deadline));

        if (rc > 0)
            return 1;
        if (rc < 0) {
            errno = EIO;
            return PORTD_E_SYSTEM;
        }
        if (stop_asked() != 0 || (deadline != PORTD_FOREVER && portd_now() >= deadline))
            return 0;
    }
}

int64_t native_read_input(void *bytes, size_t size, int64_t deadline) {
    size_t count;
    bool cut;

    switch (transfer_read(0, bytes, size, -1, deadline, &count, &cut)) {
    case TRANSFER_DONE:
        return (int64_t)count;
    case TRANSFER_FILE_END:
        return 0;
    case TRANSFER_FAILED:
        return PORTD_E_SYSTEM;
    default:
        return PORTD_E_TIMEOUT;
    }
}

/* Whether standard output is a pipe whose other end is closed. */
static bool has_lost_reader(void) {
    struct {
        ULONG type, configuration, most, now, quota_in, available, quota_out, room, state, end;
    } pipe; /* FILE_PIPE_LOCAL_INFORMATION */
    HANDLE handle = transfer_handle(1);
    IO_STATUS_BLOCK status;

    return GetFileType(handle) == FILE_TYPE_PIPE &&
           NtQueryInformationFile(handle, &status, &pipe, sizeof(pipe), (FILE_INFORMATION_CLASS)PIPE_LOCAL) >=
               0 &&
           pipe.state == PIPE_CLOSING;
}

/* Writing a byte sets stdio's error. */
static int end_output(void) {
    putchar('\n');
    (void)fflush(stdout);
    return PORTD_E_SYSTEM;
}

int native_sleep(const portd_client *client) {
    HANDLE connection = (HANDLE)portd_get_fd(client);
    int64_t deadline = portd_get_timeout(client);

    for (;;) {
        DWORD left = transfer_time_left(deadline), woken;

        if (has_lost_reader())
            return end_output();
        woken = WaitForSingleObject(connection, left < LOOK_MS ? left : LOOK_MS);
        if (woken != WAIT_TIMEOUT || left <= LOOK_MS)
            return 1;
    }
}

/* ---- places ---------------------------------------------------------------------------------------------- */

size_t native_own_path(char *path, size_t size) {
    DWORD length = GetModuleFileNameA(NULL, path, (DWORD)size);

    return length < size ? length : 0;
}

char *native_daemon(void) {
    char own[4096], *path;
    size_t length = native_own_path(own, sizeof(own));

    while (length > 0 && own[length - 1] != '\\')
        length--;
    if (length == 0)
        return NULL;
    path = text_print("%.*sportd.exe", (int)length, own);
    if (GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES)
        return path;
    free(path);
    return NULL;
}

bool native_user(const char *name, uint64_t *uid) {
    (void)name;
    (void)uid;
    return false;
}

/* Pipes have no directory. */
bool native_user_place(void) { return true; }

char *native_user_address(void) {
    char text[ADDRESS_MAX];

    return text_copy(address_user(text, 0) == 0 ? text : "npipe:portd-user");
}

char *native_system_address(void) { return text_copy(address_system()); }
