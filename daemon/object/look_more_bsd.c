/* look_more_bsd.c: the parts of look.h that the BSDs and macOS do not have. The offset of a file is not told without its file system. */
#include "look.h"

bool look_offset(os_fd fd, uint64_t *offset) {
    (void)fd;
    (void)offset;
    return false;
}

void look_restore_address(os_fd fd, const void *address, size_t size) {
    (void)fd; /* it keeps it */
    (void)address;
    (void)size;
}

void look_more(os_fd fd, enum inspect_type type, struct look *look) {
    (void)fd;
    (void)type;
    (void)look;
}
