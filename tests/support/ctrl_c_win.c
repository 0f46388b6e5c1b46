/* ctrl_c_win.c: presses Ctrl-C in the console of another process, for fixture_win.c.
 *
 *     ctrl_c PID
 *
 * Only who is in a console can send its events, and gets them, too: so this is a program of its own, and a test gets none. Exits with 1 if the process
 * has no console. */
#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

static BOOL WINAPI ignore(DWORD event) { return event == CTRL_C_EVENT; }

int main(int argc, char **argv) {
    (void)FreeConsole();
    bool pressed = argc == 2 && SetConsoleCtrlHandler(ignore, TRUE) &&
                   AttachConsole((DWORD)strtoul(argv[1], NULL, 10)) &&
                   GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
    return pressed ? EXIT_SUCCESS : EXIT_FAILURE;
}
