/* wait_win.c: a program of Windows with a loop of its own, in which it waits for the broker as for any other handle.
 *
 *     wait_win COMMAND...    runs a command, and waits for its end by an event of the broker
 *
 * Any other process of the user can wait for it, too: the id is printed first (portctl wait ID). */
#include <portd.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

enum { LINE_ROOM = 4096 };

static int fail(const char *what, const char *why) {
    fprintf(stderr, "wait_win: %s: %s\n", what, why);
    return 1;
}

/* Runs the words as a command line. NULL: it cannot. */
static HANDLE run(char **words) {
    char line[LINE_ROOM] = "";
    STARTUPINFOA how = {.cb = sizeof how};
    PROCESS_INFORMATION process;

    for (; *words; words++) {
        if (strlen(line) + strlen(*words) + 4 > sizeof line)
            return NULL;
        sprintf(line + strlen(line), "%s\"%s\"", line[0] ? " " : "", *words);
    }
    if (!CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &how, &process))
        return NULL;
    CloseHandle(process.hThread);
    return process.hProcess;
}

static void ended(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    *(int *)data = result->code > 0 ? result->ready[0].cause : result->code;
}

/* Sleeps until the library has work, or its time has come. A program adds its own handles here. */
static void sleep_once(portd_client *client) {
    HANDLE handles[] = {(HANDLE)portd_get_fd(client)};
    int64_t due = portd_get_timeout(client), left = due == PORTD_FOREVER ? -1 : due - portd_now();
    DWORD limit = due == PORTD_FOREVER ? INFINITE : left <= 0 ? 0 : (DWORD)(left / 1000 + 1);

    WaitForMultipleObjects(1, handles, FALSE, limit);
}

static int wait_for(portd_client *client, HANDLE process) {
    portd_id evt;
    int cause = PORTD_CAUSE_NONE, r;

    r = portd_fd_to_evt(client, (portd_native)process, PORTD_MODE_READ, PORTD_FD, PORTD_FOREVER, &evt);
    if (r <= 0)
        return fail("no event for a process", portd_last_error(client));
    printf("%llu\n", (unsigned long long)evt);
    fflush(stdout);
    r = portd_wait_start(client, &evt, 1, 0, PORTD_FOREVER, ended, &cause, NULL);
    while (r > 0 && cause == PORTD_CAUSE_NONE) {
        int more = portd_process(client);

        if (more < 0)
            return fail("the broker has gone", portd_last_error(client));
        if (more == 0)
            sleep_once(client);
    }
    if (r <= 0 || cause < 0)
        return fail("cannot wait", portd_last_error(client));
    printf("%s\n", portd_cause_name(cause));
    return 0;
}

int main(int argc, char **argv) {
    char message[256] = "";
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client;
    HANDLE process;
    int r;

    options.message = message;
    options.message_size = sizeof message;
    if (argc < 2)
        return fail("usage", "wait_win COMMAND...");
    if (portd_connect(NULL, &options, PORTD_FOREVER, &client) <= 0)
        return fail("no broker", message);
    process = run(argv + 1);
    r = process ? wait_for(client, process) : fail("cannot run", argv[1]);
    portd_disconnect(client);
    if (process)
        CloseHandle(process);
    return r;
}
