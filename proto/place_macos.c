/* place_macos.c: where the system's broker is: made by launchd, which makes no folder. */
#include "environment.h"

const char *environment_service(void) { return "unix:/var/run/portd.sock"; }
