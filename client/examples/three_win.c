/* three_win.c: one wait for a TCP listener, a named pipe and a process at once, through the broker.
 *
 *     three        prints what the wait answered each time, until all three were ready */
#include <winsock2.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include <portd.h>

enum { N = 3 };

static struct sockaddr_in address;
static HANDLE writer, thread;

static void expect(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "three: %s: error %lu\n", what, GetLastError());
    exit(1);
}

static portd_native open_listener(void) {
    WSADATA data;
    int size = sizeof address;

    expect(WSAStartup(MAKEWORD(2, 2), &data) == 0, "WSAStartup");
    SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    expect(listener != INVALID_SOCKET && !bind(listener, (struct sockaddr *)&address, size) &&
               !listen(listener, 16) && !getsockname(listener, (struct sockaddr *)&address, &size),
           "listener");
    return (portd_native)listener;
}

static portd_native open_pipe(void) {
    char name[64];

    snprintf(name, sizeof name, "\\\\.\\pipe\\three-%lu", GetCurrentProcessId());
    HANDLE pipe = CreateNamedPipeA(name, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1, 4096,
                                   4096, 0, NULL);
    writer = CreateFileA(name, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    expect(pipe != INVALID_HANDLE_VALUE && writer != INVALID_HANDLE_VALUE, "pipe");
    return (portd_native)pipe;
}

static portd_native open_process(void) {
    char command[] = "cmd.exe /c exit 0";
    STARTUPINFOA how = {.cb = sizeof how};
    PROCESS_INFORMATION made;

    expect(CreateProcessA(NULL, command, NULL, NULL, FALSE, CREATE_SUSPENDED | CREATE_NO_WINDOW, NULL, NULL,
                          &how, &made),
           "process");
    thread = made.hThread;
    return (portd_native)made.hProcess;
}

static void let_happen(int i) {
    DWORD n;

    if (i == 0)
        expect(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address) == 0,
               "connect");
    else if (i == 1)
        expect(WriteFile(writer, "x", 1, &n, NULL), "write");
    else
        expect(ResumeThread(thread) != (DWORD)-1, "resume");
}

int main(void) {
    static const char *const what[N] = {"somebody connects", "somebody writes", "the process ends"};
    portd_client *client = NULL;
    portd_options options = PORTD_OPTIONS_INIT;
    char message[256] = "";
    portd_id ids[N];
    int64_t limit = portd_now() + 30000000;

    options.message = message;
    options.message_size = sizeof message;
    if (portd_connect(NULL, &options, limit, &client) != 1) {
        fprintf(stderr, "three: %s\n", message);
        return 1;
    }
    portd_native numbers[N] = {open_listener(), open_pipe(), open_process()};
    for (int i = 0; i < N; i++) {
        int code = portd_fd_to_evt(client, numbers[i], PORTD_MODE_READ, i == 0 ? PORTD_SOCKET : PORTD_FD,
                                   limit, &ids[i]);
        portd_list *list = NULL;
        if (code != 1 || portd_show(client, &ids[i], 1, limit, &list) != 1) {
            fprintf(stderr, "three: no event: %s\n", portd_last_error(client));
            return 1;
        }
        portd_id descriptor = portd_list_item(list, 0)->descriptor;
        portd_list_free(list);
        if (portd_show(client, &descriptor, 1, limit, &list) == 1)
            printf("   event %llu: %s\n", (unsigned long long)ids[i], portd_list_item(list, 0)->type);
        portd_list_free(list);
    }
    portd_ready ready[N];
    expect(portd_wait(client, ids, N, 0, 0, ready) == 0, "something is ready too early");
    for (int i = 0; i < N; i++) {
        let_happen(i);
        int code = portd_wait(client, ids + i, (size_t)(N - i), 0, limit, ready);
        if (code != 1 || ready[0].id != ids[i]) {
            fprintf(stderr, "three: the wait answers %d: %s\n", code, portd_last_error(client));
            return 1;
        }
        printf("   %s: event %llu is %s\n", what[i], (unsigned long long)ready[0].id,
               portd_cause_name(ready[0].cause));
    }
    portd_disconnect(client);
    return 0;
}
