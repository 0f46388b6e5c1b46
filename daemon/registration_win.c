/* registration_win.c: registration_win.h.
 *
 * The service runs as LocalSystem, which the access lists of all users' processes admit as a rule, so that it may copy their handles without a privilege.
 * It keeps two: to look at the token of a client that has connected (caller_win.c), and the one that everybody has, to go through folders. Its entries in the event log are shown with the messages of a program of the system's, each of which is just its text. */
#include "registration_win.h"

#include "scm_win.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

enum { COMMAND_MAX = 8192, STOP_MS = 30000, STEP_MS = 50 };

static const wchar_t service[] = L"" SCM_SERVICE;
static const wchar_t source_key[] =
    L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\" SCM_SERVICE;

static int complain(const char *what) {
    DWORD error = GetLastError();
    const char *why = error == ERROR_ACCESS_DENIED            ? "an administrator's rights are needed"
                      : error == ERROR_SERVICE_EXISTS         ? "it exists already"
                      : error == ERROR_SERVICE_DOES_NOT_EXIST ? "there is no such service"
                                                              : NULL;
    if (why)
        (void)fprintf(stderr, "portd: error: cannot %s the service %s: %s\n", what, SCM_SERVICE, why);
    else
        (void)fprintf(stderr, "portd: error: cannot %s the service %s: error %lu\n", what, SCM_SERVICE,
                      error);
    return 1;
}

/* ---- the command line -------------------------------------------------------------------------------------- */

struct command {
    wchar_t text[COMMAND_MAX];
    size_t length;
    bool full;
};

static void add(struct command *command, wchar_t unit) {
    if (command->length + 1 < COMMAND_MAX)
        command->text[command->length++] = unit;
    else
        command->full = true;
}

/* In quotes. Backslashes stand for themselves, except before a quote (CommandLineToArgvW). */
static void add_quoted(struct command *command, const wchar_t *argument) {
    size_t backslashes = 0;

    if (command->length)
        add(command, L' ');
    add(command, L'"');
    for (; *argument; argument++) {
        if (*argument == L'"')
            for (size_t i = 0; i <= backslashes; i++)
                add(command, L'\\');
        backslashes = *argument == L'\\' ? backslashes + 1 : 0;
        add(command, *argument);
    }
    for (; backslashes; backslashes--)
        add(command, L'\\');
    add(command, L'"');
}

static bool make_command(struct command *command, int argc, char **argv) {
    wchar_t argument[COMMAND_MAX];
    DWORD length = GetModuleFileNameW(NULL, argument, COMMAND_MAX);

    *command = (struct command){.length = 0};
    if (!length || length == COMMAND_MAX)
        return false;
    add_quoted(command, argument);
    add_quoted(command, L"--service");
    add_quoted(command, L"run");
    for (int i = 1; i < argc; i++) {
        if (!MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, argv[i], -1, argument, COMMAND_MAX))
            return false;
        add_quoted(command, argument);
    }
    command->text[command->length] = L'\0';
    if (command->full)
        SetLastError(ERROR_BUFFER_OVERFLOW);
    return !command->full;
}

/* ---- the service ------------------------------------------------------------------------------------------------ */

/* Wine does not know every level; Windows does. */
static bool set(SC_HANDLE handle, DWORD level, void *value) {
    return ChangeServiceConfig2W(handle, level, value) || GetLastError() == ERROR_INVALID_LEVEL;
}

static bool describe(SC_HANDLE handle) {
    static wchar_t text[] = L"Keeps copies of other programs' handles and reports when they are ready.";
    static wchar_t privileges[] = L"SeImpersonatePrivilege\0SeChangeNotifyPrivilege\0";
    SC_ACTION again = {.Type = SC_ACTION_RESTART, .Delay = 1000};
    SERVICE_DESCRIPTIONW description = {.lpDescription = text};
    SERVICE_REQUIRED_PRIVILEGES_INFOW required = {.pmszRequiredPrivileges = privileges};
    SERVICE_FAILURE_ACTIONSW failures = {.dwResetPeriod = 3600, .cActions = 1, .lpsaActions = &again};

    return set(handle, SERVICE_CONFIG_DESCRIPTION, &description) &&
           set(handle, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &required) &&
           set(handle, SERVICE_CONFIG_FAILURE_ACTIONS, &failures);
}

/* EventCreate.exe has a message for each number up to 1000, which is its first text. */
static bool add_source(void) {
    static const wchar_t file[] = L"%SystemRoot%\\System32\\EventCreate.exe";
    const DWORD kinds = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
    LSTATUS error = RegSetKeyValueW(HKEY_LOCAL_MACHINE, source_key, L"EventMessageFile", REG_EXPAND_SZ, file,
                                    sizeof(file));

    if (!error)
        error = RegSetKeyValueW(HKEY_LOCAL_MACHINE, source_key, L"TypesSupported", REG_DWORD, &kinds,
                                sizeof(kinds));
    SetLastError((DWORD)error);
    return !error;
}

int registration_win_add(int argc, char **argv) {
    static struct command command;
    SC_HANDLE handle = NULL, manager;
    int status = 0;

    if (!make_command(&command, argc, argv))
        return complain("install");
    manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CREATE_SERVICE);
    if (manager)
        handle = CreateServiceW(manager, service, L"Descriptor broker",
                                SERVICE_CHANGE_CONFIG | SERVICE_START | DELETE, SERVICE_WIN32_OWN_PROCESS,
                                SERVICE_AUTO_START, SERVICE_ERROR_NORMAL, command.text, NULL, NULL, NULL,
                                NULL, NULL);
    if (!handle)
        status = complain("install");
    else if (!describe(handle) || !add_source()) {
        status = complain("install");
        (void)DeleteService(handle);
        (void)RegDeleteKeyW(HKEY_LOCAL_MACHINE, source_key);
    }
    if (handle)
        (void)CloseServiceHandle(handle);
    if (manager)
        (void)CloseServiceHandle(manager);
    return status;
}

/* Whether it is stopped in the end. */
static bool stop(SC_HANDLE handle) {
    SERVICE_STATUS status;

    if (!ControlService(handle, SERVICE_CONTROL_STOP, &status))
        return GetLastError() == ERROR_SERVICE_NOT_ACTIVE;
    for (int ms = 0; ms < STOP_MS; ms += STEP_MS) {
        if (!QueryServiceStatus(handle, &status) || status.dwCurrentState == SERVICE_STOPPED)
            return status.dwCurrentState == SERVICE_STOPPED;
        Sleep(STEP_MS);
    }
    SetLastError(ERROR_TIMEOUT);
    return false;
}

int registration_win_remove(void) {
    SC_HANDLE handle = NULL, manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    int status = 0;

    if (manager)
        handle = OpenServiceW(manager, service, SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE);
    if (!handle)
        status = complain("remove");
    else if (!stop(handle))
        status = complain("stop");
    else if (!DeleteService(handle))
        status = complain("remove");
    else
        (void)RegDeleteKeyW(HKEY_LOCAL_MACHINE, source_key); /* what is left of it does no harm */
    if (handle)
        (void)CloseServiceHandle(handle);
    if (manager)
        (void)CloseServiceHandle(manager);
    return status;
}
