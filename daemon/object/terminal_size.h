/* terminal_size.h: sets the size of a terminal. */
#ifndef TERMINAL_SIZE_H
#define TERMINAL_SIZE_H

#include "inspect.h"
#include "proto/os.h"

#include <stdint.h>

/* 0 or a negative errno: -ENOTTY: it is no terminal; -ENOSYS: this system has no such call. */
int terminal_size_set(os_fd fd, enum inspect_type type, uint16_t rows, uint16_t columns);

#endif
