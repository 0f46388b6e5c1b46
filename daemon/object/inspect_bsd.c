/* inspect_bsd.c: inspect.h for the BSDs and macOS, by fstat, getsockopt and fcntl.
 *
 * Sockets are told first, without fstat. What is left are pipes, devices and files: of a file fstat asks its file system, so one whose server
 * does not answer keeps the loop waiting (SECURITY.md). Kqueues cannot be passed on; those that occur here are the broker's own.
 *
 * Where a call compares open files (open_file.h), it alone is asked. Elsewhere, a socket has only one open file, and is recognized by the
 * number that fstat gives it (Unix sockets) or, if it is a connected TCP socket, by its two addresses, which no other has at a time; a pipe by
 * its number and flags. Everything else counts as different. */
#include "inspect.h"
#include "inspect_socket.h"
#include "open_file.h"

#include "proto/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

#include <sys/event.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct own {
    os_fd listener;
    struct sockaddr_un address;
};

static struct {
    struct own owns[INSPECT_LISTENERS]; /* those with a path */
    size_t n_owns;
    bool compares; /* a call tells copies from other open files */
} known;

struct name {
    struct sockaddr_storage address;
    socklen_t length;
};

static bool own_name(int fd, struct name *name) {
    *name = (struct name){.length = sizeof(name->address)};
    return getsockname(fd, (struct sockaddr *)&name->address, &name->length) == 0;
}

static bool peer_name(int fd, struct name *name) {
    *name = (struct name){.length = sizeof(name->address)};
    return getpeername(fd, (struct sockaddr *)&name->address, &name->length) == 0;
}

/* The system may lack the call, or forbid it to this process. */
static bool learn_compares(void) {
    int ends[2];

    if (calls_pipe(ends, false) < 0)
        return false;
    int copy = os_dup(ends[0]);
    bool told = copy >= 0 && open_file_same(ends[0], copy) && !open_file_same(ends[0], ends[1]);
    os_close(copy);
    os_close(ends[0]);
    os_close(ends[1]);
    return told;
}

void inspect_add_listener(os_fd listener) {
    struct own *own = &known.owns[known.n_owns];
    socklen_t length = sizeof(own->address) - 1; /* so the path ends with a zero */

    memset(own, 0, sizeof(*own));
    own->listener = listener;
    if (getsockname(listener, (struct sockaddr *)&own->address, &length) == 0 &&
        own->address.sun_family == AF_UNIX && own->address.sun_path[0])
        known.n_owns++;
}

void inspect_init(os_fd listener) {
    known.n_owns = 0;
    if (listener != OS_FD_NONE)
        inspect_add_listener(listener);
    known.compares = learn_compares();
}

const char *inspect_identity(void) { return known.compares ? "kcmp" : "fstat"; }

bool inspect_knows_abstract_names(void) { return false; }

/* ---- types ---------------------------------------------------------------------------------------------------- */

/* The protocol is not told everywhere; of the stream and datagram sockets of these families nearly all are TCP and UDP, and what is
 * done with the others (SCTP, UDP-Lite) is the same. */
static enum inspect_type type_of_socket(int fd, int type) {
    struct name name;

    if (!own_name(fd, &name))
        return INSPECT_SOCKET;
    switch (name.address.ss_family) {
    case AF_UNIX:
        return inspect_unix_type(fd, type);
    case AF_INET:
    case AF_INET6:
        break;
    default:
        return INSPECT_SOCKET;
    }
    if (type == SOCK_STREAM)
        return inspect_listens(fd) ? INSPECT_TCP_LISTENER : INSPECT_TCP;
    return type == SOCK_DGRAM ? INSPECT_UDP : INSPECT_SOCKET;
}

enum inspect_type inspect_type_of(os_fd fd, os_uid uid) {
    int type = inspect_option(fd, SO_TYPE);
    struct stat status;

    (void)uid;
    if (type >= 0)
        return type_of_socket(fd, type);
    if (fstat(fd, &status) < 0)
        return errno == EBADF ? INSPECT_UNKNOWN : INSPECT_OTHER;
    switch (status.st_mode & S_IFMT) {
    case S_IFIFO:
        return INSPECT_PIPE;
    case S_IFSOCK:
        return INSPECT_SOCKET;
    case S_IFREG:
        return INSPECT_REGULAR;
    case S_IFDIR:
        return INSPECT_DIRECTORY;
    case S_IFCHR:
        return isatty(fd) ? INSPECT_TTY : INSPECT_CHARACTER;
    case S_IFBLK:
        return INSPECT_BLOCK;
    default:
        return INSPECT_OTHER;
    }
}

bool inspect_needs_thread(os_fd fd, enum inspect_type type) {
    (void)fd;
    switch (type) {
    case INSPECT_TTY:
    case INSPECT_SOCKET:
    case INSPECT_OTHER:
    case INSPECT_REGULAR:
    case INSPECT_DIRECTORY:
    case INSPECT_BLOCK:
    case INSPECT_CHARACTER:
        return true;
    default:
        return false;
    }
}

/* ---- the same open file -------------------------------------------------------------------------------------- */

static bool same_name(const struct name *a, const struct name *b) {
    return a->length == b->length && memcmp(&a->address, &b->address, a->length) == 0;
}

static bool same_connection(int a, int b) {
    struct name own_a, own_b, peer_a, peer_b;

    return own_name(a, &own_a) && own_name(b, &own_b) && peer_name(a, &peer_a) && peer_name(b, &peer_b) &&
           own_a.address.ss_family != AF_UNIX && same_name(&own_a, &own_b) && same_name(&peer_a, &peer_b) &&
           inspect_option(a, SO_TYPE) == SOCK_STREAM && inspect_option(b, SO_TYPE) == SOCK_STREAM;
}

bool inspect_same(os_fd a, os_fd b) {
    struct stat of_a, of_b;

    if (known.compares)
        return open_file_same(a, b);
    if (same_connection(a, b))
        return true;
    if (fstat(a, &of_a) < 0 || fstat(b, &of_b) < 0 || of_a.st_ino == 0)
        return false;
    return of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino &&
           (of_a.st_mode & S_IFMT) == (of_b.st_mode & S_IFMT) &&
           (S_ISSOCK(of_a.st_mode) || S_ISFIFO(of_a.st_mode)) && fcntl(a, F_GETFL) == fcntl(b, F_GETFL);
}

/* A listener of another process at the same address would be taken for ours: a foreign connection is refused rather than our own accepted. */
bool inspect_is_own(os_fd fd, os_uid uid, os_fd *opened) {
    struct sockaddr_un peer;
    socklen_t length = sizeof(peer) - 1;

    (void)uid;
    *opened = OS_FD_NONE;
    if (!known.n_owns)
        return false;
    memset(&peer, 0, sizeof(peer));
    bool has_peer = getpeername(fd, (struct sockaddr *)&peer, &length) == 0;
    for (size_t i = 0; i < known.n_owns; i++) {
        const struct own *own = &known.owns[i];
        if (has_peer ? peer.sun_family == AF_UNIX && strcmp(peer.sun_path, own->address.sun_path) == 0
                     : inspect_same(fd, own->listener))
            return true;
    }
    return false;
}

/* ---- processes -------------------------------------------------------------------------------------------------- */

bool inspect_has_locks(os_fd pidfd) {
    (void)pidfd;
    return false;
}

bool inspect_tells_pids(void) { return true; }

bool inspect_passes_processes(void) { return false; }

uint32_t inspect_read_pid(os_fd pidfd) {
    (void)pidfd;
    return 0;
}

/* Nothing that is passed on follows a process. */
int inspect_pidfd(os_fd fd, uint64_t *key, uint32_t *pid) {
    (void)fd;
    *key = *pid = 0;
    return -EINVAL;
}

/* A kqueue that is readable once the process has ended. */
os_fd inspect_open_pid(uint32_t pid, uint64_t *key) {
    struct kevent change;
    os_fd fd;

    if (pid == 0 || pid > INT32_MAX) {
        errno = EINVAL;
        return OS_FD_NONE;
    }
    fd = kqueue();
    if (fd < 0)
        return OS_FD_NONE;
    EV_SET(&change, pid, EVFILT_PROC, EV_ADD | EV_ONESHOT, NOTE_EXIT, 0, NULL);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || kevent(fd, &change, 1, NULL, 0, NULL) < 0) {
        os_close(fd);
        return OS_FD_NONE;
    }
    *key = pid;
    return fd;
}

bool inspect_pids_are_full(void) { return false; }

uint64_t inspect_peer(os_fd connection, uint32_t pid, os_fd *opened) {
    (void)connection;
    *opened = OS_FD_NONE;
    return pid;
}

enum inspect_shares inspect_may_share_pids(os_fd connection, uint32_t pid, os_fd *opened) {
    (void)connection;
    (void)pid;
    *opened = OS_FD_NONE;
    return INSPECT_SHARES;
}

enum inspect_shares inspect_shares_pids(os_fd opened) {
    (void)opened;
    return INSPECT_SHARES;
}
