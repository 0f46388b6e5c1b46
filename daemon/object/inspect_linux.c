/* inspect_linux.c: inspect.h on Linux.
 *
 * A descriptor may be on a FUSE file system whose server is the client itself, so nothing here may call a
 * server. fstat and fstatfs do; statx with AT_STATX_DONT_SYNC answers from memory, if the file may be looked at
 * (else see type_of_denied). The file system's type is not needed: if a file can be polled at all, a poller thread
 * polls it, whatever file system it is on. Ioctls are not used either, except on a pidfd: a foreign device may block in
 * one, or it may have effects. Only what is for workers reads fdinfo:
 * it walks locks (file_locks_linux.h). */
#define _GNU_SOURCE

#include "inspect.h"

#include "daemon/base/cgroup.h"
#include "daemon/base/facts_linux.h"
#include "daemon/base/file_locks_linux.h"
#include "inspect_own_linux.h"
#include "inspect_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* struct pidfd_info of Linux 6.13. */
struct pidfd_facts {
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid, ids[8], exited;
};
_Static_assert(sizeof(struct pidfd_facts) == 64, "the first version of pidfd_info");
enum { PIDFD_FACTS_PID = 1 };
#define PIDFD_GET_INFO_64 _IOWR(0xff, 11, struct pidfd_facts)

enum { DUPFD_QUERY = 1024 + 3 /* F_DUPFD_QUERY, Linux 6.10 */ };

static struct {
    enum { IDENTITY_FSTAT, IDENTITY_KCMP, IDENTITY_DUPFD_QUERY } identity;
    dev_t anonymous; /* device of most anonymous inodes, such as eventfds */
    dev_t pidfs;     /* device of pidfds; before Linux 6.9 it equals `anonymous` */
    bool tells_pids; /* tells_pid does */
    int pid_levels;  /* levels_of the broker */
} known;

static bool same_by_dupfd_query(int a, int b) { return fcntl(a, DUPFD_QUERY, b) == 1; }

static bool same_by_kcmp(int a, int b) {
    pid_t self = getpid();
    return syscall(SYS_kcmp, self, self, KCMP_FILE, a, b) == 0;
}

/* Each socket has its own inode, and the two ends of a pipe have different flags. Two openings of one file
 * cannot be distinguished, and anonymous inodes not at all: those count as different. */
static bool same_by_fstat(int a, int b) {
    struct facts of_a, of_b;

    if (facts_of(a, &of_a) || facts_of(b, &of_b) || of_a.device != of_b.device || of_a.inode != of_b.inode ||
        (!S_ISSOCK(of_a.mode) && !S_ISFIFO(of_a.mode)))
        return false;
    return fcntl(a, F_GETFL) == fcntl(b, F_GETFL);
}

bool inspect_same(os_fd a, os_fd b) {
    switch (known.identity) {
    case IDENTITY_DUPFD_QUERY:
        return same_by_dupfd_query(a, b);
    case IDENTITY_KCMP:
        return same_by_kcmp(a, b);
    default:
        return same_by_fstat(a, b);
    }
}

bool inspect_knows_abstract_names(void) { return true; }

const char *inspect_identity(void) {
    static const char *const names[] = {
        [IDENTITY_FSTAT] = "fstat", [IDENTITY_KCMP] = "kcmp", [IDENTITY_DUPFD_QUERY] = "dupfd-query"};

    return names[known.identity];
}

/* Takes the first method that here distinguishes a copy from another file: kernels may lack a method and
 * sandboxes may forbid it. */
static void learn_identity(int file) {
    int copy = os_dup(file), other = eventfd(0, EFD_CLOEXEC);

    known.identity = IDENTITY_FSTAT;
    if (copy < 0 || other < 0)
        goto done;
    if (same_by_dupfd_query(file, copy) && !same_by_dupfd_query(file, other))
        known.identity = IDENTITY_DUPFD_QUERY;
    else if (same_by_kcmp(file, copy) && !same_by_kcmp(file, other))
        known.identity = IDENTITY_KCMP;
done:
    os_close(copy);
    os_close(other);
}

static bool tells_pid(int fd, uint32_t *pid);
static int levels_of(int fd);

static os_fd open_pid(uint32_t pid) { return (os_fd)syscall(SYS_pidfd_open, (pid_t)pid, 0u); }

/* A pidfd of the process that connected or called listen(2). OS_FD_NONE: this kernel has none. */
static os_fd open_peer(int socket) {
    os_fd pidfd = OS_FD_NONE;
    socklen_t size = sizeof(pidfd);

    return getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0 ? OS_FD_NONE : pidfd;
}

static void learn_devices(int anonymous) {
    os_fd pidfd = open_pid((uint32_t)getpid());
    struct facts facts;

    if (facts_of(anonymous, &facts) == 0)
        known.anonymous = facts.device;
    known.pidfs = known.anonymous;
    if (pidfd != OS_FD_NONE && facts_of(pidfd, &facts) == 0)
        known.pidfs = facts.device;
    known.tells_pids = tells_pid(pidfd, &(uint32_t){0});
    known.pid_levels = levels_of(pidfd);
    os_close(pidfd);
}

void inspect_learn(void) {
    int file = eventfd(0, EFD_CLOEXEC);

    learn_identity(file);
    learn_devices(file);
    os_close(file);
}

static enum inspect_type type_of_socket(int fd) {
    switch (inspect_option(fd, SO_DOMAIN)) {
    case AF_UNIX:
        return inspect_unix_type(fd, inspect_option(fd, SO_TYPE));
    case AF_INET:
    case AF_INET6:
        break;
    default:
        return INSPECT_SOCKET;
    }
    switch (inspect_option(fd, SO_PROTOCOL)) {
    case IPPROTO_TCP:
    case IPPROTO_MPTCP:
        return inspect_listens(fd) ? INSPECT_TCP_LISTENER : INSPECT_TCP;
    case IPPROTO_UDP:
        return INSPECT_UDP;
    default:
        return INSPECT_SOCKET;
    }
}

/* Terminals have fixed major numbers: virtual consoles and serial lines, /dev/tty and /dev/ptmx, ends of pty pairs. */
static enum inspect_type type_of_character(unsigned major) {
    return major == 4 || major == 5 || (major >= 136 && major <= 143) ? INSPECT_TTY : INSPECT_CHARACTER;
}

/* The type of an anonymous inode is only in its link in /proc. The kernel makes that text. */
static enum inspect_type type_of_anonymous(int fd) {
    static const struct {
        const char *link;
        enum inspect_type type;
    } links[] = {
        {"anon_inode:[eventfd]", INSPECT_EVENTFD},   {"anon_inode:[timerfd]", INSPECT_TIMERFD},
        {"anon_inode:[signalfd]", INSPECT_SIGNALFD}, {"anon_inode:[eventpoll]", INSPECT_EPOLL},
        {"anon_inode:inotify", INSPECT_INOTIFY},     {"anon_inode:[pidfd]", INSPECT_PIDFD},
        {"anon_inode:[fanotify]", INSPECT_FANOTIFY}, {"anon_inode:[userfaultfd]", INSPECT_USERFAULTFD},
        {"anon_inode:[io_uring]", INSPECT_IO_URING}, {"anon_inode:", INSPECT_OTHER},
    };
    char path[32], link[64];
    ssize_t length;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    length = readlink(path, link, sizeof(link) - 1);
    if (length < 0)
        return INSPECT_UNKNOWN;
    link[length] = '\0';
    for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
        if (strncmp(link, links[i].link, strlen(links[i].link)) == 0)
            return links[i].type;
    return INSPECT_UNKNOWN;
}

/* The type of a file on a FUSE mount of another user, which statx denies. The kernel checks the types of the two files before it copies between
 * them, and copies nothing here: no server is called. EBADF: a regular file that is not open for both. EXDEV: before Linux 5.3. */
static enum inspect_type type_of_denied(int fd) {
    loff_t from = 0, to = 0;

    if (syscall(SYS_copy_file_range, fd, &from, fd, &to, (size_t)0, 0u) == 0 || errno == EBADF ||
        errno == EXDEV)
        return INSPECT_REGULAR;
    if (errno == EISDIR)
        return INSPECT_DIRECTORY;
    return fcntl(fd, F_GETPIPE_SZ) >= 0 ? INSPECT_PIPE : INSPECT_OTHER;
}

enum inspect_type inspect_type_of(os_fd fd, os_uid uid) {
    int flags = fcntl(fd, F_GETFL);
    struct facts facts;
    int error;

    (void)uid;
    if (flags < 0)
        return INSPECT_UNKNOWN;
    if (flags & O_PATH)
        return INSPECT_PATH;
    error = facts_of(fd, &facts);
    if (error) /* not an anonymous inode: statx never denies access to those */
        return error == -EACCES ? type_of_denied(fd) : INSPECT_UNKNOWN;
    if (known.pidfs != known.anonymous && facts.device == known.pidfs)
        return INSPECT_PIDFD;
    if (facts.device == known.anonymous || !(facts.mode & S_IFMT))
        return type_of_anonymous(fd);
    switch (facts.mode & S_IFMT) {
    case S_IFIFO:
        return INSPECT_PIPE;
    case S_IFSOCK:
        return type_of_socket(fd);
    case S_IFREG:
        return INSPECT_REGULAR;
    case S_IFDIR:
        return INSPECT_DIRECTORY;
    case S_IFCHR:
        return type_of_character(facts.major);
    case S_IFBLK:
        return INSPECT_BLOCK;
    default:
        return INSPECT_OTHER;
    }
}

bool inspect_needs_thread(os_fd fd, enum inspect_type type) {
    enum { MAJOR_MEMORY = 1 }; /* null, zero, full, random: they are always ready */
    struct facts facts;

    switch (type) {
    case INSPECT_EPOLL: /* takes a mutex that epoll_wait holds while it writes to its caller's memory */
    case INSPECT_TTY:   /* waits for a change of the line discipline, which waits for readers */
    case INSPECT_UDP: /* checks and drops what has a wrong checksum, as much as there is, unless O_NONBLOCK is set */
    case INSPECT_SOCKET:  /* AF_VSOCK locks the socket; other families are unknown */
    case INSPECT_OTHER:   /* the driver is unknown */
    case INSPECT_REGULAR: /* FUSE calls the server */
    case INSPECT_DIRECTORY:
    case INSPECT_BLOCK:
        return true;
    case INSPECT_CHARACTER:
        return facts_of(fd, &facts) || facts.major != MAJOR_MEMORY;
    default:
        /* Pipes, TCP and Unix sockets, eventfd, timerfd, inotify, pidfd: their poll reads counters and
         * flags without a lock or under a spinlock. */
        return false;
    }
}

uint64_t inspect_listening_process(os_fd fd, os_fd *opened) {
    struct facts facts;

    *opened = OS_FD_NONE;
    if (known.pidfs == known.anonymous)
        return 0;
    *opened = open_peer(fd);
    return facts_of(*opened, &facts) == 0 && facts.device == known.pidfs ? facts.inode : 0;
}

/* ---- processes -------------------------------------------------------------------------------------------------- */

/* Reads what follows the key in the descriptor's fdinfo. */
static bool read_fdinfo(int fd, const char *key, char *line, size_t size) {
    char path[40];
    size_t length = strlen(key);
    bool found = false;

    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (!found && fgets(line, (int)size, file))
        found = strncmp(line, key, length) == 0;
    (void)fclose(file);
    if (found)
        memmove(line, line + length, strlen(line + length) + 1);
    return found;
}

/* Whether the kernel tells the process without /proc. *pid 0: it has ended, or is not visible here. */
static bool tells_pid(int fd, uint32_t *pid) {
    struct pidfd_facts facts = {.mask = PIDFD_FACTS_PID};
    long result = syscall(SYS_ioctl, fd, PIDFD_GET_INFO_64, &facts); /* musl's ioctl takes an int */
    int error = result < 0 ? errno : 0;

    if (error && error != ESRCH && error != EREMOTE)
        return false;
    *pid = error ? 0 : facts.tgid;
    return true;
}

bool inspect_tells_pids(void) { return known.tells_pids; }

bool inspect_passes_processes(void) { return true; }

uint32_t inspect_read_pid(os_fd pidfd) {
    char line[128];
    long number = read_fdinfo(pidfd, "Pid:", line, sizeof(line)) ? strtol(line, NULL, 10) : 0;

    return number > 0 ? (uint32_t)number : 0;
}

/* In how many pid namespaces, from that of /proc inwards, the process has a number. 0: it has ended or is not visible here. -1:
 * cannot be told: no /proc, or no such line before Linux 5.4. */
static int levels_of(int fd) {
    char line[512], *at = line, *end;
    int n = 0;

    if (!read_fdinfo(fd, "NSpid:", line, sizeof(line)))
        return -1;
    while (strtol(at, &end, 10) > 0 && end != at) {
        at = end;
        n++;
    }
    return n;
}

bool inspect_has_locks(os_fd pidfd) { return file_locks_exist(pidfd); }

int inspect_pidfd(os_fd fd, uint64_t *key, uint32_t *pid) {
    struct facts facts;

    *key = 0;
    /* A pidfd of a thread (PIDFD_THREAD, Linux 6.9) has the flag O_EXCL, and ends with that thread. */
    if (inspect_type_of(fd, 0) != INSPECT_PIDFD || facts_of(fd, &facts) || fcntl(fd, F_GETFL) & O_EXCL)
        return -EINVAL;
    (void)tells_pid(fd, pid);
    /* pidfs has one inode per process and never reuses it; older kernels have one inode for all pidfds. */
    *key = facts.device == known.anonymous ? *pid : facts.inode;
    return *key ? 0 : -EAGAIN;
}

os_fd inspect_open_pid(uint32_t pid, uint64_t *key) {
    struct facts facts;
    os_fd fd;

    if (pid == 0 || pid > INT32_MAX) {
        errno = EINVAL;
        return OS_FD_NONE;
    }
    fd = open_pid(pid);
    if (fd != OS_FD_NONE)
        *key = facts_of(fd, &facts) || facts.device == known.anonymous ? pid : facts.inode;
    return fd;
}

/* Before pidfs nothing stays. */
bool inspect_pids_are_full(void) {
    enum { PIDFDS = 9 * 850 }; /* bytes, for all processes that a hello can name */

    return known.pidfs != known.anonymous && cgroup_is_full(PIDFDS);
}

/* The kernel tells of the process that connected: before pidfs, its pid is the key. */
uint64_t inspect_peer(os_fd connection, uint32_t pid, os_fd *opened) {
    struct facts facts;

    *opened = OS_FD_NONE;
    if (known.pidfs == known.anonymous)
        return pid;
    *opened = open_peer(connection);
    return facts_of(*opened, &facts) || facts.device != known.pidfs ? pid : facts.inode;
}

enum inspect_shares inspect_may_share_pids(os_fd connection, uint32_t pid, os_fd *opened) {
    *opened = OS_FD_NONE;
    if (pid == 0)
        return INSPECT_SHARES_NOT;
    if (known.pid_levels <= 0)
        return INSPECT_SHARES;
    *opened = open_peer(connection);
    if (*opened == OS_FD_NONE)
        *opened = open_pid(pid);
    return *opened == OS_FD_NONE && errno != ESRCH ? INSPECT_SHARES_UNTOLD : INSPECT_SHARES_NOT;
}

enum inspect_shares inspect_shares_pids(os_fd opened) {
    int levels = levels_of(opened);
    return levels == known.pid_levels ? INSPECT_SHARES
           : levels < 0               ? INSPECT_SHARES_UNTOLD
                                      : INSPECT_SHARES_NOT;
}
