/* taker_linux.c: files of procfs, and files of cgroups that are open for writing (a trigger of pressure is set by a write).
 *
 * Not all of these take something, but all are always ready, except the kernel's log, whose poll takes nothing. The other files that can be
 * polled and keep what was told (kernfs) do so by what was read.
 *
 * The contents of an epoll descriptor are in its fdinfo: device and inode of each file. Another procfs than the broker's, as of a container,
 * has a device that the broker does not know, and so has the file system of cgroups. There a file counts that is watched for EPOLLPRI, by which
 * these tell. */
#define _GNU_SOURCE

#include "taker.h"

#include "daemon/base/cgroup.h"
#include "daemon/base/facts_linux.h"
#include "daemon/base/file_locks_linux.h"
#include "daemon/readiness/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { DEVICES = 8, KERNEL_MINOR_BITS = 20, LINE_MOST = 120 /* of one file in fdinfo */ };
static const uint64_t with_locks = UINT64_C(1)
                                   << 50; /* they have lines, too, as many as somebody has put there */

static struct {
    dev_t procfs;       /* 0: there is none */
    uint64_t log_inode; /* of /proc/kmsg, in every procfs; 0: it is not known */
    size_t n_others;
    dev_t others[DEVICES]; /* devices without such files */
    uint64_t most;         /* memory that the kernel takes to tell of an epoll descriptor */
} known;

static void learn_other(const char *path) {
    struct stat status;

    if (known.n_others < DEVICES && stat(path, &status) == 0)
        known.others[known.n_others++] = status.st_dev;
}

static void learn_other_by(os_fd fd) {
    struct facts facts;

    if (known.n_others < DEVICES && fd != OS_FD_NONE && facts_of(fd, &facts) == 0)
        known.others[known.n_others++] = facts.device;
    os_close(fd);
}

/* Where a service does not see the limit: what the kernel sets it to at the start, or more (ep_init in fs/eventpoll.c: a 25th of the memory). */
static unsigned long long usual_watches(void) {
    enum { PART = 25, ENTRY = 128 /* at least */ };
    struct sysinfo machine;

    return sysinfo(&machine) < 0 ? UINT32_MAX
                                 : (unsigned long long)machine.totalram * machine.mem_unit / PART / ENTRY;
}

/* The kernel doubles its memory until everything is in it. No user has more files in epoll descriptors than this limit. */
static uint64_t most_of_fdinfo(void) {
    FILE *file = fopen("/proc/sys/fs/epoll/max_user_watches", "re");
    unsigned long long watches = 0;
    uint64_t most = 4096;

    if (!file || fscanf(file, "%llu", &watches) != 1)
        watches = usual_watches();
    if (file)
        (void)fclose(file);
    if (watches > UINT32_MAX)
        watches = UINT32_MAX;
    while (most < watches * LINE_MOST)
        most *= 2;
    return most;
}

void taker_init(void) {
    static const char *const others[] = {"/dev", "/dev/pts", "/sys"};
    struct statfs system;
    struct stat status;
    int ends[2];

    known.n_others = 0;
    known.procfs = 0;
    known.log_inode = 0;
    known.most = most_of_fdinfo();
    if (statfs("/proc", &system) == 0 && system.f_type == PROC_SUPER_MAGIC && stat("/proc", &status) == 0)
        known.procfs = status.st_dev;
    if (stat("/proc/kmsg", &status) == 0 && status.st_dev == known.procfs)
        known.log_inode = status.st_ino;
    learn_other_by(eventfd(0, EFD_CLOEXEC));
    learn_other_by(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (pipe2(ends, O_CLOEXEC) == 0) {
        learn_other_by(ends[0]);
        os_close(ends[1]);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        learn_other(others[i]);
}

/* Both kinds of files have no size, so most files of servers in user space need not be asked for their file system. */
bool taker_is(os_fd fd) {
    struct statfs system;
    struct facts facts;

    if (facts_of(fd, &facts) || !S_ISREG(facts.mode) || facts.size)
        return false;
    if (facts.device == known.procfs && facts.inode == known.log_inode)
        return false;
    if (fstatfs(fd, &system) < 0)
        return false;
    if (system.f_type == PROC_SUPER_MAGIC)
        return facts.inode != known.log_inode;
    return system.f_type == CGROUP2_SUPER_MAGIC && taker_ready(fd) & ENGINE_WRITE;
}

unsigned taker_ready(os_fd fd) {
    int mode = fcntl(fd, F_GETFL) & O_ACCMODE;

    return (mode == O_WRONLY ? 0u : ENGINE_READ) | (mode == O_RDONLY ? 0u : ENGINE_WRITE);
}

static bool is_other(dev_t device) {
    for (size_t i = 0; i < known.n_others; i++)
        if (known.others[i] == device)
            return true;
    return false;
}

/* Before Linux 4.13 there are no devices in fdinfo. */
static bool may_take(const char *line) {
    unsigned long long inode;
    unsigned events, number;

    if (sscanf(line, "tfd: %*d events: %x data: %*x pos:%*d ino:%llx sdev:%x", &events, &inode, &number) != 3)
        return false;
    dev_t device = makedev(number >> KERNEL_MINOR_BITS, number & ((1u << KERNEL_MINOR_BITS) - 1));
    if (device == known.procfs)
        return inode != known.log_inode;
    return !is_other(device) && events & EPOLLPRI;
}

static int look_inside(os_fd epoll, size_t *n) {
    char path[40], line[256];
    bool found = false;

    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epoll);
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    for (; !found && fgets(line, sizeof(line), file); ++*n)
        found = may_take(line);
    (void)fclose(file);
    return found ? TAKER_E_INSIDE : 0;
}

/* How much there is in fdinfo is not known before, and the kernel charges what it takes for that to the broker. */
int taker_find(os_fd epoll, size_t *n) {
    uint64_t bytes = file_locks_exist(epoll) ? with_locks : known.most;

    *n = 0;
    if (!cgroup_lend(bytes))
        return 0;
    int error = look_inside(epoll, n);
    cgroup_give(bytes);
    return error;
}
