/* with_handle_win.c: opens what a shell cannot, runs a command that inherits it, and lets something happen on it.
 *
 *     with_handle tcp-listener COMMAND...   a TCP listener on 127.0.0.1; somebody connects
 *     with_handle pipe COMMAND...           the end of a named pipe that reads; somebody writes
 *     with_handle process COMMAND...        a process, which ends
 *
 * {} in the command is the number of the handle or socket, which the command inherits under the same number. It is meant for portctl. What happens
 * does so half a second after the command has begun. The exit code is the command's, or 125. */
#include <winsock2.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

enum { FAILED = 125, PAUSE_MS = 500, COMMAND_MAX = 4096 };

struct kind {
    const char *name;
    HANDLE (*open)(void);
    bool (*happen)(void);
};

static struct sockaddr_in address;
static HANDLE other; /* the other end, or the process's thread */

static HANDLE open_listener(void) {
    WSADATA data;
    int size = sizeof address;

    if (WSAStartup(MAKEWORD(2, 2), &data))
        return NULL;
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener == INVALID_SOCKET || bind(listener, (struct sockaddr *)&address, size) ||
        listen(listener, 16) || getsockname(listener, (struct sockaddr *)&address, &size))
        return NULL;
    return (HANDLE)listener;
}

static bool connect_to_it(void) {
    SOCKET client = socket(AF_INET, SOCK_STREAM, 0);

    return client != INVALID_SOCKET && connect(client, (struct sockaddr *)&address, sizeof address) == 0;
}

static HANDLE open_pipe(void) {
    char name[64];

    snprintf(name, sizeof name, "\\\\.\\pipe\\with-handle-%lu", GetCurrentProcessId());
    HANDLE pipe =
        CreateNamedPipeA(name, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                         PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, 1, 4096, 4096, 0, NULL);
    if (pipe == INVALID_HANDLE_VALUE)
        return NULL;
    other = CreateFileA(name, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    return other == INVALID_HANDLE_VALUE ? NULL : pipe;
}

static bool write_to_it(void) {
    DWORD n;

    return WriteFile(other, "hello\n", 6, &n, NULL) && n == 6;
}

/* A process that has not begun; it ends when it does. */
static HANDLE open_process(void) {
    char command[] = "cmd.exe /c exit 0";
    STARTUPINFOA how = {.cb = sizeof how};
    PROCESS_INFORMATION made;

    if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, CREATE_SUSPENDED | CREATE_NO_WINDOW, NULL, NULL,
                        &how, &made))
        return NULL;
    other = made.hThread;
    return made.hProcess;
}

static bool let_it_end(void) { return ResumeThread(other) != (DWORD)-1; }

static const struct kind kinds[] = {{"tcp-listener", open_listener, connect_to_it},
                                    {"pipe", open_pipe, write_to_it},
                                    {"process", open_process, let_it_end}};

/* The arguments with the number in the place of {}. None of them may have quotation marks. */
static bool write_command(char *command, char **arguments, HANDLE handle) {
    size_t n = 0;

    for (; *arguments; arguments++) {
        const char *at = strstr(*arguments, "{}"), *rest = at ? at + 2 : "";
        int before = at ? (int)(at - *arguments) : (int)strlen(*arguments);
        char number[24] = "";
        if (at)
            snprintf(number, sizeof number, "%llu", (unsigned long long)(uintptr_t)handle);
        int written = snprintf(command + n, COMMAND_MAX - n, "%s\"%.*s%s%s\"", n > 0 ? " " : "", before,
                               *arguments, number, rest);
        if (written < 0 || (size_t)written >= COMMAND_MAX - n)
            return false;
        n += (size_t)written;
    }
    return true;
}

int main(int argc, char **argv) {
    const struct kind *kind = NULL;
    char command[COMMAND_MAX];
    STARTUPINFOA how = {.cb = sizeof how};
    PROCESS_INFORMATION made;
    DWORD code = FAILED;

    for (size_t i = 0; argc > 2 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(argv[1], kinds[i].name) == 0)
            kind = &kinds[i];
    if (!kind) {
        fputs("usage: with_handle tcp-listener|pipe|process COMMAND...\n", stderr);
        return FAILED;
    }
    HANDLE handle = kind->open();
    if (!handle || !SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) ||
        !write_command(command, argv + 2, handle) ||
        !CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &how, &made)) {
        fprintf(stderr, "with_handle: error %lu\n", GetLastError());
        return FAILED;
    }
    Sleep(PAUSE_MS);
    if (!kind->happen())
        fprintf(stderr, "with_handle: nothing happens: error %lu\n", GetLastError());
    WaitForSingleObject(made.hProcess, INFINITE);
    GetExitCodeProcess(made.hProcess, &code);
    return (int)code;
}
