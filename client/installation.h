/* installation.h: where the daemon is that a program starts which names none. */
#ifndef INSTALLATION_H
#define INSTALLATION_H

#include "proto/address.h"

/* The daemon's path, absolute: the one installed with this library, found relative to the library's own file; else, and in a
 * program that the library is linked into, that of the prefix for which the library was configured; else `portd` in a directory of
 * PATH. NULL: there is none. It is a constant, or in path. */
const char *installation_daemon(char path[ADDRESS_MAX]);

/* What to do if there is none. */
const char *installation_hint(void);

#endif
