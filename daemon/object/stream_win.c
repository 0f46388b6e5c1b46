/* stream_win.c: stream.h for Windows. By kind of descriptor:
 *
 *   sockets             see stream_socket_win.c
 *   pipes for           overlapped reads and writes. A read is cancelled if it does not complete at once, a write after WRITE_MS. Nothing tells when there is
 *   overlapped I/O      room: a write is tried again after pauses. Peek by PeekNamedPipe. A message that is longer than the pipe keeps would be written only as
 *                       it is read, and of one that is cancelled meanwhile the reader has a part, of which the system need not tell: it is not written
 *   pipes for           read as much as PeekNamedPipe has seen. Not written: a write that waits keeps every other call on the file waiting, the
 *   synchronous I/O     holder's too, and cannot be given up
 *   regular files,      plain reads and writes at the position that the holders share. One that was opened for overlapped I/O has no position, and a
 *   disks               read elsewhere moves the position: so they cannot be peeked at
 *   consoles            read when there is a character, or a whole line if the console collects lines
 *   the null device     plain reads and writes
 *
 * A call on a file for synchronous I/O waits for the calls of other holders; then the worker is interrupted. */
#include "stream_win.h"

#include "daemon/readiness/nt_win.h"
#include "inspect_ask_win.h"

#include <errno.h>

enum { EVENTS = 128, WRITE_MS = 5 };

int stream_init(void) { return 0; }

/* ---- pipes ------------------------------------------------------------------------------------------------------ */

/* How much of a write that was cancelled is the other end's all the same, if the driver tells. */
static bool has_written(const OVERLAPPED *operation, DWORD size, DWORD *moved) {
    ULONG_PTR written = operation->InternalHigh;

    if (!written || written > size)
        return false;
    *moved = (DWORD)written;
    return true;
}

/* 0, with the bytes, or an error. What does not complete at once, or in the time that a write has, is cancelled. */
static DWORD move_overlapped(const struct stream_job *job, size_t size, DWORD *moved) {
    OVERLAPPED operation;
    HANDLE event = stream_operation(&operation);
    bool write = job->what == STREAM_WRITE;
    DWORD error;

    if (!event)
        return ERROR_NOT_ENOUGH_MEMORY;
    error = (write ? WriteFile(job->fd, job->bytes, (DWORD)size, NULL, &operation)
                   : ReadFile(job->fd, job->bytes, (DWORD)size, NULL, &operation))
                ? 0
                : GetLastError();
    if (error == ERROR_IO_PENDING &&
        (!write || size == 1 || WaitForSingleObject(event, WRITE_MS) != WAIT_OBJECT_0))
        (void)CancelIoEx(job->fd, &operation); /* it may be complete */
    if (!error || error == ERROR_IO_PENDING || error == ERROR_MORE_DATA)
        error = GetOverlappedResult(job->fd, &operation, moved, TRUE) ? 0 : GetLastError();
    if (write && error == ERROR_OPERATION_ABORTED && has_written(&operation, (DWORD)size, moved))
        error = 0;
    (void)CloseHandle(event);
    return error;
}

/* The other end has gone, and nothing is left to read. */
static bool is_end(DWORD error) { return error == ERROR_BROKEN_PIPE || error == ERROR_PIPE_NOT_CONNECTED; }

/* Of a message that is longer, the rest stays. */
static int read_result(struct stream_job *job, DWORD error, DWORD moved) {
    if (error && error != ERROR_MORE_DATA && !is_end(error))
        return stream_error(error);
    job->end = is_end(error);
    job->count = job->end ? 0 : moved;
    return 0;
}

/* How much is there. An empty message is not seen. */
static int look(struct stream_job *job, unsigned char *bytes, DWORD size, DWORD *read, DWORD *there) {
    if (PeekNamedPipe(job->fd, bytes, size, read, there, NULL))
        return *there ? 0 : -EAGAIN;
    job->end = is_end(GetLastError());
    return job->end ? 0 : stream_error(GetLastError());
}

static int peek_pipe(struct stream_job *job) {
    DWORD there = 0, read = 0;
    int error = look(job, job->bytes, (DWORD)job->size, &read, &there);

    job->count = error || job->end ? 0 : read;
    return error;
}

static int read_plain_pipe(struct stream_job *job) {
    DWORD there = 0, read = 0, moved = 0;
    int error = look(job, NULL, 0, &read, &there);

    if (error || job->end)
        return error;
    DWORD size = there < job->size ? there : (DWORD)job->size;
    BOOL done = ReadFile(job->fd, job->bytes, size, &moved, NULL);
    return read_result(job, done ? 0 : GetLastError(), moved);
}

static int read_pipe(struct stream_job *job) {
    DWORD moved = 0, error;

    if (job->what == STREAM_PEEK)
        return peek_pipe(job);
    if (job->type == INSPECT_PLAIN_PIPE)
        return read_plain_pipe(job);
    error = move_overlapped(job, job->size, &moved);
    return read_result(job, error, moved);
}

/* How much a write may have to complete at once: what the pipe has room for. If it says none, which wine always does, a byte is tried, of which no part can
 * be lost. A message is tried whole, whatever is said: what a reader waits for counts as room that is used, so that one that does not seem to fit may be
 * what he waits for. 0: a message that the pipe never keeps whole. */
static size_t room_of(const struct stream_job *job) {
    FILE_PIPE_LOCAL_INFORMATION pipe;
    IO_STATUS_BLOCK status;

    if (NtQueryInformationFile(job->fd, &status, &pipe, sizeof pipe, FilePipeLocalInformation) < 0)
        return 1;
    ULONG most = pipe.NamedPipeEnd == 1 /* the server's */ ? pipe.OutboundQuota : pipe.InboundQuota;
    if (pipe.NamedPipeType == 1 /* messages */)
        return job->size <= most ? job->size : 0;
    return pipe.WriteQuotaAvailable == 0          ? 1
           : pipe.WriteQuotaAvailable < job->size ? pipe.WriteQuotaAvailable
                                                  : job->size;
}

static int write_pipe(struct stream_job *job) {
    DWORD moved = 0, error;

    if (job->type == INSPECT_PLAIN_PIPE)
        return STREAM_E_PLAIN;
    size_t room = room_of(job);
    if (!room && job->size)
        return STREAM_E_MESSAGE;
    error = move_overlapped(job, room, &moved);
    if (error)
        return stream_error(error);
    job->count = moved;
    return 0;
}

/* ---- consoles --------------------------------------------------------------------------------------------------- */

static bool is_character(const INPUT_RECORD *event, bool line) {
    WCHAR character = event->Event.KeyEvent.uChar.UnicodeChar;

    return event->EventType == KEY_EVENT && event->Event.KeyEvent.bKeyDown &&
           (line ? character == L'\r' : character != 0);
}

/* Whether a read would return without another key: a handle of a console is also signalled by what is no character. Of more than EVENTS a read
 * has enough. */
static bool has_input(HANDLE console, DWORD mode) {
    INPUT_RECORD events[EVENTS];
    DWORD n = 0;

    if (!PeekConsoleInputW(console, events, EVENTS, &n))
        return false;
    for (DWORD i = 0; i < n; i++)
        if (is_character(&events[i], mode & ENABLE_LINE_INPUT))
            return true;
    return n == EVENTS;
}

/* What the console itself keeps of a line that was read in parts is not seen. */
static int check_console(const struct stream_job *job) {
    DWORD mode;

    if (!GetConsoleMode(job->fd, &mode))
        return stream_error(GetLastError());
    return has_input(job->fd, mode) ? 0 : -EAGAIN;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static int move_file(struct stream_job *job) {
    bool write = job->what == STREAM_WRITE;
    DWORD moved = 0;
    BOOL done;

    if (job->type != INSPECT_TTY && job->type != INSPECT_SCREEN && !inspect_ask_is_synchronous(job->fd)) {
        if (job->type != INSPECT_CHARACTER)
            return STREAM_E_POSITION;
        DWORD error = move_overlapped(job, job->size, &moved);
        if (error && error != ERROR_HANDLE_EOF)
            return stream_error(error);
        done = TRUE;
    } else {
        done = write ? WriteFile(job->fd, job->bytes, (DWORD)job->size, &moved, NULL)
                     : ReadFile(job->fd, job->bytes, (DWORD)job->size, &moved, NULL);
    }
    if (!done)
        return stream_error(GetLastError());
    job->count = moved;
    job->end = !write && moved == 0;
    return 0;
}

int stream_seek(struct stream_job *job) {
    LARGE_INTEGER to = {.QuadPart = job->set ? (LONGLONG)job->offset : 0}, here;

    if (job->set && job->offset > INT64_MAX)
        return -EINVAL;
    if (!inspect_ask_is_synchronous(job->fd))
        return STREAM_E_POSITION;
    if (!SetFilePointerEx(job->fd, to, &here, job->set ? FILE_BEGIN : FILE_CURRENT))
        return stream_error(GetLastError());
    job->offset = (uint64_t)here.QuadPart;
    return 0;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

int stream_check_plain(struct stream_job *job) {
    job->plain = true;
    return 0;
}

/* Nothing tells when a pipe has room. */
bool stream_waits(const struct stream_job *job) {
    switch (job->type) {
    case INSPECT_REGULAR:
    case INSPECT_BLOCK:
    case INSPECT_CHARACTER:
    case INSPECT_SCREEN:
    case INSPECT_TCP_LISTENER:
    case INSPECT_UNIX_LISTENER:
    case INSPECT_DEVICE: /* its driver is not asked in the loop, and it is not moved */
        return false;
    case INSPECT_PIPE:
    case INSPECT_OUTPUT_PIPE:
    case INSPECT_PLAIN_PIPE:
    case INSPECT_FILE:
        return !stream_writes(job->what);
    default:
        return true;
    }
}

bool stream_is_quick(const struct stream_job *job) {
    return (job->type == INSPECT_PIPE || inspect_is_socket(job->type)) && !stream_writes(job->what);
}

bool stream_can_peek(enum inspect_type type) {
    return type == INSPECT_PIPE || type == INSPECT_PLAIN_PIPE || inspect_is_socket(type);
}

bool stream_can_splice(enum inspect_type type, bool write) {
    (void)type;
    (void)write;
    return false;
}

bool stream_splice_is_charged(enum inspect_type type) {
    (void)type;
    return false;
}

static int move(struct stream_job *job) {
    int error;

    switch (job->type) {
    case INSPECT_PIPE:
    case INSPECT_OUTPUT_PIPE:
    case INSPECT_PLAIN_PIPE:
        return job->what == STREAM_WRITE ? write_pipe(job) : read_pipe(job);
    case INSPECT_TTY:
    case INSPECT_SCREEN:
        error = job->what == STREAM_WRITE ? 0 : check_console(job);
        return error ? error : move_file(job);
    case INSPECT_REGULAR:
    case INSPECT_BLOCK:
    case INSPECT_CHARACTER:
        return move_file(job);
    default:
        return STREAM_E_KIND;
    }
}

/* What could not be told when the broker got it is told now. */
static int move_file_in_use(struct stream_job *job) {
    job->type = inspect_ask_here(job->fd);
    int error = move(job);
    job->type = INSPECT_FILE;
    return error;
}

int stream_work(struct stream_job *job) {
    job->count = job->truncated = 0;
    job->end = false;
    if (job->what == STREAM_SEEK)
        return stream_seek(job);
    if (stream_splices(job->what) || (job->what == STREAM_PEEK && !stream_can_peek(job->type)))
        return -EOPNOTSUPP;
    if (inspect_is_socket(job->type))
        return stream_socket_work(job);
    return job->type == INSPECT_FILE ? move_file_in_use(job) : move(job);
}

/* Of objects that are no files the rights mean something else. Who may append may write. */
bool stream_is_open_for(os_fd fd, bool write) {
    PUBLIC_OBJECT_BASIC_INFORMATION object;
    wchar_t name[INSPECT_NAME_UNITS];
    ULONG size;

    if (!inspect_ask_name(fd, name) || wcscmp(name, L"File") != 0 ||
        NtQueryObject(fd, ObjectBasicInformation, &object, sizeof object, &size) < 0)
        return false;
    return object.GrantedAccess & (write ? FILE_WRITE_DATA | FILE_APPEND_DATA : FILE_READ_DATA);
}
