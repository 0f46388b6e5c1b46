/* posix_win.c: win/posix.h by Windows. Does not include it: its names would hide those of Windows. */
#include "tests/support/test.h"

#include <limits.h>
#include <sys/stat.h>
#include <windows.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* they are in win/posix.h */

enum {
    POSIX_CLOEXEC = 0x1000000,
    POSIX_NONBLOCK = 0x2000000,
    PATIENCE_MS = 30000,
    SETTLE_MS = 250,
    PIPE_ROOM = 65536
};
enum { SOCK_BITS = 0xff, SMALL = 16384 }; /* buffers, so that they are soon full */

/* As in win/posix.h. */
struct posix_pollfd {
    int fd;
    short events, revents;
};
enum { IN_ = 1, OUT_ = 4, ERR_ = 8, HUP_ = 16, RDHUP_ = 0x2000 };

/* ---- numbers and errors ------------------------------------------------------------------------------------------ */

static HANDLE handle_of(int fd) { return (HANDLE)(intptr_t)fd; } // NOLINT

static SOCKET socket_of(int fd) { return (SOCKET)fd; }

static int fd_of(uintptr_t native) {
    assert_true(native <= INT_MAX);
    return (int)native;
}

static void begin(void) {
    static bool begun;
    WSADATA data;

    if (!begun)
        assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
    begun = true;
}

static int errno_of(DWORD error) {
    static const struct {
        DWORD error;
        int number;
    } all[] = {{ERROR_INVALID_HANDLE, EBADF},
               {ERROR_FILE_NOT_FOUND, ENOENT},
               {ERROR_ACCESS_DENIED, EACCES},
               {ERROR_BROKEN_PIPE, EPIPE},
               {ERROR_NO_DATA, EPIPE},
               {ERROR_OPERATION_ABORTED, EAGAIN},
               {ERROR_FILE_EXISTS, EEXIST},
               {WSAEWOULDBLOCK, EAGAIN},
               {WSAECONNRESET, ECONNRESET},
               {WSAECONNABORTED, ECONNABORTED},
               {WSAENOTCONN, ENOTCONN},
               {WSAESHUTDOWN, EPIPE},
               {WSAECONNREFUSED, ECONNREFUSED},
               {WSAEMSGSIZE, EMSGSIZE},
               {WSAENOTSOCK, ENOTSOCK},
               {WSAEADDRINUSE, EADDRINUSE},
               {WSAEINVAL, EINVAL},
               {WSAEAFNOSUPPORT, EAFNOSUPPORT}};

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i].error == error)
            return all[i].number;
    return EIO;
}

static int failed(void) {
    errno = errno_of(GetLastError());
    return -1;
}

static int of_socket(int result) {
    if (result == SOCKET_ERROR)
        errno = errno_of((DWORD)WSAGetLastError());
    return result;
}

static bool is_socket(int fd) {
    int type, size = sizeof(type);

    begin();
    return getsockopt(socket_of(fd), SOL_SOCKET, SO_TYPE, (char *)&type, &size) == 0;
}

int posix_skip(const char *reason) {
    test_skip(reason);
    return -1;
}

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

int posix_close(int fd) {
    if (is_socket(fd))
        return of_socket(closesocket(socket_of(fd)));
    return CloseHandle(handle_of(fd)) ? 0 : failed();
}

int posix_dup(int fd) {
    WSAPROTOCOL_INFOW info;
    HANDLE copy;

    if (is_socket(fd)) {
        if (WSADuplicateSocketW(socket_of(fd), GetCurrentProcessId(), &info) != 0)
            return of_socket(SOCKET_ERROR);
        SOCKET other = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info, 0,
                                  WSA_FLAG_OVERLAPPED);
        return other == INVALID_SOCKET ? of_socket(SOCKET_ERROR) : fd_of(other);
    }
    if (!DuplicateHandle(GetCurrentProcess(), handle_of(fd), GetCurrentProcess(), &copy, 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
        return failed();
    return fd_of((uintptr_t)copy);
}

/* The system gives the lowest free number, so the wanted one is had after all that are lower. */
int posix_dup2(int fd, int at) {
    enum { LOWER = 1024 };
    int lower[LOWER], copy = -1;
    size_t n = 0;

    (void)posix_close(at);
    while (n < LOWER && (copy = posix_dup(fd)) >= 0 && copy != at)
        lower[n++] = copy;
    while (n > 0)
        (void)posix_close(lower[--n]);
    if (copy != at)
        return posix_skip("the number of a handle cannot be had again");
    return at;
}

int posix_dup3(int fd, int at, int flags) {
    (void)flags;
    return posix_dup2(fd, at);
}

enum { GETFD = 1, SETFD, GETFL, SETFL, DUPFD_CLOEXEC };

int posix_fcntl(int fd, int command, ...) {
    va_list arguments;
    DWORD flags;

    va_start(arguments, command);
    int argument =
        command == SETFL || command == SETFD || command == DUPFD_CLOEXEC ? va_arg(arguments, int) : 0;
    va_end(arguments);
    if (command == DUPFD_CLOEXEC)
        return posix_dup(fd);
    if (!GetHandleInformation(handle_of(fd), &flags))
        return failed();
    u_long off = !(argument & POSIX_NONBLOCK);
    if (command == SETFL && is_socket(fd))
        return of_socket(ioctlsocket(socket_of(fd), (long)FIONBIO, &(u_long){!off}));
    return command == GETFD ? 1 : 0;
}

bool posix_is_signalled(int fd) { return WaitForSingleObject(handle_of(fd), 0) == WAIT_OBJECT_0; }

int posix_left(int fd) {
    u_long n = 0;
    DWORD in_pipe = 0;

    if (is_socket(fd))
        return ioctlsocket(socket_of(fd), (long)FIONREAD, &n) == 0 ? (int)n : -1;
    return PeekNamedPipe(handle_of(fd), NULL, 0, NULL, &in_pipe, NULL) ? (int)in_pipe : 0;
}

bool posix_same(int a, int b) {
    /* No import library of mingw-w64 has it. */
    BOOL(WINAPI * same)
    (HANDLE, HANDLE) = (BOOL(WINAPI *)(HANDLE, HANDLE))(void (*)(void))GetProcAddress(
        GetModuleHandleA("kernelbase.dll"), "CompareObjectHandles");

    assert_true(same != NULL);
    return same(handle_of(a), handle_of(b));
}

int posix_poll(struct posix_pollfd *all, size_t n, int ms);

/* ---- files and pipes --------------------------------------------------------------------------------------------- */

static DWORD access_of(int flags) {
    int mode = flags & (O_RDONLY | O_WRONLY | O_RDWR);

    if (mode == O_ACCMODE)
        return FILE_READ_ATTRIBUTES;
    return (mode == O_WRONLY ? 0 : GENERIC_READ) | (mode == O_RDONLY ? 0 : GENERIC_WRITE);
}

static bool is_of_unix(const char *path) {
    static const char *const folders[] = {"/proc/", "/sys/", "/dev/", "/etc/", "/run/", "/usr/", "/var/"};

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (strncmp(path, folders[i], strlen(folders[i])) == 0)
            return true;
    return false;
}

int posix_open(const char *path, int flags, ...) {
    DWORD how = flags & O_CREAT ? (flags & O_EXCL    ? CREATE_NEW
                                   : flags & O_TRUNC ? CREATE_ALWAYS
                                                     : OPEN_ALWAYS)
                                : (flags & O_TRUNC ? TRUNCATE_EXISTING : OPEN_EXISTING);

    if (strncmp(path, "/dev/null", 10) == 0)
        path = "NUL";
    if (is_of_unix(path))
        return posix_skip("Windows has no such file");
    if (flags & 0x4000000 /* O_PATH */)
        return posix_skip("Windows has no descriptors that are a path alone");
    HANDLE file = CreateFileA(path, access_of(flags), FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              NULL, how, FILE_FLAG_BACKUP_SEMANTICS /* folders, too */, NULL);
    return file == INVALID_HANDLE_VALUE ? failed() : fd_of((uintptr_t)file);
}

int posix_unlink(const char *path) { return DeleteFileA(path) ? 0 : failed(); }

off_t posix_lseek(int fd, off_t offset, int whence) {
    LARGE_INTEGER at = {.QuadPart = offset};

    return SetFilePointerEx(handle_of(fd), at, &at, (DWORD)whence) ? (off_t)at.QuadPart : failed();
}

int posix_pipe2(int ends[2], int flags) {
    static unsigned n;
    char name[96];

    (void)flags;
    (void)snprintf(name, sizeof(name), "\\\\.\\pipe\\portd-test-%lu-%u", GetCurrentProcessId(), n++);
    HANDLE in =
        CreateNamedPipeA(name, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                         PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, 1, PIPE_ROOM, PIPE_ROOM, 0, NULL);
    if (in == INVALID_HANDLE_VALUE)
        return failed();
    HANDLE out = CreateFileA(name, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (out == INVALID_HANDLE_VALUE) {
        (void)failed();
        (void)CloseHandle(in);
        return -1;
    }
    ends[0] = fd_of((uintptr_t)in);
    ends[1] = fd_of((uintptr_t)out);
    return 0;
}

int posix_pipe(int ends[2]) { return posix_pipe2(ends, 0); }

/* What came of an operation that began so; one that would have to wait is taken back. */
static ssize_t finish(int fd, OVERLAPPED *io, BOOL done) {
    DWORD n = 0;

    if (!done && GetLastError() == ERROR_IO_PENDING)
        (void)CancelIoEx(handle_of(fd), io);
    else if (!done)
        return failed();
    return GetOverlappedResult(handle_of(fd), io, &n, TRUE) ? (ssize_t)n : failed();
}

/* A file that is not overlapped goes on where its position is. */
static void position(int fd, OVERLAPPED *io) {
    LARGE_INTEGER at = {0};

    if (GetFileType(handle_of(fd)) != FILE_TYPE_DISK ||
        !SetFilePointerEx(handle_of(fd), at, &at, FILE_CURRENT))
        return;
    io->Offset = at.LowPart;
    io->OffsetHigh = (DWORD)at.HighPart;
}

ssize_t posix_read(int fd, void *bytes, size_t size) {
    OVERLAPPED io = {.hEvent = NULL};

    if (is_socket(fd))
        return of_socket(recv(socket_of(fd), bytes, (int)size, 0));
    position(fd, &io);
    io.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    assert_non_null(io.hEvent);
    ssize_t n = finish(fd, &io, ReadFile(handle_of(fd), bytes, (DWORD)size, NULL, &io));
    int error = errno;
    if (n < 0 && (GetLastError() == ERROR_BROKEN_PIPE || GetLastError() == ERROR_HANDLE_EOF ||
                  GetLastError() == ERROR_PIPE_NOT_CONNECTED))
        n = 0;
    (void)CloseHandle(io.hEvent);
    errno = error;
    return n;
}

ssize_t posix_write(int fd, const void *bytes, size_t size) {
    OVERLAPPED io = {.hEvent = NULL};

    if (is_socket(fd)) {
        struct posix_pollfd one = {.fd = fd, .events = OUT_};
        int sent = send(socket_of(fd), bytes, (int)size, 0);
        /* A connection that is full takes a little more once the other side has, or its late acknowledgement comes. */
        if (sent < 0 && WSAGetLastError() == WSAEWOULDBLOCK) {
            if (posix_poll(&one, 1, SETTLE_MS) == 1)
                sent = send(socket_of(fd), bytes, (int)size, 0);
            else
                WSASetLastError(WSAEWOULDBLOCK);
        }
        return of_socket(sent);
    }
    position(fd, &io);
    io.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    assert_non_null(io.hEvent);
    ssize_t n = finish(fd, &io, WriteFile(handle_of(fd), bytes, (DWORD)size, NULL, &io));
    int error = errno;
    (void)CloseHandle(io.hEvent);
    errno = error;
    return n;
}

char *posix_strsep(char **rest, const char *ends) {
    char *begin_at = *rest, *end = begin_at ? strpbrk(begin_at, ends) : NULL;

    *rest = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    return begin_at;
}

int posix_mkstemp(char *path) {
    static unsigned n;
    char *end = path + strlen(path) - 6;

    assert_string_equal(end, "XXXXXX");
    (void)snprintf(end, 7, "%03x%03x", (unsigned)GetCurrentProcessId() & 0xfff, n++ & 0xfff);
    return posix_open(path, O_RDWR | O_CREAT | O_TRUNC);
}

/* ---- poll -------------------------------------------------------------------------------------------------------- */

static short poll_socket(const struct posix_pollfd *one, int ms) {
    WSAPOLLFD native = {.fd = socket_of(one->fd)};
    short events = 0;

    native.events =
        (SHORT)((one->events & (IN_ | RDHUP_) ? POLLRDNORM : 0) | (one->events & OUT_ ? POLLWRNORM : 0));
    if (WSAPoll(&native, 1, ms) <= 0)
        return 0;
    if (native.revents & POLLRDNORM)
        events |= IN_;
    if (native.revents & POLLWRNORM)
        events |= OUT_;
    if (native.revents & POLLHUP)
        events |= HUP_ | IN_;
    return (short)(native.revents & POLLERR ? events | ERR_ : events);
}

static short poll_pipe(const struct posix_pollfd *one) {
    DWORD n = 0;

    if (!(one->events & IN_))
        return (short)(one->events & OUT_);
    if (!PeekNamedPipe(handle_of(one->fd), NULL, 0, NULL, &n, NULL))
        return GetLastError() == ERROR_BROKEN_PIPE ? HUP_ : ERR_;
    return n > 0 ? IN_ : 0;
}

static short poll_now(const struct posix_pollfd *one) {
    if (is_socket(one->fd))
        return poll_socket(one, 0);
    switch (GetFileType(handle_of(one->fd))) {
    case FILE_TYPE_PIPE:
        return poll_pipe(one);
    case FILE_TYPE_DISK:
        return (short)(one->events & (IN_ | OUT_));
    default:
        return posix_is_signalled(one->fd) ? (short)(one->events & IN_) : 0;
    }
}

int posix_poll(struct posix_pollfd *all, size_t n, int ms) {
    ULONGLONG end = GetTickCount64() + (ULONGLONG)(ms < 0 ? PATIENCE_MS : ms);
    int n_ready = 0;

    for (;;) {
        for (size_t i = 0; i < n; i++) {
            all[i].revents = poll_now(&all[i]);
            n_ready += all[i].revents != 0;
        }
        if (n_ready > 0 || GetTickCount64() >= end)
            return n_ready;
        Sleep(1);
    }
}

short fixture_poll(int fd, short events);

short fixture_poll(int fd, short events) {
    struct posix_pollfd one = {.fd = fd, .events = events};

    return posix_poll(&one, 1, PATIENCE_MS) > 0 ? one.revents : 0;
}

/* ---- sockets ------------------------------------------------------------------------------------------------------ */

int posix_socket(int family, int type, int protocol) {
    begin();
    if (family == AF_UNIX)
        return posix_skip("Unix sockets of Windows are not made here");
    SOCKET made = WSASocketW(family, type & SOCK_BITS, protocol, NULL, 0,
                             WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (made == INVALID_SOCKET)
        return of_socket(SOCKET_ERROR);
    if (type & 0x2000)
        (void)posix_fcntl(fd_of(made), SETFL, POSIX_NONBLOCK);
    for (int i = 0; i < 2 && (type & SOCK_BITS) == SOCK_STREAM; i++)
        (void)setsockopt(made, SOL_SOCKET, i == 0 ? SO_SNDBUF : SO_RCVBUF, (char *)&(int){SMALL},
                         sizeof(int));
    return fd_of(made);
}

int posix_bind(int fd, const struct sockaddr *name, int size) {
    return of_socket(bind(socket_of(fd), name, size));
}

int posix_listen(int fd, int backlog) { return of_socket(listen(socket_of(fd), backlog)); }

int posix_accept4(int fd, struct sockaddr *name, int *size, int flags) {
    SOCKET made = accept(socket_of(fd), name, size);

    if (made == INVALID_SOCKET)
        return of_socket(SOCKET_ERROR);
    (void)SetHandleInformation((HANDLE)made, HANDLE_FLAG_INHERIT, 0); // NOLINT
    (void)ioctlsocket(made, (long)FIONBIO, &(u_long){(flags & 0x2000) != 0});
    return fd_of(made);
}

int posix_connect(int fd, const struct sockaddr *name, int size) {
    return of_socket(connect(socket_of(fd), name, size));
}

int posix_getsockname(int fd, struct sockaddr *name, int *size) {
    return of_socket(getsockname(socket_of(fd), name, size));
}

int posix_getpeername(int fd, struct sockaddr *name, int *size) {
    return of_socket(getpeername(socket_of(fd), name, size));
}

int posix_setsockopt(int fd, int level, int option, const void *value, int size) {
    if (option == 0x10000)
        return posix_skip("Windows keeps no queue of errors");
    return of_socket(setsockopt(socket_of(fd), level, option, value, size));
}

int posix_getsockopt(int fd, int level, int option, void *value, int *size) {
    int result = of_socket(getsockopt(socket_of(fd), level, option, value, size));
    int *error = value;

    if (result == 0 && level == SOL_SOCKET && option == SO_ERROR && *error != 0)
        *error = errno_of((DWORD)*error);
    return result;
}

int posix_shutdown(int fd, int how) { return of_socket(shutdown(socket_of(fd), how)); }

ssize_t posix_send(int fd, const void *bytes, size_t size, int flags) {
    return of_socket(send(socket_of(fd), bytes, (int)size, flags & 3));
}

ssize_t posix_recv(int fd, void *bytes, size_t size, int flags) {
    return of_socket(recv(socket_of(fd), bytes, (int)size, flags & 3));
}

ssize_t posix_sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *name,
                     int named) {
    return of_socket(sendto(socket_of(fd), bytes, (int)size, flags & 3, name, named));
}

int posix_fstat(int fd, struct stat *file) {
    struct sockaddr_in name = {0};
    int size = sizeof(name);
    DWORD flags;

    memset(file, 0, sizeof(*file));
    if (!GetHandleInformation(handle_of(fd), &flags))
        return failed();
    if (is_socket(fd) && getsockname(socket_of(fd), (struct sockaddr *)&name, &size) == 0)
        file->st_ino = name.sin_port;
    return 0;
}

static int on_loopback(int type, struct sockaddr_in *name) {
    int fd = posix_socket(AF_INET, type, 0), size = sizeof(*name);

    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(posix_bind(fd, (struct sockaddr *)name, sizeof(*name)), 0);
    assert_int_equal(posix_getsockname(fd, (struct sockaddr *)name, &size), 0);
    return fd;
}

static int pair_of_datagrams(int ends[2]) {
    struct sockaddr_in names[2];

    for (int i = 0; i < 2; i++)
        ends[i] = on_loopback(SOCK_DGRAM, &names[i]);
    for (int i = 0; i < 2; i++)
        assert_int_equal(posix_connect(ends[i], (struct sockaddr *)&names[1 - i], sizeof(names[0])), 0);
    return 0;
}

int posix_socketpair(int family, int type, int protocol, int ends[2]) {
    struct sockaddr_in name;

    (void)family, (void)protocol;
    if ((type & SOCK_BITS) == SOCK_SEQPACKET)
        return posix_skip("Windows has no socket pair of packets");
    if ((type & SOCK_BITS) == SOCK_DGRAM) {
        (void)pair_of_datagrams(ends);
    } else {
        int listener = on_loopback(SOCK_STREAM, &name);
        assert_int_equal(posix_listen(listener, 1), 0);
        ends[0] = posix_socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(posix_connect(ends[0], (struct sockaddr *)&name, sizeof(name)), 0);
        ends[1] = posix_accept4(listener, NULL, NULL, 0);
        assert_true(ends[1] >= 0);
        assert_int_equal(posix_close(listener), 0);
    }
    for (int i = 0; i < 2 && type & 0x2000; i++)
        assert_int_equal(posix_fcntl(ends[i], SETFL, POSIX_NONBLOCK), 0);
    return 0;
}
