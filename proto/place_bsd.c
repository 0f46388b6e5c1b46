/* place_bsd.c: where the system's broker is: in the folder of its service. */
#include "environment.h"

const char *environment_service(void) { return "unix:/var/run/portd/portd.sock"; }
