/* facts_linux.h: what the kernel knows of an open file. A file system's server is not asked. */
#ifndef FACTS_LINUX_H
#define FACTS_LINUX_H

#include <stdint.h>
#include <sys/types.h>

struct facts {
    mode_t mode;
    dev_t device; /* the device that contains the file */
    uint64_t inode;
    uint64_t size;  /* as the file system's server last told */
    unsigned major; /* of the device that the file is */
};

/* Returns 0 or a negative errno. -EACCES: the file is on a FUSE mount of another user. */
int facts_of(int fd, struct facts *facts);

#endif
