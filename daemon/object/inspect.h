/* inspect.h: what a received descriptor is, before the broker keeps it. Nothing about it is changed, nothing
 * is opened, and nothing asks a server in user space (FUSE, network file systems), which might never
 * answer. */
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
    INSPECT_SOCKET, /* any other */
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
    INSPECT_PATH,    /* opened with O_PATH */
    INSPECT_UNKNOWN, /* nothing can be learnt about it: it may be one that is refused */
    INSPECT_TYPES
};

/* "tcp-listener"; the words of Item.type. */
const char *inspect_name(enum inspect_type type);

bool inspect_is_socket(enum inspect_type type);
bool inspect_is_unix(enum inspect_type type); /* a Unix socket */

/* Types that no call takes. A signalfd reports the signals of whichever process asks. Reading from a fanotify group or a userfaultfd opens
 * descriptors in the process that reads. O_PATH has nothing to wait for. An io_uring keeps open whatever is registered in it, and newer
 * kernels do not pass it on. What is unknown may be any of these. */
bool inspect_is_refused(enum inspect_type type);

/* Once, at the start: finds out how open files can be compared and what our own address looks like from a
 * client's end. listener is borrowed for good and may be OS_FD_NONE. */
void inspect_init(os_fd listener);

/* How open files are compared: "dupfd-query", "kcmp", "fstat". */
const char *inspect_identity(void);

enum inspect_type inspect_type_of(os_fd fd);

/* A descriptor of that type may be one that the kernel cannot watch: engine_can_watch tells. */
bool inspect_may_be_unwatchable(enum inspect_type type);

/* Whether only a poller thread may ask about it (poller.h): its poll operation takes a lock that another holder can keep, or asks a server in
 * user space, or is not known to do neither. */
bool inspect_needs_thread(os_fd fd, enum inspect_type type);

/* fd is the listener, or a client's end of a connection to it, accepted or not. An address alone does not make it so: in other mount and
 * network namespaces others listen at the same one. Told by who called listen(2), which each end knows from the kernel. */
bool inspect_is_own(os_fd fd);

/* Both are the same open file description. False where that cannot be known. */
bool inspect_same(os_fd a, os_fd b);

/* Closing one copy of such an open file, of which the broker has another one, waits for nobody, so the loop may do it. A
 * short table with a reason for each. The last copy is another matter: whatever it is, the kernel takes it out of the epolls
 * that it lies in, under their locks. */
bool inspect_closes_at_once(enum inspect_type type);

/* Whether fd is a pidfd; *key then tells its process from all others that live, *pid its number here (0: not
 * visible); pid may be NULL. */
bool inspect_pidfd(os_fd fd, uint64_t *key, uint32_t *pid);

/* A pidfd of that process, close-on-exec, or OS_FD_NONE with errno. */
os_fd inspect_open_pid(uint32_t pid);

#endif
