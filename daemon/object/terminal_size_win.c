/* terminal_size_win.c: a handle of a console's input has no size. */
#include "terminal_size.h"

#include <errno.h>

int terminal_size_set(os_fd fd, enum inspect_type type, uint16_t rows, uint16_t columns) {
    (void)fd, (void)type, (void)rows, (void)columns;
    return -ENOSYS;
}
