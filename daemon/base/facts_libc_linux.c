/* facts_libc_linux.c: facts_linux.h by statx of the C library. */
#define _GNU_SOURCE

#include "facts_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

int facts_of(int fd, struct facts *facts) {
    struct statx found;

    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MODE | STATX_INO | STATX_SIZE,
              &found) < 0)
        return -errno;
    *facts = (struct facts){.mode = found.stx_mode,
                            .device = makedev(found.stx_dev_major, found.stx_dev_minor),
                            .inode = found.stx_ino,
                            .size = found.stx_size,
                            .major = found.stx_rdev_major};
    return 0;
}
