/* installation_win.h: the part of installation.h for Windows. */
#ifndef INSTALLATION_WIN_H
#define INSTALLATION_WIN_H

#include "installation.h"

#include <stdbool.h>

/* Whether a path has a drive or a server, and leads from its root. */
bool installation_is_absolute(const char *path);

#endif
