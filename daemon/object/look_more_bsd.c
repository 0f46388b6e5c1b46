/* look_more_bsd.c: the parts of look.h that the BSDs and macOS do not have. The offset of a file is not told without its file system. */
#include "look.h"

bool look_offset(os_fd fd, uint64_t *offset) {
    (void)fd;
    (void)offset;
    return false;
}

void look_more(os_fd fd, enum inspect_type type, struct look *look) {
    (void)fd;
    (void)type;
    (void)look;
}
