/* open_file.h: a system's call that compares open files (FreeBSD 14.1). For inspect_bsd.c. */
#ifndef OPEN_FILE_H
#define OPEN_FILE_H

#include "proto/os.h"

#include <stdbool.h>

/* True if both are one open file. False if they are not, if the system does not tell, and where it has no such call. */
bool open_file_same(os_fd a, os_fd b);

#endif
