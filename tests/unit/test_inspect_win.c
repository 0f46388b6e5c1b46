/* test_inspect_win.c: the types of handles, which are the same object, what they are open for, and processes. */
#include "tests/support/ends_win.h"
/* after winsock2.h */
#include "tests/support/test.h"

#include "daemon/object/asker_win.h"
#include "daemon/object/inspect.h"
#include "daemon/object/stream.h"
#include "proto/frame.h"
#include "tests/support/line.h"
#include "tests/support/receive.h"

#include <errno.h>
#include <stdatomic.h>
/* after windows.h */
#include <winternl.h>

/* `BUSY` has files in use. */
enum { USER = 1000, BUSY, OTHER };

/* Windows has who asks wait while somebody else reads a file for synchronous I/O. wine does not, so this takes the place of what ntdll has:
 * who asks waits until the event is set, if there is one. */
static _Atomic(HANDLE) in_use;
static atomic_int asking;

NTSTATUS NTAPI NtQueryVolumeInformationFile(HANDLE file, IO_STATUS_BLOCK *status, void *answer, ULONG size,
                                            FS_INFORMATION_CLASS information) {
    typedef NTSTATUS(NTAPI * queries)(HANDLE, IO_STATUS_BLOCK *, void *, ULONG, FS_INFORMATION_CLASS);
    queries query = (queries)(void (*)(void))GetProcAddress(GetModuleHandleW(L"ntdll.dll"),
                                                            "NtQueryVolumeInformationFile");
    HANDLE event = atomic_load(&in_use);

    (void)atomic_fetch_add(&asking, 1);
    if (event)
        (void)WaitForSingleObject(event, INFINITE);
    NTSTATUS result = query(file, status, answer, size, information);
    (void)atomic_fetch_sub(&asking, 1);
    return result;
}

#define PATIENCE_US INT64_C(20000000)

static os_fd restricted(os_fd fd, DWORD rights) {
    HANDLE copy;

    assert_true(DuplicateHandle(GetCurrentProcess(), fd, GetCurrentProcess(), &copy, rights, FALSE, 0));
    return copy;
}

/* On a busy machine the thread that asks may not come to run in time: then it is as if another holder were using the file. */
static void assert_is(os_fd fd, enum inspect_type type) {
    int64_t deadline = os_now_us() + PATIENCE_US;
    enum inspect_type answer;

    do
        answer = inspect_type_of(fd, USER);
    while (answer == INSPECT_FILE && type != INSPECT_FILE && os_now_us() < deadline);
    assert_int_equal(answer, type);
}

/* Takes it. */
static void assert_type(os_fd fd, enum inspect_type type) {
    assert_true(fd && fd != OS_FD_NONE);
    assert_is(fd, type);
    os_close(fd);
}

static void sockets(void **state) {
    struct sockaddr_in address;
    os_fd ends[2], listener = ends_bound(SOCK_STREAM, &address);

    (void)state;
    assert_int_equal(listen((SOCKET)listener, 1), 0);
    assert_type(listener, INSPECT_TCP_LISTENER);
    assert_type(ends_socket(AF_INET, SOCK_STREAM), INSPECT_TCP);
    assert_type(ends_socket(AF_INET, SOCK_DGRAM), INSPECT_UDP);
    ends_tcp(ends);
    assert_type(ends[0], INSPECT_TCP);
    assert_type(ends[1], INSPECT_TCP);
    for (int type = 0; type < INSPECT_TYPES; type++)
        assert_int_equal(inspect_is_socket((enum inspect_type)type),
                         type >= INSPECT_TCP && type <= INSPECT_SOCKET);
}

static void sockets_of_version_6(void **state) {
    SOCKET made = WSASocketW(AF_INET6, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);

    (void)state;
    if (made == INVALID_SOCKET)
        test_skip("this machine has no IPv6");
    assert_type((os_fd)made, INSPECT_TCP);
}

static void pipes(void **state) {
    os_fd ends[2];

    (void)state;
    ends_plain_pipe(ends);
    assert_type(ends[0], INSPECT_PLAIN_PIPE);
    assert_type(ends[1], INSPECT_PLAIN_PIPE);
    for (int messages = 0; messages < 2; messages++) {
        ends_pipe(ends, messages);
        assert_type(restricted(ends[0], GENERIC_WRITE), INSPECT_OUTPUT_PIPE);
        assert_type(ends[0], INSPECT_PIPE);
        assert_type(ends[1], INSPECT_PIPE);
    }
}

static void files(void **state) {
    (void)state;
    assert_type(ends_file(GENERIC_READ, 0), INSPECT_REGULAR);
    assert_type(ends_file(GENERIC_READ, FILE_FLAG_OVERLAPPED), INSPECT_REGULAR);
    assert_type(CreateFileA("C:\\windows", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                            OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL),
                INSPECT_DIRECTORY);
    assert_type(ends_null(0), INSPECT_CHARACTER);
}

static void others(void **state) {
    HANDLE process, thread;

    (void)state;
    assert_type(CreateEventW(NULL, TRUE, FALSE, NULL), INSPECT_EVENT_OBJECT);
    assert_type(CreateEventW(NULL, FALSE, FALSE, NULL), INSPECT_AUTO_EVENT);
    assert_type(CreateSemaphoreW(NULL, 0, 1, NULL), INSPECT_SEMAPHORE_OBJECT);
    assert_type(CreateMutexW(NULL, FALSE, NULL), INSPECT_MUTEX);
    assert_type(CreateWaitableTimerW(NULL, TRUE, NULL), INSPECT_TIMER_OBJECT);
    assert_type(CreateJobObjectW(NULL, NULL), INSPECT_OTHER);
    assert_type(CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1), INSPECT_OTHER);
    assert_true(DuplicateHandle(GetCurrentProcess(), GetCurrentProcess(), GetCurrentProcess(), &process, 0,
                                FALSE, DUPLICATE_SAME_ACCESS));
    assert_type(process, INSPECT_PROCESS);
    assert_true(DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &thread, 0,
                                FALSE, DUPLICATE_SAME_ACCESS));
    assert_type(thread, INSPECT_THREAD);
    assert_is((os_fd)(intptr_t)0x7ff0, INSPECT_UNKNOWN); /* not open */
    for (int type = 0; type < INSPECT_TYPES; type++)
        assert_non_null(inspect_name((enum inspect_type)type));
}

/* An event that may be one that a wait resets. */
static void an_event_that_may_not_be_asked(void **state) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    (void)state;
    assert_type(restricted(event, SYNCHRONIZE), INSPECT_AUTO_EVENT);
    assert_type(restricted(event, EVENT_MODIFY_STATE | 1 /* to query */), INSPECT_OTHER); /* nor waited for */
    os_close(event);
}

static void what_is_told_of_readiness(void **state) {
    static const enum inspect_type silent[] = {
        INSPECT_OUTPUT_PIPE, INSPECT_AUTO_EVENT,   INSPECT_SEMAPHORE_OBJECT,
        INSPECT_MUTEX,       INSPECT_TIMER_OBJECT, INSPECT_DEVICE,
        INSPECT_OTHER};

    (void)state;
    for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++) {
        assert_false(inspect_tells_ready(silent[i], false));
        assert_false(inspect_tells_ready(silent[i], true));
        assert_false(inspect_is_unwatchable(silent[i]));
    }
    assert_true(inspect_tells_ready(INSPECT_PIPE, false));
    assert_false(inspect_tells_ready(INSPECT_PIPE, true));
    assert_true(inspect_tells_ready(INSPECT_PROCESS, false));
    assert_false(inspect_tells_ready(INSPECT_PROCESS, true));
    assert_true(inspect_tells_ready(INSPECT_TCP, true));
    assert_true(inspect_tells_ready(INSPECT_REGULAR, true));
    assert_true(inspect_is_unwatchable(INSPECT_REGULAR));
    assert_true(inspect_needs_thread(NULL, INSPECT_PLAIN_PIPE));
    assert_false(inspect_needs_thread(NULL, INSPECT_PIPE));
}

static void copies_are_the_same(void **state) {
    os_fd file = ends_file(GENERIC_READ, 0), other = ends_file(GENERIC_READ, 0);
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL), copy = os_dup(file);
    os_fd reduced = restricted(event, SYNCHRONIZE);

    (void)state;
    if (!GetProcAddress(GetModuleHandleW(L"kernelbase.dll"), "CompareObjectHandles")) /* before 10 */
        test_skip("this Windows does not compare handles");
    assert_true(inspect_same(file, copy));
    assert_true(inspect_same(event, reduced));
    assert_false(inspect_same(file, other));
    assert_false(inspect_same(file, event));
    assert_false(inspect_same(file, (os_fd)(intptr_t)0x7ff0));
    os_close(file);
    os_close(other);
    os_close(event);
    os_close(copy);
    os_close(reduced);
}

/* As the broker gets one: opened by Winsock in this process again. */
static void a_socket_that_was_passed_is_the_same(void **state) {
    WSAPROTOCOL_INFOW info;
    os_fd ends[2];

    (void)state;
    ends_tcp(ends);
    assert_int_equal(WSADuplicateSocketW((SOCKET)ends[0], GetCurrentProcessId(), &info), 0);
    os_fd copy = (os_fd)WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info, 0,
                                   WSA_FLAG_OVERLAPPED);
    assert_true(inspect_same(copy, ends[0]));
    assert_false(inspect_same(copy, ends[1]));
    assert_type(copy, INSPECT_TCP);
    os_close(ends[0]);
    os_close(ends[1]);
}

static void assert_open_for(os_fd fd, bool read, bool write) {
    assert_int_equal(stream_is_open_for(fd, false), read);
    assert_int_equal(stream_is_open_for(fd, true), write);
    os_close(fd);
}

static void directions(void **state) {
    os_fd ends[2];

    (void)state;
    ends_plain_pipe(ends);
    assert_open_for(ends[0], true, false);
    assert_open_for(ends[1], false, true);
    ends_pipe(ends, false);
    assert_open_for(ends[0], true, true);
    assert_open_for(ends[1], true, true);
    assert_open_for(ends_file(GENERIC_READ, 0), true, false);
    assert_open_for(ends_file(FILE_APPEND_DATA | SYNCHRONIZE | DELETE, 0), false, true);
    assert_open_for(ends_file(GENERIC_READ | GENERIC_WRITE, 0), true, true);
    ends_tcp(ends);
    assert_open_for(ends[0], true, true);
    os_close(ends[1]);
    assert_open_for(CreateEventW(NULL, TRUE, FALSE, NULL), false, false);
    assert_open_for(CreateSemaphoreW(NULL, 0, 1, NULL), false, false);
    assert_false(stream_is_open_for((os_fd)(intptr_t)0x7ff0, false));
}

static void processes(void **state) {
    STARTUPINFOA how = {.cb = sizeof(how)};
    PROCESS_INFORMATION child;
    char command[] = "cmd /c exit 0";
    uint64_t key = 0, again = 0;
    uint32_t pid = 0;
    os_fd opened;

    (void)state;
    assert_true(CreateProcessA(NULL, command, NULL, NULL, FALSE, CREATE_SUSPENDED, NULL, NULL, &how, &child));
    os_fd process = inspect_open_pid(child.dwProcessId, &key);
    assert_true(process != OS_FD_NONE);
    assert_int_equal(inspect_pidfd(process, &again, &pid), 0);
    assert_int_equal(again, key);
    assert_int_equal(pid, child.dwProcessId);
    assert_true(key != pid); /* which another process may have afterwards */
    assert_int_equal(inspect_peer(OS_FD_NONE, pid, &opened), key);
    assert_true(opened == OS_FD_NONE);
    assert_int_equal(WaitForSingleObject(process, 0), WAIT_TIMEOUT);
    assert_true(ResumeThread(child.hThread) != (DWORD)-1);
    assert_int_equal(WaitForSingleObject(process, 60000), WAIT_OBJECT_0);
    assert_true(inspect_open_pid(child.dwProcessId, &key) == OS_FD_NONE);
    assert_int_equal(errno, ESRCH);
    os_close(process);
    os_close(child.hProcess);
    os_close(child.hThread);
}

static void what_is_no_process(void **state) {
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL);
    uint64_t key;
    uint32_t pid;

    (void)state;
    assert_int_equal(inspect_pidfd(event, &key, &pid), -EINVAL);
    os_close(event);
    assert_true(inspect_open_pid(0, &key) == OS_FD_NONE);
    assert_int_equal(errno, EINVAL);
    assert_true(inspect_open_pid(UINT32_MAX - 3, &key) == OS_FD_NONE);
    assert_int_equal(errno, ESRCH);
    assert_true(inspect_open_pid(GetCurrentProcessId() + 1, &key) == OS_FD_NONE); /* none has it */
    assert_int_equal(errno, ESRCH);
}

static DWORD WINAPI read_plainly(void *fd) {
    char byte;
    DWORD n;

    (void)ReadFile(fd, &byte, 1, &n, NULL);
    return 0;
}

/* While somebody reads it. Windows then lets the question wait. */
static void a_pipe_in_use(void **state) {
    os_fd ends[2];
    DWORD n;

    (void)state;
    ends_plain_pipe(ends);
    HANDLE thread = CreateThread(NULL, 0, read_plainly, ends[0], 0, NULL);
    int64_t begin = os_now_us();
    enum inspect_type type = inspect_type_of(ends[0], USER);
    assert_true(type == INSPECT_PLAIN_PIPE || type == INSPECT_FILE);
    assert_true(inspect_needs_thread(ends[0], type) && inspect_tells_ready(type, false));
    assert_in_range(os_now_us() - begin, 0, 30 * 1000 * 1000);
    assert_true(WriteFile(ends[1], "x", 1, &n, NULL));
    assert_int_equal(WaitForSingleObject(thread, 60000), WAIT_OBJECT_0);
    os_close(thread);
    os_close(ends[0]);
    os_close(ends[1]);
}

/* Then threads wait, as many as one user may have, and others are served. The end of the pipe tells when all have closed their copies. */
static void one_users_files_in_use_are_no_others(void **state) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    os_fd ends[2];
    char byte;
    DWORD n;

    (void)state;
    ends_plain_pipe(ends);
    atomic_store(&in_use, event);
    for (int i = 0; i < ASKER_THREADS_OF_USER; i++)
        assert_int_equal(inspect_type_of(ends[1], BUSY), INSPECT_FILE);
    while (atomic_load(&asking) < ASKER_THREADS_OF_USER)
        Sleep(1);
    atomic_store(&in_use, NULL);
    assert_int_equal(inspect_type_of(ends[1], BUSY), INSPECT_FILE); /* nobody asks */
    assert_int_equal(inspect_type_of(ends[1], OTHER), INSPECT_PLAIN_PIPE);
    assert_int_equal(atomic_load(&asking), ASKER_THREADS_OF_USER);
    assert_true(SetEvent(event));
    os_close(ends[1]);
    assert_false(ReadFile(ends[0], &byte, 1, &n, NULL));
    assert_int_equal(GetLastError(), ERROR_BROKEN_PIPE);
    while (inspect_type_of(ends[0], BUSY) == INSPECT_FILE) /* until one has left */
        Sleep(1);
    assert_int_equal(inspect_type_of(ends[0], BUSY), INSPECT_PLAIN_PIPE);
    os_close(event);
    os_close(ends[0]);
}

/* A client's end of the broker's pipe, however it was opened; other pipes of the process are none. */
static void a_connection_to_this_broker(void **state) {
    char address[64], path[64];
    struct transport_file file;
    os_fd listener, opened, ends[2];

    (void)state;
    (void)snprintf(address, sizeof(address), "npipe:Portd-test-%lu", GetCurrentProcessId());
    (void)snprintf(path, sizeof(path), "\\\\.\\pipe\\portd-test-%lu", GetCurrentProcessId());
    assert_int_equal(transport_listen(address, 0600, &listener, &file), 0);
    inspect_init(listener);
    for (int plain = 0; plain < 2; plain++) {
        os_fd end = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                                plain ? 0 : FILE_FLAG_OVERLAPPED, NULL);
        assert_true(end != INVALID_HANDLE_VALUE);
        assert_true(inspect_is_own(end, USER, &opened));
        assert_true(opened == OS_FD_NONE);
        assert_type(end, INSPECT_CONNECTION);
    }
    ends_pipe(ends, true);
    assert_false(inspect_is_own(ends[0], USER, &opened));
    assert_false(inspect_is_own(ends[1], USER, &opened));
    assert_true(inspect_is_refused(INSPECT_CONNECTION));
    os_close(ends[0]);
    os_close(ends[1]);
    transport_unlink(address, &file);
    os_close(listener);
    inspect_init(OS_FD_NONE);
}

/* What the client's end is for this broker: not known in time, since the client reads there. */
static void connect_in_use(const char *name, DWORD access, HANDLE event, os_fd *end) {
    *end = CreateFileA(name, access, 0, NULL, OPEN_EXISTING, 0, NULL);
    assert_true(*end != INVALID_HANDLE_VALUE);
    atomic_store(&in_use, event);
    assert_int_equal(inspect_type_of(*end, BUSY), INSPECT_FILE);
    atomic_store(&in_use, NULL);
}

/* A connection that was kept by its own client is ended once it is known to be one; a pipe of somebody else is left alone. */
static void a_connection_that_is_told_too_late(void **state) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct line_place place;
    os_fd listener = line_listen(&place), end, fds[FRAME_FDS_ROOM], ends[2];
    char name[80], bytes[16];
    size_t n_fds;
    bool truncated;
    ptrdiff_t n;

    (void)state;
    inspect_init(listener);
    (void)snprintf(name, sizeof(name), "\\\\.\\pipe\\%s", strchr(place.address, ':') + 1);
    connect_in_use(name, GENERIC_READ | GENERIC_WRITE, event, &end);
    struct transport server = line_accept(listener);
    ends_plain_pipe(ends);
    atomic_store(&in_use, event);
    assert_int_equal(inspect_type_of(ends[1], BUSY), INSPECT_FILE);
    atomic_store(&in_use, NULL);
    assert_int_equal(receive_from(server, bytes, sizeof(bytes), fds, &n_fds, &truncated), -EAGAIN);
    assert_true(SetEvent(event));
    do {
        line_await(transport_pollable(server));
        n = receive_from(server, bytes, sizeof(bytes), fds, &n_fds, &truncated);
    } while (n == -EAGAIN);
    assert_int_equal(n, -EPROTO);
    os_close(ends[1]);
    assert_false(ReadFile(ends[0], bytes, 1, &(DWORD){0}, NULL)); /* nothing was written there */
    assert_int_equal(GetLastError(), ERROR_BROKEN_PIPE);
    os_close(ends[0]);
    os_close(end);
    transport_close(server);
    line_unlisten(&place, listener);
    os_close(event);
    inspect_init(OS_FD_NONE);
}

int main(void) {
    struct CMUnitTest cases[] = {TEST_CASE(sockets),
                                 TEST_CASE(sockets_of_version_6),
                                 TEST_CASE(pipes),
                                 TEST_CASE(files),
                                 TEST_CASE(others),
                                 TEST_CASE(an_event_that_may_not_be_asked),
                                 TEST_CASE(what_is_told_of_readiness),
                                 TEST_CASE(copies_are_the_same),
                                 TEST_CASE(a_socket_that_was_passed_is_the_same),
                                 TEST_CASE(directions),
                                 TEST_CASE(processes),
                                 TEST_CASE(what_is_no_process),
                                 TEST_CASE(a_pipe_in_use),
                                 TEST_CASE(one_users_files_in_use_are_no_others),
                                 TEST_CASE(a_connection_to_this_broker),
                                 TEST_CASE(a_connection_that_is_told_too_late)};

    inspect_init(OS_FD_NONE);
    os_close(ends_socket(AF_INET, SOCK_STREAM)); /* Winsock keeps some handles of its own */
    (void)inspect_type_of(ends_null(0), USER);   /* and so does the thread pool */
    return TEST_RUN(cases);
}
