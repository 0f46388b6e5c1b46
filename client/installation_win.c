/* installation_win.c: Windows has no prefix yet to which the daemon is installed. */
#include "installation.h"

#include <stddef.h>

const char *installation_daemon(char path[ADDRESS_MAX]) {
    (void)path;
    return NULL;
}

const char *installation_hint(void) { return "set PORTD_DAEMON to the path of portd"; }
