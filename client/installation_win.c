/* installation_win.c: finds the daemon on Windows: beside the file that this code is in, the library's or that of the program which it is linked into;
 * else in a directory of PATH.
 *
 * The working directory is never searched, nor a relative entry of PATH. Paths are in the code page of getenv. */
#include "installation_win.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static const char library_place = 0; /* in this library's file */

static bool is_program(const char *path) {
    DWORD attributes = GetFileAttributesA(path);

    return attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY);
}

bool installation_is_absolute(const char *path) {
    return (path[0] && path[1] == ':' && (path[2] == '\\' || path[2] == '/')) ||
           (path[0] == '\\' && path[1] == '\\');
}

static bool find_beside(char path[ADDRESS_MAX]) {
    HMODULE module;

    if (!GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            &library_place, &module))
        return false;
    DWORD length = GetModuleFileNameA(module, path, ADDRESS_MAX);
    char *end = length > 0 && length < ADDRESS_MAX ? strrchr(path, '\\') : NULL;
    if (!end || (size_t)(end - path) + sizeof("\\portd.exe") > ADDRESS_MAX)
        return false;
    strcpy(end, "\\portd.exe");
    return is_program(path);
}

static bool find_in_path(char path[ADDRESS_MAX]) {
    const char *at = getenv("PATH");

    while (at) {
        const char *end = strchr(at, ';');
        size_t length = end ? (size_t)(end - at) : strlen(at);
        if (installation_is_absolute(at) && length + sizeof("\\portd.exe") <= ADDRESS_MAX) {
            (void)snprintf(path, ADDRESS_MAX, "%.*s\\portd.exe", (int)length, at);
            if (is_program(path))
                return true;
        }
        at = end ? end + 1 : NULL;
    }
    return false;
}

const char *installation_daemon(char path[ADDRESS_MAX]) {
    return find_beside(path) || find_in_path(path) ? path : NULL;
}

const char *installation_hint(void) {
    return "set PORTD_DAEMON to the path of portd.exe, or add its directory to PATH";
}
