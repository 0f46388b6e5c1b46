/* installation_unix.c: finds the daemon on Unix.
 *
 * A library that is linked into a program does not know where its archive was, and that program may run on another machine: so PATH is
 * searched last. It decides no more than PORTD_DAEMON can, and is ignored as that is where the process has raised privileges. A
 * directory that depends on the working directory is passed over. */
#define _GNU_SOURCE

#include "installation.h"

#include "proto/environment.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char library_place = 0; /* dladdr finds this library's file by its address */

static bool is_program(const char *path) {
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* The path from dladdr is as trustworthy as the library itself, unless it is relative (then it depends on the working
 * directory) or names a program that the library is linked into (then argv[0] chose it). */
static bool find_beside(char path[ADDRESS_MAX]) {
    Dl_info info;

    if (!dladdr(&library_place, &info) || !info.dli_fname || info.dli_fname[0] != '/')
        return false;
    int folder = (int)(strrchr(info.dli_fname, '/') - info.dli_fname);
    if (strncmp(info.dli_fname + folder, "/libportd.", strlen("/libportd.")) != 0)
        return false;
    int length = snprintf(path, ADDRESS_MAX, "%.*s/%s", folder, info.dli_fname, PORTD_DAEMON_BESIDE);
    return length < ADDRESS_MAX && is_program(path);
}

static bool find_in_path(char path[ADDRESS_MAX]) {
    const char *at = environment_get("PATH");

    while (at) {
        const char *end = strchr(at, ':');
        size_t length = end ? (size_t)(end - at) : strlen(at);
        if (*at == '/' && length + sizeof("/portd") <= ADDRESS_MAX) {
            (void)snprintf(path, ADDRESS_MAX, "%.*s/portd", (int)length, at);
            if (is_program(path))
                return true;
        }
        at = end ? end + 1 : NULL;
    }
    return false;
}

const char *installation_daemon(char path[ADDRESS_MAX]) {
    if (find_beside(path))
        return path;
    if (is_program(PORTD_DAEMON_PATH))
        return PORTD_DAEMON_PATH;
    return find_in_path(path) ? path : NULL;
}

/* Neither variable is looked at where the process has raised privileges. */
const char *installation_hint(void) {
    return environment_get("PATH") ? "set PORTD_DAEMON to the path of portd, or add its directory to PATH"
                                   : "install portd where the library looks for it, or set PORTD_DAEMON";
}
