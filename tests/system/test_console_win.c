/* test_console_win.c: the real broker in a console: it tells when it is ready, and ends in order by Ctrl-C. */
#include "tests/support/test.h"

#include <windows.h>

enum { PATIENCE_MS = 30000 };

struct broker {
    HANDLE process, log; /* log: the reading end of its stderr */
    DWORD pid;
    char ready[8]; /* what came by --notify-fd */
};

/* The writing end alone is inherited. */
static void open_pipe(HANDLE ends[2]) {
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};

    assert_true(CreatePipe(&ends[0], &ends[1], &inherited, 0));
    assert_true(SetHandleInformation(ends[0], HANDLE_FLAG_INHERIT, 0));
}

static size_t read_all(HANDLE from, char *text, size_t room) {
    size_t size = 0;
    DWORD n;

    while (size + 1 < room && ReadFile(from, text + size, (DWORD)(room - 1 - size), &n, NULL) && n > 0)
        size += n;
    text[size] = '\0';
    return size;
}

/* In a console of its own without a window; waits until it is ready, or has ended. */
static void start(struct broker *broker, const char *options) {
    STARTUPINFOA how = {.cb = sizeof(how), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    HANDLE log[2], notice[2];
    char command[1024];
    DWORD n;

    assert_non_null(getenv("PORTD_DAEMON"));
    open_pipe(log);
    open_pipe(notice);
    how.hStdError = log[1];
    (void)snprintf(command, sizeof(command), "\"%s\" --listen npipe:portd-test-%lu --notify-fd %llu %s",
                   getenv("PORTD_DAEMON"), GetCurrentProcessId(), (unsigned long long)(uintptr_t)notice[1],
                   options);
    assert_true(
        CreateProcessA(NULL, command, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL, &how, &process));
    (void)CloseHandle(process.hThread);
    (void)CloseHandle(log[1]);
    (void)CloseHandle(notice[1]);
    *broker = (struct broker){.process = process.hProcess, .pid = process.dwProcessId, .log = log[0]};
    /* Not to the end: the console's host may have inherited the pipe. */
    (void)ReadFile(notice[0], broker->ready, sizeof(broker->ready) - 1, &n, NULL);
    (void)CloseHandle(notice[0]);
}

/* Its exit code; what it has written is in `said`. */
static DWORD await_end(struct broker *broker, char *said, size_t room) {
    DWORD code = STILL_ACTIVE;

    (void)read_all(broker->log, said, room);
    assert_int_equal(WaitForSingleObject(broker->process, PATIENCE_MS), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(broker->process, &code));
    (void)CloseHandle(broker->process);
    (void)CloseHandle(broker->log);
    return code;
}

static BOOL WINAPI ignore(DWORD event) {
    (void)event;
    return TRUE;
}

/* A process must be in a console to send its events, and gets them, too. Without a handler it could only ignore them, but processes that it starts would inherit
 * that. */
static bool press(const struct broker *broker, DWORD event) {
    static bool ignored; /* for good: the event comes after the call */
    bool sent;

    assert_true(ignored || SetConsoleCtrlHandler(ignore, TRUE));
    ignored = true;
    (void)FreeConsole();
    assert_true(AttachConsole(broker->pid));
    sent = GenerateConsoleCtrlEvent(event, 0);
    (void)FreeConsole();
    return sent;
}

static void ctrl_c_ends_it_in_order(void **state) {
    struct broker broker;
    char said[4096];

    (void)state;
    start(&broker, "");
    assert_string_equal(broker.ready, "\n");
    assert_true(press(&broker, CTRL_C_EVENT));
    assert_int_equal(await_end(&broker, said, sizeof(said)), 0);
    assert_non_null(strstr(said, "portd: listening; address=npipe:portd-test-"));
    assert_non_null(strstr(said, "portd: stopping; signal=2\n"));
    assert_non_null(strstr(said, "portd: stopped; sessions=0 connections=0"));
}

static void ctrl_break_ends_it_in_order(void **state) {
    struct broker broker;
    char said[4096];

    (void)state;
    start(&broker, "");
    assert_string_equal(broker.ready, "\n");
    bool sent = press(&broker, CTRL_BREAK_EVENT);
    if (!sent)
        (void)TerminateProcess(broker.process, 0);
    DWORD code = await_end(&broker, said, sizeof(said));
    if (!sent)
        test_skip("this system sends no Ctrl-Break");
    assert_int_equal(code, 0);
    assert_non_null(strstr(said, "portd: stopping; signal=21\n"));
}

/* One that is started on demand leaves the name to who was there before. */
static void a_second_one_does_not_listen(void **state) {
    struct broker broker, second;
    char said[4096];

    (void)state;
    start(&broker, "");
    start(&second, "");
    assert_string_equal(second.ready, "");
    assert_int_equal(await_end(&second, said, sizeof(said)), 1);
    assert_non_null(strstr(said, "another program is listening there"));
    start(&second, "--idle-exit 60s");
    assert_int_equal(await_end(&second, said, sizeof(said)), 0);
    assert_true(press(&broker, CTRL_C_EVENT));
    assert_int_equal(await_end(&broker, said, sizeof(said)), 0);
}

static void one_that_is_idle_ends(void **state) {
    struct broker broker;
    char said[4096];

    (void)state;
    start(&broker, "--idle-exit 10ms");
    assert_string_equal(broker.ready, "\n");
    assert_int_equal(await_end(&broker, said, sizeof(said)), 0);
    assert_non_null(strstr(said, "portd: stopping because idle"));
}

static void a_wrong_command_line_is_told(void **state) {
    static const char *const wrong[] = {"--nonsense", "--idle-exit never", "--listen unix:relative", "rest"};
    struct broker broker;
    char said[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        start(&broker, wrong[i]);
        assert_string_equal(broker.ready, "");
        assert_int_equal(await_end(&broker, said, sizeof(said)), 2);
        assert_non_null(strstr(said, "see portd --help"));
    }
}

TEST_MAIN(TEST_CASE(ctrl_c_ends_it_in_order), TEST_CASE(ctrl_break_ends_it_in_order),
          TEST_CASE(a_second_one_does_not_listen), TEST_CASE(one_that_is_idle_ends),
          TEST_CASE(a_wrong_command_line_is_told))
