/* test_scm_win.c: the service manager starts and stops the broker that has been added to its services, which is removed in the end. */
#include "tests/support/test.h"

#include <windows.h>

enum { PATIENCE_MS = 60000, STEP_MS = 10 };

static char address[64];

/* What `portd --service` answers to these words. */
static DWORD ask(const char *words) {
    STARTUPINFOA how = {.cb = sizeof(how)};
    PROCESS_INFORMATION process;
    char command[1024];
    DWORD code = STILL_ACTIVE;

    assert_non_null(getenv("PORTD_DAEMON"));
    (void)snprintf(command, sizeof(command), "\"%s\" --service %s", getenv("PORTD_DAEMON"), words);
    assert_true(CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &how, &process));
    assert_int_equal(WaitForSingleObject(process.hProcess, PATIENCE_MS), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(process.hProcess, &code));
    (void)CloseHandle(process.hThread);
    (void)CloseHandle(process.hProcess);
    return code;
}

/* Only where this process may add services, and there is none of that name. */
static SC_HANDLE open_manager(void) {
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE), there;

    if (!manager)
        test_skip("needs an administrator");
    there = OpenServiceW(manager, L"portd", SERVICE_QUERY_STATUS);
    if (there) {
        (void)CloseServiceHandle(there);
        (void)CloseServiceHandle(manager);
        test_skip("this system has a service portd");
    }
    (void)snprintf(address, sizeof(address), "portd-test-%lu", GetCurrentProcessId());
    return manager;
}

static void await_state(SC_HANDLE service, DWORD state) {
    SERVICE_STATUS status = {0};

    for (int ms = 0; status.dwCurrentState != state; ms += STEP_MS) {
        assert_true(ms < PATIENCE_MS);
        Sleep(STEP_MS);
        assert_true(QueryServiceStatus(service, &status));
    }
    if (state == SERVICE_STOPPED)
        assert_int_equal(status.dwWin32ExitCode, NO_ERROR);
}

static bool listens(void) {
    char name[128];

    (void)snprintf(name, sizeof(name), "\\\\.\\pipe\\%s", address);
    return WaitNamedPipeA(name, 1000);
}

static void it_is_added_runs_and_is_removed(void **state) {
    SC_HANDLE manager = open_manager(), service;
    SERVICE_STATUS status;
    char words[256];

    (void)state;
    (void)snprintf(words, sizeof(words), "install --listen npipe:%s --log-level debug", address);
    assert_int_equal(ask(words), 0);
    assert_int_equal(ask(words), 1); /* it is there already */
    service = OpenServiceW(manager, L"portd", SERVICE_START | SERVICE_STOP | SERVICE_QUERY_STATUS);
    assert_non_null(service);
    for (int round = 0; round < 2; round++) {
        assert_false(listens());
        assert_true(StartServiceW(service, 0, NULL));
        await_state(service, SERVICE_RUNNING);
        assert_true(listens());
        assert_true(ControlService(service, SERVICE_CONTROL_STOP, &status));
        await_state(service, SERVICE_STOPPED);
    }
    assert_true(StartServiceW(service, 0, NULL));
    await_state(service, SERVICE_RUNNING);
    assert_int_equal(ask("remove"), 0); /* stops it first */
    assert_false(listens());
    (void)CloseServiceHandle(service);
    service = OpenServiceW(manager, L"portd", SERVICE_QUERY_STATUS);
    assert_null(service);
    (void)CloseServiceHandle(manager);
}

static void what_is_not_there_is_not_removed(void **state) {
    SC_HANDLE manager = open_manager();

    (void)state;
    assert_int_equal(ask("remove"), 1);
    (void)CloseServiceHandle(manager);
}

static void other_words_are_refused(void **state) {
    (void)state;
    assert_int_equal(ask(""), 2);
    assert_int_equal(ask("start"), 2);
    assert_int_equal(ask("remove now"), 2);
}

/* Nobody has started it as a service: it runs as from a console. */
static void without_a_manager_it_runs_by_itself(void **state) {
    (void)state;
    assert_int_equal(ask("run --version"), 0);
    assert_int_equal(ask("run --nonsense"), 2);
}

TEST_MAIN(TEST_CASE(what_is_not_there_is_not_removed), TEST_CASE(it_is_added_runs_and_is_removed),
          TEST_CASE(other_words_are_refused), TEST_CASE(without_a_manager_it_runs_by_itself))
