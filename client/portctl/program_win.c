/* program_win.c: running a program on Windows, which cannot take the place of another: portctl waits for it and ends with its exit code.
 *
 * The program ends with portctl: it is in a job that portctl holds; what it starts is not. Ctrl-C is for the program alone.
 *
 * A program gets handles, with whatever values, and only the standard streams have numbers that it knows. Besides these it inherits what portctl has
 * inherited; what portctl has opened is not inherited. */
#include "program.h"

#include "failure.h"
#include "native.h"
#include "text.h"
#include "transfer_win.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int errno_of(DWORD error) { return error == ERROR_NOT_ENOUGH_MEMORY ? ENOMEM : EINVAL; }

int program_set(const char *name, const char *value) {
    BOOL done = SetEnvironmentVariableA(name, value);

    return done || (value == NULL && GetLastError() == ERROR_ENVVAR_NOT_FOUND) ? 0 : errno_of(GetLastError());
}

/* Not called: program_refusal has refused the numbers. */
int program_announce(size_t n, const char *names) {
    (void)n;
    (void)names;
    return ENOSYS;
}

const char *program_refusal(portd_native number) {
    return number <= 2 ? NULL : "on Windows a program knows no numbers but those of its standard streams";
}

/* Only starting it tells. */
int program_check(const struct output *output, const char *program) {
    (void)output;
    (void)program;
    return 0;
}

/* ---- the command line ------------------------------------------------------------------------------------ */

struct line {
    char *text;
    size_t length, room;
};

static void put(struct line *line, char byte, size_t times) {
    if (line->length + times >= line->room) {
        char *longer = text_room(2 * (line->length + times) + 64, 1);

        if (line->text != NULL)
            memcpy(longer, line->text, line->length);
        free(line->text);
        line->text = longer;
        line->room = 2 * (line->length + times) + 64;
    }
    memset(line->text + line->length, byte, times);
    line->length += times;
    line->text[line->length] = '\0';
}

/* As the C runtime reads it: backslashes are doubled before a quote, and only there. */
static void put_word(struct line *line, const char *word) {
    bool plain = word[0] != '\0' && strpbrk(word, " \t\n\v\"") == NULL;
    size_t slashes = 0;

    if (line->length > 0)
        put(line, ' ', 1);
    if (!plain)
        put(line, '"', 1);
    for (; *word != '\0'; word++) {
        if (*word == '"')
            put(line, '\\', slashes + 1);
        put(line, *word, 1);
        slashes = *word == '\\' ? slashes + 1 : 0;
    }
    if (!plain) {
        put(line, '\\', slashes);
        put(line, '"', 1);
    }
}

/* Windows ignores dots and spaces at the end of a name. */
static size_t length_of_name(const char *program) {
    size_t length = strlen(program);

    while (length > 0 && (program[length - 1] == '.' || program[length - 1] == ' '))
        length--;
    return length;
}

/* The command processor, which would run it, reads words in another way: they could become commands. */
static bool is_batch(const char *program) {
    enum { ENDING = 4 };
    size_t length = length_of_name(program);

    return length >= ENDING && (_strnicmp(program + length - ENDING, ".bat", ENDING) == 0 ||
                                _strnicmp(program + length - ENDING, ".cmd", ENDING) == 0);
}

/* ---- running it ------------------------------------------------------------------------------------------ */

static BOOL WINAPI leave_to_program(DWORD type) { return type == CTRL_C_EVENT || type == CTRL_BREAK_EVENT; }

/* NULL: there is none. */
static HANDLE make_job(void) {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags =
                                                       JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE |
                                                       JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK};
    HANDLE job = CreateJobObjectW(NULL, NULL);

    if (job == NULL ||
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof(limits)))
        return job;
    (void)CloseHandle(job);
    return NULL;
}

static bool start(char *const *words, STARTUPINFOW *how, PROCESS_INFORMATION *process) {
    struct line line = {NULL, 0, 0};
    wchar_t *wide;
    BOOL done;
    DWORD error;

    for (size_t i = 0; words[i] != NULL; i++)
        put_word(&line, words[i]);
    wide = text_room(line.length + 1, sizeof(*wide)); /* a byte is no more than one unit */
    done = MultiByteToWideChar(CP_UTF8, 0, line.text, -1, wide, (int)line.length + 1) > 0 &&
           CreateProcessW(NULL, wide, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, how, process);
    error = GetLastError();
    free(wide);
    free(line.text);
    SetLastError(error);
    return done != 0;
}

/* Puts it into a job that ends what is in it with portctl. NULL: there is none (portctl may be in another, in which none can be made), and the program goes
 * on if portctl is ended. */
static HANDLE put_into_job(const PROCESS_INFORMATION *process) {
    HANDLE job = make_job();

    if (job == NULL || AssignProcessToJobObject(job, process->hProcess))
        return job;
    (void)CloseHandle(job);
    return NULL;
}

/* False: it could not be let run, and has ended. */
static bool let_run(const PROCESS_INFORMATION *process) {
    DWORD error;

    if (ResumeThread(process->hThread) != (DWORD)-1)
        return true;
    error = GetLastError();
    (void)TerminateProcess(process->hProcess, PORTCTL_FAILED);
    (void)CloseHandle(process->hThread);
    (void)CloseHandle(process->hProcess);
    SetLastError(error);
    return false;
}

/* Its exit code. */
static int wait_for(HANDLE job, const PROCESS_INFORMATION *process) {
    DWORD code = PORTCTL_FAILED;

    (void)WaitForSingleObject(process->hProcess, INFINITE);
    (void)GetExitCodeProcess(process->hProcess, &code);
    (void)CloseHandle(process->hThread);
    (void)CloseHandle(process->hProcess);
    if (job != NULL)
        (void)CloseHandle(job);
    return (int)code;
}

static int tell_not_run(const struct output *output, const char *program, DWORD error) {
    if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND)
        return failure_own(output, "no_program", PORTCTL_NO_PROGRAM, NULL, "no such program: '%s'", program);
    return failure_own(output, "cannot_run", PORTCTL_CANNOT_RUN, NULL, "cannot run '%s': error %lu", program,
                       error);
}

static void close_copies(const struct program_place *places, size_t n) {
    for (size_t i = 0; i < n; i++)
        native_close(places[i].copy);
}

int program_become(const struct output *output, char *const *words, struct program_place *places, size_t n) {
    STARTUPINFOW how = {.cb = sizeof(how), .dwFlags = STARTF_USESTDHANDLES};
    HANDLE *streams[] = {&how.hStdInput, &how.hStdOutput, &how.hStdError};
    PROCESS_INFORMATION process;
    HANDLE job = NULL;
    bool ready = true;
    DWORD error;

    for (int i = 0; i < 3; i++)
        *streams[i] = transfer_handle(i);
    for (size_t i = 0; i < n; i++)
        *streams[places[i].number] = (HANDLE)places[i].copy;
    for (int i = 0; i < 3 && ready; i++)
        ready = *streams[i] == NULL ||
                SetHandleInformation(*streams[i], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) ||
                GetLastError() != ERROR_INVALID_HANDLE;
    if (is_batch(words[0])) {
        close_copies(places, n);
        return failure_own(output, "cannot_run", PORTCTL_CANNOT_RUN, "run it by cmd /c",
                           "cannot run '%s': it is no program, but commands for one", words[0]);
    }
    ready = ready && start(words, &how, &process);
    if (ready) {
        (void)SetConsoleCtrlHandler(leave_to_program, TRUE);
        job = put_into_job(&process);
        ready = let_run(&process);
    }
    error = GetLastError();
    close_copies(places, n);
    return ready ? wait_for(job, &process) : tell_not_run(output, words[0], error);
}
