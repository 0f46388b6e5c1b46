/* stream_plain_linux.c: which files stream_linux.c may read and write for others, by the type of their file system.
 *
 * The kernel answers a read or write of its own files as the task that makes it: it looks up numbers of descriptors and
 * processes, paths and namespaces there. And it charges the pages of a file in memory to the task that writes it, for
 * ever. That task is the broker's. A client uses a copy of such a descriptor. What a pipe or a socket keeps of a write is
 * charged there as well, until it is read; and so are the pages of a file that a read brings in, which its holders can
 * keep there (mlock). So while the broker's control group is full nothing is written for others, and no file read. */
#include "stream.h"

#include "daemon/base/cgroup.h"
#include "daemon/loop/identity.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The kernel's headers for programs do not have these. */
enum { CONFIGFS = 0x62656570, FUSECTL = 0x65735543, MQUEUE = 0x19800202, NFSD = 0x6e667364 };
#ifndef BINFMTFS_MAGIC
#define BINFMTFS_MAGIC 0x42494e4d
#endif
#ifndef AAFS_MAGIC
#define AAFS_MAGIC 0x5a3c69f0 /* AppArmor's */
#endif
#ifndef RDTGROUP_SUPER_MAGIC
#define RDTGROUP_SUPER_MAGIC 0x7655821 /* resctrl */
#endif

/* A tmpfs is a memfd's and that of shared memory as well, and a devtmpfs counts as one. */
static bool is_in_memory(uint32_t type) {
    switch (type) {
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
    case HUGETLBFS_MAGIC:
        return true;
    default:
        return false;
    }
}

static bool is_control(uint32_t type) {
    switch (type) {
    case AAFS_MAGIC:
    case BINFMTFS_MAGIC:
    case BPF_FS_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CONFIGFS:
    case DEBUGFS_MAGIC:
    case EFIVARFS_MAGIC:
    case FUSECTL:
    case MQUEUE: /* a read of the file, not a message, tells the pid of who is notified */
    case NFSD:
    case NSFS_MAGIC:
    case PSTOREFS_MAGIC:
    case RDTGROUP_SUPER_MAGIC:
    case SECURITYFS_MAGIC:
    case SELINUX_MAGIC:
    case SMACK_MAGIC:
    case SYSFS_MAGIC:
    case TRACEFS_MAGIC:
    case XENFS_SUPER_MAGIC:
        return true;
    default:
        return false;
    }
}

static bool is_for_another(const struct stream_job *job) {
    return job->identity && (uid_t)job->identity->uid != geteuid();
}

static int check(struct stream_job *job, uint32_t type) {
    if (type == PROC_SUPER_MAGIC)
        return STREAM_E_PROCESS;
    if (is_control(type))
        return STREAM_E_CONTROL;
    /* A ramfs has pages also where a hole was read. */
    if (is_in_memory(type) && (job->what == STREAM_WRITE || type == RAMFS_MAGIC) && is_for_another(job))
        return STREAM_E_MEMORY;
    if (is_in_memory(type))
        return 0;
    job->plain = true;
    return 0;
}

static bool is_charged(const struct stream_job *job) {
    return job->what == STREAM_WRITE || (job->type == INSPECT_REGULAR && job->what != STREAM_SEEK);
}

/* fstatfs may call a server, and never fails for files of the kernel. Descriptors of other types are on no file system
 * but those of pipes, sockets and the like. */
int stream_check_plain(struct stream_job *job) {
    struct statfs system;
    if (!job->plain && (job->type == INSPECT_REGULAR || job->type == INSPECT_OTHER)) {
        bool told = fstatfs(job->fd, &system) == 0;
        if (!told && errno == EINTR)
            return -EAGAIN;
        int error = told ? check(job, (uint32_t)system.f_type) : 0;
        if (error)
            return error;
        job->plain = job->plain || !told;
    }
    return is_charged(job) && is_for_another(job) && cgroup_is_full(job->size) ? STREAM_E_FULL : 0;
}
