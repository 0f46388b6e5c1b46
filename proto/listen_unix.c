/* listen_unix.c: how a listener gets its address, and how it gives it up.
 *
 * Brokers that begin or end at one path are kept apart by a lock file beside it, PATH.lock. It is made for the owner alone, so no stranger
 * can hold it, and it is there only while somebody has it: who gets a lock looks whether the file still has that name, else it is another
 * one by now. With the lock nobody but us makes or removes a socket file there. So an old one can be judged and replaced, and at the end
 * ours can be told from that of a broker which came later; inode numbers do for that while the listener is open, since it keeps its
 * inode.
 *
 * A broker that would leave takes its file away first (PATH.leaving). Who has come until then is in the listener's queue: if there is
 * somebody the file is put back, and the lock has kept others from taking the place meanwhile.
 *
 * A name ("unix:@name") has no file: the kernel keeps it while somebody listens, lets nobody else have it, and lets everybody connect. It
 * is Linux's; elsewhere such an address is an empty path, which is refused. */
#define _GNU_SOURCE

#include "socket.h"
#include "socket_unix.h"
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BEGIN_US = 5000000, /* that another one at that path may take to begin or to end */
    END_US = 500000,
    PAUSE_MS = 5,
    BESIDE_MAX = ADDRESS_MAX + 16
};

/* ---- the lock file ------------------------------------------------------------------------------------------------ */

static const char *beside(char name[BESIDE_MAX], const char *path, const char *what) {
    (void)snprintf(name, BESIDE_MAX, "%s.%s", path, what);
    return name;
}

static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* One try. >= 0: the lock; -EAGAIN: somebody has it; -EPERM: the file is not ours. */
static int lock_try(const char *file) {
    struct stat opened, named;
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    int r = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &opened) < 0)
        r = -errno;
    else if (!S_ISREG(opened.st_mode) || opened.st_uid != geteuid())
        r = -EPERM;
    else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        r = errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
    else if (lstat(file, &named) < 0 || !is_same(&opened, &named))
        r = -EAGAIN; /* its holder has removed it since */
    if (r == 0)
        return fd;
    os_close(fd);
    return r;
}

/* >= 0, or a negative errno: -EBUSY when somebody does not let go of it in that time. */
static int lock_take(const char *path, int64_t patience_us) {
    char file[BESIDE_MAX];
    int64_t until = os_now_us() + patience_us;
    int r;

    (void)beside(file, path, "lock");
    while ((r = lock_try(file)) == -EAGAIN) {
        if (os_now_us() >= until)
            return -EBUSY;
        (void)poll(NULL, 0, PAUSE_MS);
    }
    return r;
}

static void lock_give(const char *path, int lock) {
    char file[BESIDE_MAX];

    if (lock < 0)
        return;
    (void)unlink(beside(file, path, "lock"));
    os_close(lock);
}

/* ---- beginning ---------------------------------------------------------------------------------------------------- */

/* What a broker that was killed while it left may have left. */
static void clear_leaving(const char *path) {
    char file[BESIDE_MAX];
    struct stat status;

    if (lstat(beside(file, path, "leaving"), &status) == 0 && S_ISSOCK(status.st_mode))
        (void)unlink(file);
}

/* Makes way for a new socket at that path. Nobody listens at a socket that refuses connections; one whose
 * queue is full (EAGAIN) or that is closed to us (EACCES) may well be alive. */
static int clear(const char *address, const char *path) {
    struct stat status;
    struct transport connection = transport_none();

    if (lstat(path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    int r = transport_connect(address, &connection);
    transport_close(connection);
    if (r == 0 || r == -EAGAIN || r == -EPROTOTYPE)
        return -EADDRINUSE;
    if (r != -ECONNREFUSED)
        return r;
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* The mode must be right from the first moment, and only the umask sees to that (the mode of a socket's open
 * file says nothing about its name). It is the whole process's: a listener is made before there are threads.
 */
static int bind_as(int fd, const struct sockaddr_un *name, unsigned mode) {
    mode_t before = umask(~(mode_t)mode & 0777);
    int r = bind(fd, (const struct sockaddr *)name, (socklen_t)socket_address_size(name)) < 0 ? -errno : 0;

    (void)umask(before);
    if (r < 0)
        return r;
    if (listen(fd, SOMAXCONN) < 0) {
        r = -errno;
        if (name->sun_path[0])
            (void)unlink(name->sun_path);
    }
    return r;
}

static int bind_new(const struct sockaddr_un *name, unsigned mode, os_fd *listener) {
    int fd = socket_new();

    if (fd < 0)
        return fd;
    int r = bind_as(fd, name, mode);
    if (r < 0)
        os_close(fd);
    else
        *listener = fd;
    return r;
}

static int listen_at_path(const char *address, const struct sockaddr_un *name, unsigned mode, os_fd *listener,
                          struct transport_file *file) {
    const char *path = name->sun_path;
    struct stat status;
    int lock = lock_take(path, BEGIN_US);

    if (lock < 0)
        return lock;
    clear_leaving(path);
    int r = clear(address, path);
    if (r == 0)
        r = bind_new(name, mode, listener);
    if (r == 0 && lstat(path, &status) == 0)
        *file = (struct transport_file){.device = status.st_dev, .inode = status.st_ino, .lock = OS_FD_NONE};
    lock_give(path, lock);
    return r;
}

int transport_listen(const char *address, unsigned mode, os_fd *listener, struct transport_file *file) {
    struct address parsed;
    struct sockaddr_un name;
    struct transport_file nowhere;

    file = file ? file : &nowhere;
    *file = (struct transport_file){.lock = OS_FD_NONE};
    if (address_parse(address, &parsed))
        return -EINVAL;
    if (parsed.kind == ADDRESS_FD)
        return socket_adopt_as(parsed.fd, true, listener);
    if (parsed.kind != ADDRESS_UNIX)
        return -EAFNOSUPPORT;
    int r = socket_address(&parsed, &name);
    if (r < 0)
        return r;
    return name.sun_path[0] ? listen_at_path(address, &name, mode, listener, file)
                            : bind_new(&name, mode, listener);
}

/* ---- ending ------------------------------------------------------------------------------------------------------- */

/* The path of a file that is still ours. */
static const char *path_of(const char *address, const struct transport_file *file, struct address *parsed) {
    struct stat status;

    if (file->inode == 0 || address_parse(address, parsed) || lstat(parsed->path, &status) < 0 ||
        status.st_dev != file->device || status.st_ino != file->inode)
        return NULL;
    return parsed->path;
}

int transport_hide(const char *address, struct transport_file *file) {
    struct address parsed;
    char hidden[BESIDE_MAX];

    if (!path_of(address, file, &parsed))
        return 0; /* nobody finds us there as it is */
    int lock = lock_take(parsed.path, END_US);
    if (lock < 0)
        return lock;
    if (path_of(address, file, &parsed) && rename(parsed.path, beside(hidden, parsed.path, "leaving")) == 0)
        file->lock = lock;
    else
        lock_give(parsed.path, lock);
    return 0;
}

void transport_show(const char *address, struct transport_file *file) {
    struct address parsed;
    struct stat status;
    char hidden[BESIDE_MAX];

    if (file->lock == OS_FD_NONE || address_parse(address, &parsed))
        return;
    (void)beside(hidden, parsed.path, "leaving");
    if (lstat(parsed.path, &status) == 0 || rename(hidden, parsed.path) < 0)
        (void)unlink(hidden); /* whatever is there now was made by somebody who keeps no locks */
    lock_give(parsed.path, file->lock);
    file->lock = OS_FD_NONE;
}

void transport_unlink(const char *address, struct transport_file *file) {
    struct address parsed;

    if (file->lock == OS_FD_NONE && path_of(address, file, &parsed)) {
        /* Without the lock too: who does not let go of it does not keep us. */
        int lock = lock_take(parsed.path, END_US);
        if (path_of(address, file, &parsed))
            (void)unlink(parsed.path);
        lock_give(parsed.path, lock);
    } else if (file->lock != OS_FD_NONE && !address_parse(address, &parsed)) {
        clear_leaving(parsed.path);
        lock_give(parsed.path, file->lock);
    }
    *file = (struct transport_file){.lock = OS_FD_NONE};
}

void transport_refuse(os_fd listener) { (void)shutdown(listener, SHUT_RD); }

bool transport_is_shut(os_fd listener) { return socket_is_shut(listener); }

bool transport_waits(os_fd listener) {
    struct pollfd p = {.fd = listener, .events = POLLIN};

    return poll(&p, 1, 0) > 0 && (p.revents & POLLIN) && !socket_is_shut(listener);
}
