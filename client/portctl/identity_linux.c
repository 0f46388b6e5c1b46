/* identity_linux.c: the number of a pidfd's inode, which no other process gets until the system starts again.
 *
 * That is so where pidfds have a file system of their own, from Linux 6.9 on; before, all have the same inode. With inode numbers of
 * 32 bits it is cut.
 */
#include "lease.h"
#include "native.h"
#include "program.h"

#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PIDFS = 0x50494446 }; /* PID_FS_MAGIC */

bool program_identity(uint64_t *identity) {
    struct statfs system;
    struct stat status;
    portd_native process;
    bool known;

    if (sizeof(long) < sizeof(uint64_t) || lease_open_process((uint32_t)getpid(), &process) != 0)
        return false;
    known =
        fstatfs((int)process, &system) == 0 && system.f_type == PIDFS && fstat((int)process, &status) == 0;
    native_close(process);
    if (known)
        *identity = (uint64_t)status.st_ino;
    return known;
}
