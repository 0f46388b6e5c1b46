/* fixture_win.c: processes in a job, which ends them with this one, and what handles they have. */
#include "fixture.h"
#include "fixture_native.h"

#include <windows.h>
#include <winternl.h>

enum { BROKERS = 8, COMMAND = 2048, KILLED = 256 + 9 };

int posix_close(int fd);
int posix_skip(const char *reason);
int posix_socketpair(int family, int type, int protocol, int ends[2]);

NTSTATUS NTAPI NtSuspendProcess(HANDLE process);
NTSTATUS NTAPI NtResumeProcess(HANDLE process);

static struct {
    HANDLE job;
    HANDLE notice[2]; /* of the broker that is being started */
    HANDLE brokers[BROKERS];
    unsigned places;
} native;

void fixture_native_pause(int ms) { Sleep((DWORD)ms); }

int fixture_native_close(int fd) { return posix_close(fd); }

void fixture_native_end_children(void) {}

pid_t fixture_fork(int (*body)(void *data), void *data) {
    (void)body, (void)data;
    return posix_skip("Windows has no fork");
}

int fixture_reap(pid_t pid) { return (int)pid; }

void fixture_end(pid_t pid) { (void)pid; }

/* ---- processes ---------------------------------------------------------------------------------------------------- */

static HANDLE process_of(pid_t pid) {
    for (size_t i = 0; i < BROKERS; i++)
        if (native.brokers[i] && GetProcessId(native.brokers[i]) == (DWORD)pid)
            return native.brokers[i];
    fail_msg("process %d is no broker of this case", (int)pid);
    return NULL;
}

void fixture_hold(const struct fixture *fixture) {
    assert_true(NtSuspendProcess(process_of(fixture->pid)) >= 0);
}

void fixture_continue(const struct fixture *fixture) {
    assert_true(NtResumeProcess(process_of(fixture->pid)) >= 0);
}

/* Whether a handle is of a file, a pipe or a socket. */
static bool is_file(HANDLE handle) {
    struct {
        UNICODE_STRING name;
        wchar_t text[512];
    } type;

    return NtQueryObject(handle, ObjectTypeInformation, &type, sizeof(type), NULL) >= 0 &&
           type.name.Length == 8 && memcmp(type.name.Buffer, L"File", 8) == 0;
}

/* Files, pipes and sockets: all else comes and goes with threads. Each is copied for a moment. (The system's list of all handles ends the server of wine
 * when a process that is just starting has none.) Numbers are given from the lowest on, so behind so many that are free there is none. */
size_t fixture_fds(pid_t pid) {
    enum { FREE = 512 };
    HANDLE process = process_of(pid), copy;
    size_t n = 0, n_free = 0;

    for (uintptr_t value = 4; n_free < FREE; value += 4) {
        if (!DuplicateHandle(process, (HANDLE)value, GetCurrentProcess(), &copy, 0, FALSE, 0)) { // NOLINT
            n_free++;
            continue;
        }
        n_free = 0;
        n += is_file(copy);
        (void)CloseHandle(copy);
    }
    return n;
}

/* ---- brokers ------------------------------------------------------------------------------------------------------ */

void fixture_native_place(struct fixture *fixture) {
    (void)snprintf(fixture->address, sizeof(fixture->address), "npipe:portd-fixture-%lu-%u",
                   GetCurrentProcessId(), native.places++);
}

bool fixture_native_leave(struct fixture *fixture) {
    char name[FIXTURE_PATH];

    (void)snprintf(name, sizeof(name), "\\\\.\\pipe\\%s", strchr(fixture->address, ':') + 1);
    return !WaitNamedPipeA(name, 1) && GetLastError() == ERROR_FILE_NOT_FOUND;
}

const char *fixture_native_notice(void) {
    static char number[24];

    assert_true(CreatePipe(&native.notice[0], &native.notice[1], NULL, 0));
    assert_true(SetHandleInformation(native.notice[1], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)(uintptr_t)native.notice[1]);
    return number;
}

static void program(char path[MAX_PATH]) {
    const char *named = getenv("PORTD_DAEMON");

    if (named && *named) {
        (void)snprintf(path, MAX_PATH, "%s", named);
        return;
    }
    assert_true(GetModuleFileNameA(NULL, path, MAX_PATH - 16) > 0);
    (void)snprintf(strrchr(path, '\\') + 1, 16, "portd.exe");
}

static void make_job(void) {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags =
                                                       JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};

    if (native.job)
        return;
    native.job = CreateJobObjectW(NULL, NULL);
    assert_non_null(native.job);
    assert_true(
        SetInformationJobObject(native.job, JobObjectExtendedLimitInformation, &limits, sizeof(limits)));
}

static LPPROC_THREAD_ATTRIBUTE_LIST inherited(HANDLE *handles, size_t n) {
    SIZE_T size = 0;

    (void)InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST list = malloc(size);
    assert_non_null(list);
    assert_true(InitializeProcThreadAttributeList(list, 1, 0, &size));
    assert_true(UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                          n * sizeof(*handles), NULL, NULL));
    return list;
}

static void write_command(char command[COMMAND], const char *path, const char *const *arguments) {
    int n = snprintf(command, COMMAND, "\"%s\"", path);

    for (size_t i = 1; arguments[i]; i++)
        n += snprintf(command + n, (size_t)(COMMAND - n), " \"%s\"", arguments[i]);
    assert_true(n < COMMAND);
}

static void remember(HANDLE process) {
    size_t at = 0;

    while (at < BROKERS && native.brokers[at])
        at++;
    assert_true(at < BROKERS);
    native.brokers[at] = process;
}

void fixture_native_run(struct fixture *fixture, const char *const *arguments) {
    char path[MAX_PATH], command[COMMAND];
    HANDLE handles[] = {native.notice[1], GetStdHandle(STD_ERROR_HANDLE)};
    STARTUPINFOEXA start = {.StartupInfo = {.cb = sizeof(start), .dwFlags = STARTF_USESTDHANDLES}};
    PROCESS_INFORMATION made;

    program(path);
    write_command(command, path, arguments);
    make_job();
    (void)SetHandleInformation(handles[1], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    start.StartupInfo.hStdError = handles[1];
    start.lpAttributeList = inherited(handles, handles[1] ? 2 : 1);
    BOOL started = CreateProcessA(path, command, NULL, NULL, TRUE,
                                  CREATE_NO_WINDOW | CREATE_SUSPENDED | EXTENDED_STARTUPINFO_PRESENT, NULL,
                                  NULL, &start.StartupInfo, &made);
    DWORD error = GetLastError();
    DeleteProcThreadAttributeList(start.lpAttributeList);
    free(start.lpAttributeList);
    (void)CloseHandle(native.notice[1]);
    if (!started)
        fail_msg("%s does not start: %lu", path, error);
    assert_true(AssignProcessToJobObject(native.job, made.hProcess));
    assert_true(ResumeThread(made.hThread) != (DWORD)-1);
    (void)CloseHandle(made.hThread);
    remember(made.hProcess);
    fixture->pid = (pid_t)made.dwProcessId;
}

/* Its exit status, KILLED for one that was killed, -1 if it does not end in time. */
static int reap(pid_t pid) {
    HANDLE process = process_of(pid);
    DWORD status = 0;

    if (WaitForSingleObject(process, FIXTURE_PATIENCE_MS) != WAIT_OBJECT_0)
        return -1;
    assert_true(GetExitCodeProcess(process, &status));
    for (size_t i = 0; i < BROKERS; i++)
        if (native.brokers[i] == process)
            native.brokers[i] = NULL;
    (void)CloseHandle(process);
    return (int)status;
}

/* Or has closed the pipe. */
static bool has_told(void *data) {
    DWORD n = 0;

    (void)data;
    return !PeekNamedPipe(native.notice[0], NULL, 0, NULL, &n, NULL) || n > 0;
}

void fixture_native_await(struct fixture *fixture) {
    char byte = 0;
    DWORD n = 0;
    bool told = fixture_until(has_told, NULL) && ReadFile(native.notice[0], &byte, 1, &n, NULL) && n == 1;

    (void)CloseHandle(native.notice[0]);
    if (!told || byte != '\n')
        fail_msg("portd does not get ready: %d", reap(fixture->pid));
}

/* Also that the console is closed, when its broker has ended: who does not ignore that is ended, with 0. */
static BOOL WINAPI ignore(DWORD event) { return (void)event, TRUE; }

/* Each broker has a console of its own, without a window. Only who is in a console can send its events, and gets them, too. */
static void press_ctrl_c(DWORD pid) {
    (void)SetConsoleCtrlHandler(ignore, TRUE);
    (void)FreeConsole();
    if (AttachConsole(pid))
        (void)GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
    (void)FreeConsole();
}

/* Its connection to the driver of sockets. */
void fixture_native_use(portd_client *client) {
    int ends[2];
    portd_ready ready;
    portd_id id = 0;

    assert_int_equal(posix_socketpair(0, 1 /* SOCK_STREAM */, 0, ends), 0);
    assert_int_equal(portd_socket_to_semaphore(client, ends[0], PORTD_MODE_READ, fixture_soon(), &id), 1);
    assert_int_equal(portd_wait(client, &id, 1, 0, 0, &ready), 0);
    assert_int_equal(portd_remove(client, id, fixture_soon()), 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(posix_close(ends[i]), 0);
}

int fixture_native_stop(struct fixture *fixture) {
    press_ctrl_c((DWORD)fixture->pid);
    int status = reap(fixture->pid);
    if (status < 0)
        fixture_native_kill(fixture);
    return status;
}

void fixture_native_kill(struct fixture *fixture) {
    (void)TerminateProcess(process_of(fixture->pid), KILLED);
    (void)reap(fixture->pid);
}
