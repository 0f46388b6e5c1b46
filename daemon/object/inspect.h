/* inspect.h: the type and identity of a received descriptor, determined before the broker keeps it. The
 * functions change nothing and never call a server in user space (FUSE, network file systems), which might not answer; those about
 * descriptors open no files, those about processes do. */
#ifndef INSPECT_H
#define INSPECT_H

#include "proto/os.h"

#include <stdbool.h>
#include <stdint.h>

enum inspect_type {
    INSPECT_OTHER,
    INSPECT_PIPE,
    INSPECT_TCP,
    INSPECT_TCP_LISTENER,
    INSPECT_UDP,
    INSPECT_UNIX,
    INSPECT_UNIX_LISTENER,
    INSPECT_UNIX_DGRAM,
    INSPECT_UNIX_SEQPACKET,
    INSPECT_SOCKET, /* any other socket */
    INSPECT_REGULAR,
    INSPECT_DIRECTORY,
    INSPECT_TTY,
    INSPECT_CHARACTER,
    INSPECT_BLOCK,
    INSPECT_EVENTFD,
    INSPECT_TIMERFD,
    INSPECT_INOTIFY,
    INSPECT_EPOLL,
    INSPECT_PIDFD,
    INSPECT_SIGNALFD,
    INSPECT_FANOTIFY,
    INSPECT_USERFAULTFD,
    INSPECT_IO_URING,
    INSPECT_PATH, /* opened with O_PATH */
    /* Windows; INSPECT_PIPE is there one for overlapped I/O. */
    INSPECT_OUTPUT_PIPE,  /* for overlapped I/O, and not open for reading: nothing can wait at it */
    INSPECT_PLAIN_PIPE,   /* for synchronous I/O: only a poller thread may look into it */
    INSPECT_EVENT_OBJECT, /* stays signalled */
    INSPECT_AUTO_EVENT,   /* resets itself, or may do so */
    INSPECT_SEMAPHORE_OBJECT,
    INSPECT_MUTEX,
    INSPECT_TIMER_OBJECT, /* it is not told which of the two kinds */
    INSPECT_PROCESS,
    INSPECT_THREAD,
    INSPECT_SCREEN, /* a console's output; INSPECT_TTY is there its input */
    INSPECT_DEVICE, /* a file of a driver that is none of the above */
    INSPECT_FILE, /* a file object that another holder is using, so that its driver does not tell what it is */
    INSPECT_CONNECTION, /* a client's end of a pipe of this broker */
    INSPECT_UNKNOWN,    /* cannot be determined: it may be of a refused type */
    INSPECT_TYPES
};

/* Returns the type's name in Item.type, such as "tcp-listener". */
const char *inspect_name(enum inspect_type type);

bool inspect_is_socket(enum inspect_type type);
bool inspect_is_unix(enum inspect_type type);

/* Types that every call refuses. A connection to this broker, where its type tells that. A signalfd reports the signals of the process that polls it. Reading from a
 * fanotify group or a userfaultfd opens descriptors in the reading process. An O_PATH descriptor has nothing to
 * wait for. An io_uring keeps everything registered in it open, and newer kernels do not pass it on. An unknown
 * descriptor may be any of these. */
bool inspect_is_refused(enum inspect_type type);

/* Call once, at the start: learns how open files can be compared, and the address by which a connection to this
 * broker is recognized. listener is borrowed forever and may be OS_FD_NONE. */
void inspect_init(os_fd listener);

/* The same for another listener, of one that inspect_init has got and at most INSPECT_LISTENERS in all. */
enum { INSPECT_LISTENERS = 2 };
void inspect_add_listener(os_fd listener);

/* Returns how open files are compared: "dupfd-query", "kcmp", "fstat", "compare-object-handles" or "none". */
const char *inspect_identity(void);

/* Whether this system's Unix sockets have abstract names. Where they have not, a name that begins with NUL is none. */
bool inspect_knows_abstract_names(void);

/* uid: on whose behalf. On Windows somebody else's use of a file can make the question wait, so that a user may have only so many asked. */
enum inspect_type inspect_type_of(os_fd fd, os_uid uid);

/* Whether descriptors of that type are always ready, so that engine_can_watch need not be asked. */
bool inspect_is_unwatchable(enum inspect_type type);

/* True if the kernel may be unable to watch a descriptor of that type; engine_can_watch tells for one descriptor. */
bool inspect_may_be_unwatchable(enum inspect_type type);

/* Whether the system tells when a descriptor of that type becomes ready in that direction, or it always is. If not, there can be neither semaphore nor
 * event nor wait for it. */
bool inspect_tells_ready(enum inspect_type type, bool write);

/* Whether the system's names of sockets are apart from those of other descriptors, so that a number can mean both. */
bool inspect_sockets_are_apart(void);

/* True if only a poller thread may poll the descriptor (poller.h): its poll operation takes a lock that another
 * holder can keep, or calls a server in user space, or may do either for all that is known. */
bool inspect_needs_thread(os_fd fd, enum inspect_type type);

/* True if fd is the broker's listener, or a client's end of a connection to it, accepted or not. The address
 * alone does not prove that: in another mount or network namespace another process may listen at the same one.
 * So the process that called listen(2) is compared too, which the kernel reports for each end. uid: as above; `opened`: as below. */
bool inspect_is_own(os_fd fd, os_uid uid, os_fd *opened);

/* True if both are the same open file description. False also if that cannot be determined. */
bool inspect_same(os_fd a, os_fd b);

/* Whether somebody has byte-range locks on a pidfd's inode, so that its close takes long. */
bool inspect_has_locks(os_fd pidfd);

/* ---- processes. `opened`: a descriptor that was opened meanwhile, or OS_FD_NONE. The caller closes it, and not in the loop: a pidfd can have
 * locks of others, which are walked then. */

/* Whether inspect_pidfd finds out the pid itself. If not (before Linux 6.13), only /proc tells it: there inspect_read_pid finds it, 0 if it is not visible. It
 * walks all locks that somebody has put on the process's inode, so it is for workers. */
bool inspect_tells_pids(void);

/* Whether the descriptor that inspect_open_pid makes can be given to another process: a pidfd can, a kqueue cannot. */
bool inspect_passes_processes(void);
uint32_t inspect_read_pid(os_fd pidfd);

/* Returns 0 for a pidfd of a process. *key then identifies the process among all living ones; *pid is its number here, 0 if it is not visible. Before the
 * call *pid is what inspect_read_pid told, or 0. -EINVAL: it is none, or one of a thread. -EAGAIN: *pid is 0, which a kernel without pidfs identifies
 * processes by. */
int inspect_pidfd(os_fd fd, uint64_t *key, uint32_t *pid);

/* Opens a descriptor of that process, close-on-exec, that is readable once it has ended: a pidfd where there are any. *key as that of inspect_pidfd.
 * OS_FD_NONE with errno. */
os_fd inspect_open_pid(uint32_t pid, uint64_t *key);

/* Whether the broker's control group is full (cgroup.h): what the kernel makes for the pidfds that a hello names by pids is charged to the one who opens the
 * first for a process, as long as anybody has one. For workers. */
bool inspect_pids_are_full(void);

/* The same key of the process that connected, which had that pid. Without peer pidfds (older kernels): its pid. */
uint64_t inspect_peer(os_fd connection, uint32_t pid, os_fd *opened);

/* Whether the process that connected (its pid here; 0: it is not visible) means the same processes by pids as the broker does: it lives, in the broker's
 * pid namespace. It does also where there are no such namespaces, or /proc does not tell. If *opened is a descriptor, the answer is that of inspect_shares_pids,
 * which walks locks as inspect_read_pid does: for workers. */
enum inspect_shares {
    INSPECT_SHARES_NOT,
    INSPECT_SHARES,
    INSPECT_SHARES_UNTOLD /* no memory or descriptor to ask */
};
enum inspect_shares inspect_may_share_pids(os_fd connection, uint32_t pid, os_fd *opened);
enum inspect_shares inspect_shares_pids(os_fd opened);

#endif
