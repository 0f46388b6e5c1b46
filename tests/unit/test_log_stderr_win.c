/* test_log_stderr_win.c: what log_stderr writes in a process of its own, and that it waits for no reader. The process is this program, started with
 * what it is to do. */
#include "tests/support/test.h"

#include "daemon/base/log.h"
#include "daemon/base/metrics.h"

#include <windows.h>

enum { FLOOD = 20000 };

/* ---- the process ------------------------------------------------------------------------------------------------- */

static int write_levels(void) {
    log_open(log_stderr, LOG_LEVEL_DEBUG);
    log_write(LOG_LEVEL_ERROR, "one");
    log_write(LOG_LEVEL_WARNING, "two");
    log_write(LOG_LEVEL_INFO, "three");
    log_write(LOG_LEVEL_DEBUG, "four");
    log_close();
    return 0;
}

/* Floods a pipe that nobody reads until it has said so, then ends as the broker does. */
static int flood(HANDLE done) {
    log_open(log_stderr, LOG_LEVEL_INFO);
    for (int i = 0; i < FLOOD; i++)
        log_write(LOG_LEVEL_INFO, "line %d", i);
    (void)SetEvent(done);
    log_close();
    return metrics_values[METRIC_LOG_LEFT_OUT_UNREAD] > 0 ? 0 : 3;
}

static int write_for_nobody(void) {
    log_open(log_stderr, LOG_LEVEL_INFO);
    for (int i = 0; i < FLOOD; i++)
        log_write(LOG_LEVEL_INFO, "line %d", i);
    log_close();
    log_write(LOG_LEVEL_INFO, "after the end");
    log_close();
    return 0;
}

/* ---- who starts it ------------------------------------------------------------------------------------------------ */

/* Its stderr is `error`, or there is none (NULL). */
static HANDLE start(const char *what, HANDLE error, HANDLE done) {
    STARTUPINFOA how = {.cb = sizeof(how), .dwFlags = STARTF_USESTDHANDLES, .hStdError = error};
    PROCESS_INFORMATION process;
    char program[MAX_PATH], command[2 * MAX_PATH];

    assert_in_range(GetModuleFileNameA(NULL, program, sizeof(program)), 1, sizeof(program) - 1);
    (void)snprintf(command, sizeof(command), "\"%s\" %s %llu", program, what,
                   (unsigned long long)(uintptr_t)done);
    assert_true(CreateProcessA(program, command, NULL, NULL, TRUE, 0, NULL, NULL, &how, &process));
    (void)CloseHandle(process.hThread);
    return process.hProcess;
}

static void assert_ends(HANDLE process) {
    DWORD code;

    assert_int_equal(WaitForSingleObject(process, INFINITE), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(process, &code));
    assert_int_equal(code, 0);
    (void)CloseHandle(process);
}

/* Only the writing end is inherited, or its end would never come. */
static void open_pipe(HANDLE ends[2]) {
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};

    assert_true(CreatePipe(&ends[0], &ends[1], &inherited, 0));
    assert_true(SetHandleInformation(ends[0], HANDLE_FLAG_INHERIT, 0));
}

static HANDLE open_event(void) {
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};
    HANDLE event = CreateEventW(&inherited, TRUE, FALSE, NULL);

    assert_non_null(event);
    return event;
}

/* Everything that comes until the other end is closed. Freed by the caller. */
static char *read_all(HANDLE from) {
    size_t size = 0, room = 1 << 20;
    char *text = malloc(room);
    DWORD n;

    assert_non_null(text);
    while (ReadFile(from, text + size, (DWORD)(room - 1 - size), &n, NULL) && n > 0)
        size += n;
    assert_int_equal(GetLastError(), ERROR_BROKEN_PIPE);
    text[size] = '\0';
    return text;
}

static void levels_are_for_people(void **state) {
    HANDLE ends[2];

    (void)state;
    open_pipe(ends);
    HANDLE process = start("levels", ends[1], NULL);
    (void)CloseHandle(ends[1]);
    char *text = read_all(ends[0]);
    assert_string_equal(text, "portd: error: one\nportd: warning: two\nportd: three\nportd: debug: four\n");
    free(text);
    assert_ends(process);
    (void)CloseHandle(ends[0]);
}

/* Lines that came in order, and those that a line in their place tells of. */
static size_t lines_accounted_for(char *text) {
    size_t next = 0, n;

    for (const char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (sscanf(line, "portd: line %zu", &n) == 1) {
            assert_int_equal(n, next);
            next++;
        } else {
            assert_int_equal(sscanf(line, "portd: warning: %zu lines were dropped", &n), 1);
            next += n;
        }
    }
    return next;
}

static void a_reader_that_has_stopped_is_not_waited_for(void **state) {
    HANDLE ends[2], done = open_event();

    (void)state;
    open_pipe(ends);
    HANDLE process = start("flood", ends[1], done);
    (void)CloseHandle(ends[1]);
    assert_int_equal(WaitForSingleObject(done, INFINITE), WAIT_OBJECT_0); /* nothing was read until now */
    char *text = read_all(ends[0]);
    assert_int_equal(lines_accounted_for(text), FLOOD);
    free(text);
    assert_ends(process);
    (void)CloseHandle(ends[0]);
    (void)CloseHandle(done);
}

/* It cannot end before it has given up on the reader, who never reads. */
static void the_end_waits_no_longer_than_it_says(void **state) {
    HANDLE ends[2], done = open_event();

    (void)state;
    open_pipe(ends);
    assert_ends(start("flood", ends[1], done));
    (void)CloseHandle(ends[0]);
    (void)CloseHandle(ends[1]);
    (void)CloseHandle(done);
}

/* Nobody can ever read it. */
static void a_stderr_without_a_reader_harms_nobody(void **state) {
    HANDLE ends[2];

    (void)state;
    open_pipe(ends);
    (void)CloseHandle(ends[0]);
    assert_ends(start("nobody", ends[1], NULL));
    (void)CloseHandle(ends[1]);
}

static void no_stderr_harms_nobody(void **state) {
    (void)state;
    assert_ends(start("nobody", NULL, NULL));
}

int main(int argc, char **argv) {
    struct CMUnitTest cases[] = {
        TEST_CASE(levels_are_for_people), TEST_CASE(a_reader_that_has_stopped_is_not_waited_for),
        TEST_CASE(the_end_waits_no_longer_than_it_says), TEST_CASE(a_stderr_without_a_reader_harms_nobody),
        TEST_CASE(no_stderr_harms_nobody)};

    if (argc < 3)
        return TEST_RUN(cases);
    if (strcmp(argv[1], "levels") == 0)
        return write_levels();
    if (strcmp(argv[1], "flood") == 0)
        return flood((HANDLE)(uintptr_t)strtoull(argv[2], NULL, 10));
    return write_for_nobody();
}
