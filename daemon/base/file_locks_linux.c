/* file_locks_linux.c: the kernel answers with the first lock in the way. A lock for writing has all others in its way, whether the descriptor is
 * open for writing or not: the owner is this process, which has no locks on foreign files. */
#include "file_locks_linux.h"

#include <fcntl.h>
#include <unistd.h>

bool file_locks_exist(int fd) {
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(fd, F_GETLK, &all) == 0 && all.l_type != F_UNLCK;
}
