/* holder_win.c: a program with handles, which runs portctl and passes them on, as a script on Windows does. For windows.bats.
 *
 *     holder_win PORTCTL
 *
 * Each line of standard input is a command, answered by one line: values of handles, "ok", or what went wrong after "failed ".
 *
 *     pipe            an anonymous pipe: READ WRITE
 *     named           an overlapped pipe of bytes: SERVER CLIENT
 *     tcp             two sockets that are connected
 *     listener        a socket that listens
 *     event, auto     an event, idle: manual-reset, or auto-reset
 *     process         a process, which runs until it is ended
 *     file PATH       a file, for reading and writing
 *     set H, end H    an event; a process
 *     close H, closesocket H
 *     write H TEXT    \r, \n and \s (a space) stand for themselves
 *     read H          what is there, written in the same way
 *     run ARG...      runs portctl: each line that it prints, after ">", or after "!" from standard error, then "=" and its exit code
 *     runin H ARG...  the same, with the handle as standard input
 *     runcmd ARG...   the same, by the command processor
 *     begin ARG...    runs portctl in a console of its own
 *     press c|break   presses Ctrl-C or Ctrl-Break there
 *     finish          waits for it, and answers as run does
 */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winsock2.h>
#include <ws2tcpip.h>

enum { LINE_MAX_BYTES = 8192, OUTPUT_ROOM = 65536, LONG_MS = 600 * 1000, LIMIT_MS = 60 * 1000 };

static const char *portctl;
static HANDLE job;       /* what it starts ends with it */
static HANDLE own_input; /* a console that is joined becomes standard input */
static SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};

static unsigned long long value_of(HANDLE handle) { return (unsigned long long)(uintptr_t)handle; }

static void answer_pair(HANDLE one, HANDLE other) { printf("%llu %llu\n", value_of(one), value_of(other)); }

static void answer(BOOL done) {
    if (done)
        printf("ok\n");
    else
        printf("failed %lu\n", GetLastError());
}

static void answer_one(HANDLE handle) {
    if (handle == NULL || handle == INVALID_HANDLE_VALUE)
        answer(FALSE);
    else
        printf("%llu\n", value_of(handle));
}

/* ---- making things --------------------------------------------------------------------------------------- */

static void make_pipe(void) {
    HANDLE from, to;

    if (CreatePipe(&from, &to, &inherited, OUTPUT_ROOM))
        answer_pair(from, to);
    else
        answer(FALSE);
}

static void make_named(void) {
    static unsigned count;
    char name[64];
    HANDLE server, client;

    snprintf(name, sizeof(name), "\\\\.\\pipe\\portd-holder-%lu-%u", GetCurrentProcessId(), count++);
    server = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1, 4096, 4096,
                              0, &inherited);
    client = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, &inherited, OPEN_EXISTING,
                         FILE_FLAG_OVERLAPPED, NULL);
    if (server == INVALID_HANDLE_VALUE || client == INVALID_HANDLE_VALUE)
        answer(FALSE);
    else
        answer_pair(server, client);
}

static void make_tcp(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int size = sizeof(address);
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0), one = socket(AF_INET, SOCK_STREAM, 0), other;

    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
        connect(one, (struct sockaddr *)&address, size) != 0) {
        printf("failed %d\n", WSAGetLastError());
        return;
    }
    other = accept(listener, NULL, NULL);
    closesocket(listener);
    answer_pair((HANDLE)one, (HANDLE)other);
}

static void make_listener(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 1) != 0)
        printf("failed %d\n", WSAGetLastError());
    else
        answer_one((HANDLE)listener);
}

/* The command line of the child is this program's with a word that makes it sleep. */
static void make_process(void) {
    char own[MAX_PATH], line[MAX_PATH + 16];
    STARTUPINFOA how = {.cb = sizeof(how)};
    PROCESS_INFORMATION process;

    if (GetModuleFileNameA(NULL, own, sizeof(own)) == 0) {
        answer(FALSE);
        return;
    }
    snprintf(line, sizeof(line), "\"%s\" --sleep", own);
    if (!CreateProcessA(own, line, NULL, NULL, FALSE, 0, NULL, NULL, &how, &process)) {
        answer(FALSE);
        return;
    }
    CloseHandle(process.hThread);
    if (AssignProcessToJobObject(job, process.hProcess) &&
        SetHandleInformation(process.hProcess, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT))
        answer_one(process.hProcess);
    else
        answer(FALSE);
}

static void make_file(const char *path) {
    answer_one(CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                           OPEN_ALWAYS, 0, NULL));
}

/* ---- bytes ----------------------------------------------------------------------------------------------- */

static size_t plain(const char *text, char *bytes) {
    size_t n = 0;

    for (; *text != '\0'; text++)
        if (text[0] == '\\' && text[1] != '\0') {
            text++;
            bytes[n++] = *text == 'r' ? '\r' : *text == 'n' ? '\n' : *text == 's' ? ' ' : *text;
        } else {
            bytes[n++] = *text;
        }
    return n;
}

/* Of handles that are open for overlapped I/O, too. */
static BOOL move(HANDLE handle, void *bytes, DWORD size, BOOL writes, DWORD *n) {
    OVERLAPPED work = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    BOOL done;

    if (work.hEvent == NULL)
        return FALSE;
    done = writes ? WriteFile(handle, bytes, size, NULL, &work) : ReadFile(handle, bytes, size, NULL, &work);
    if (done || GetLastError() == ERROR_IO_PENDING)
        done = GetOverlappedResult(handle, &work, n, TRUE);
    CloseHandle(work.hEvent);
    return done;
}

static void write_text(HANDLE handle, const char *text) {
    char bytes[LINE_MAX_BYTES];
    DWORD n;

    answer(move(handle, bytes, (DWORD)plain(text, bytes), TRUE, &n));
}

static void read_text(HANDLE handle) {
    char bytes[LINE_MAX_BYTES];
    DWORD n;

    if (!move(handle, bytes, sizeof(bytes), FALSE, &n)) {
        answer(FALSE);
        return;
    }
    for (DWORD i = 0; i < n; i++)
        if (bytes[i] == '\r' || bytes[i] == '\n' || bytes[i] == ' ')
            printf("\\%c", bytes[i] == '\r' ? 'r' : bytes[i] == '\n' ? 'n' : 's');
        else
            putchar(bytes[i]);
    printf("\n");
}

/* ---- running portctl ------------------------------------------------------------------------------------- */

/* The portctl that runs. */
static struct {
    PROCESS_INFORMATION process;
    HANDLE output, error;
} running;

/* Prints what is there, line by line after the sign. Not to the end: a console's host may have inherited the pipe. */
static void pass_lines(HANDLE from, char sign) {
    BOOL begins = TRUE;
    char byte;
    DWORD n, there;

    while (PeekNamedPipe(from, NULL, 0, NULL, &there, NULL) && there > 0 &&
           ReadFile(from, &byte, 1, &n, NULL) && n == 1) {
        if (begins)
            putchar(sign);
        putchar(byte);
        begins = byte == '\n';
    }
    if (!begins)
        putchar('\n');
}

static BOOL begin(HANDLE input, const char *before, const char *arguments, DWORD how_made) {
    STARTUPINFOA how = {.cb = sizeof(how), .dwFlags = STARTF_USESTDHANDLES};
    char line[LINE_MAX_BYTES + MAX_PATH];
    BOOL done;

    snprintf(line, sizeof(line), "%s\"%s\" %s", before, portctl, arguments);
    how.hStdInput = input;
    if (!CreatePipe(&running.output, &how.hStdOutput, &inherited, OUTPUT_ROOM) ||
        !CreatePipe(&running.error, &how.hStdError, &inherited, OUTPUT_ROOM))
        return FALSE;
    done = SetHandleInformation(running.output, HANDLE_FLAG_INHERIT, 0) &&
           SetHandleInformation(running.error, HANDLE_FLAG_INHERIT, 0) &&
           CreateProcessA(NULL, line, NULL, NULL, TRUE, how_made, NULL, NULL, &how, &running.process) &&
           AssignProcessToJobObject(job, running.process.hProcess);
    CloseHandle(how.hStdOutput);
    CloseHandle(how.hStdError);
    return done;
}

/* False, and nothing is printed: it was not over in time, and has been ended. */
static BOOL finish(void) {
    BOOL over = WaitForSingleObject(running.process.hProcess, LIMIT_MS) == WAIT_OBJECT_0;
    DWORD code = 0;

    if (over) {
        GetExitCodeProcess(running.process.hProcess, &code);
        pass_lines(running.output, '>');
        pass_lines(running.error, '!');
        printf("=%lu\n", code);
    } else {
        TerminateProcess(running.process.hProcess, 1);
    }
    CloseHandle(running.output);
    CloseHandle(running.error);
    CloseHandle(running.process.hThread);
    CloseHandle(running.process.hProcess);
    return over;
}

/* In wine a program sometimes never begins: it is started once more. */
static void run(HANDLE input, const char *before, const char *arguments) {
    for (int i = 0; i < 2; i++) {
        if (!begin(input, before, arguments, 0)) {
            answer(FALSE);
            return;
        }
        if (finish())
            return;
    }
    printf("failed: portctl is not over in time\n");
}

static BOOL make_job(void) {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags =
                                                       JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};

    job = CreateJobObjectW(NULL, NULL);
    return job != NULL &&
           SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof(limits));
}

static BOOL WINAPI ignore(DWORD event) {
    (void)event;
    return TRUE;
}

/* Who sends an event to a console is in it, and gets the event, too. */
static void press(DWORD event) {
    BOOL sent;

    SetConsoleCtrlHandler(ignore, TRUE);
    FreeConsole();
    sent = AttachConsole(running.process.dwProcessId) && GenerateConsoleCtrlEvent(event, 0);
    answer(sent);
    FreeConsole();
}

/* ---- commands -------------------------------------------------------------------------------------------- */

static HANDLE handle_of(const char *text) { return (HANDLE)(uintptr_t)strtoull(text, NULL, 10); }

/* A command with a handle, and what comes behind it. */
static BOOL obey_with_handle(const char *word, const char *text) {
    const char *rest = strchr(text, ' ');
    HANDLE handle = handle_of(text);

    rest = rest != NULL ? rest + 1 : "";
    if (strcmp(word, "set") == 0)
        answer(SetEvent(handle));
    else if (strcmp(word, "end") == 0)
        answer(TerminateProcess(handle, 0));
    else if (strcmp(word, "close") == 0)
        answer(CloseHandle(handle));
    else if (strcmp(word, "closesocket") == 0)
        answer(closesocket((SOCKET)handle) == 0);
    else if (strcmp(word, "write") == 0)
        write_text(handle, rest);
    else if (strcmp(word, "read") == 0)
        read_text(handle);
    else if (strcmp(word, "runin") == 0)
        run(handle, "", rest);
    else
        return FALSE;
    return TRUE;
}

static void obey(char *line) {
    char *rest = strchr(line, ' ');

    if (rest != NULL)
        *rest++ = '\0';
    else
        rest = line + strlen(line);
    if (strcmp(line, "pipe") == 0)
        make_pipe();
    else if (strcmp(line, "named") == 0)
        make_named();
    else if (strcmp(line, "tcp") == 0)
        make_tcp();
    else if (strcmp(line, "listener") == 0)
        make_listener();
    else if (strcmp(line, "event") == 0 || strcmp(line, "auto") == 0)
        answer_one(CreateEventW(&inherited, line[0] == 'e', FALSE, NULL));
    else if (strcmp(line, "process") == 0)
        make_process();
    else if (strcmp(line, "file") == 0)
        make_file(rest);
    else if (strcmp(line, "begin") == 0)
        answer(begin(own_input, "", rest, CREATE_NO_WINDOW));
    else if (strcmp(line, "press") == 0)
        press(strcmp(rest, "c") == 0 ? CTRL_C_EVENT : CTRL_BREAK_EVENT);
    else if (strcmp(line, "finish") == 0) {
        if (!finish())
            printf("failed: portctl is not over in time\n");
    } else if (strcmp(line, "run") == 0)
        run(own_input, "", rest);
    else if (strcmp(line, "runcmd") == 0)
        run(own_input, "cmd /c ", rest);
    else if (!obey_with_handle(line, rest))
        printf("failed: no such command\n");
}

int main(int argc, char **argv) {
    char line[LINE_MAX_BYTES];
    WSADATA sockets;

    if (argc == 2 && strcmp(argv[1], "--sleep") == 0) {
        Sleep(LONG_MS);
        return 0;
    }
    if (argc != 2 || !make_job() || WSAStartup(MAKEWORD(2, 2), &sockets) != 0)
        return 2;
    if (_setmode(0, _O_BINARY) < 0 || _setmode(1, _O_BINARY) < 0)
        return 2;
    portctl = argv[1];
    own_input = GetStdHandle(STD_INPUT_HANDLE);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        obey(line);
        fflush(stdout);
    }
    return 0;
}
