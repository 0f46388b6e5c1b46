/* listen_unix.c: binds a listener to its address, and removes its socket file.
 *
 * A lock file, PATH.lock, serializes brokers that start or stop at one path. Its mode is 0600, so other users cannot lock it. It exists only
 * while it is held: after locking, a broker checks that the file still has that name, else the lock is void. It is empty: anything else of
 * that name is somebody's file, which is left alone. With the lock no other broker
 * creates or removes a socket file there. So a broker can check and replace a stale file, and at the end tell its own file from that of a
 * later broker, by the inode number: the open listener keeps its inode in use.
 *
 * A broker that wants to exit first renames its file to PATH.leaving. Clients that connected before are in the listener's queue: if there is
 * one, the broker renames the file back; the lock has kept other brokers away meanwhile.
 *
 * The queue of the listener is short: all users share it, and whoever connects waits for all that are in it. When it is full the next wait
 * in connect(2), in the kernel's order, so that one user cannot fill the place that is free with its next connection. Where a full queue
 * refuses it is as long as may be.
 *
 * An abstract name ("unix:@name") has no file: the kernel reserves it while the listener is open, and lets every user connect. Only Linux has
 * them; elsewhere such an address is an empty path, which is refused. */
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
    BEGIN_US = 5000000, /* that another broker at the path may take to start or stop */
    END_US = 500000,
    PAUSE_MS = 5,
    REFUSALS =
        50,     /* after which nobody listens, where a full queue refuses as well: a broker accepts sooner */
    QUEUE = 64, /* connections that wait to be accepted; where a full queue does not refuse */
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

/* One attempt. >= 0: the lock; -EAGAIN: another process holds it; -EPERM: the file is another user's; -ENOTEMPTY: it is no lock. */
static int lock_try(const char *file) {
    struct stat opened, named;
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    int r = 0;

    if (fd < 0) {
        r = -errno;
        return lstat(file, &named) == 0 && !S_ISREG(named.st_mode) ? -ENOTEMPTY : r;
    }
    if (fstat(fd, &opened) < 0)
        r = -errno;
    else if (opened.st_uid != geteuid())
        r = -EPERM;
    else if (!S_ISREG(opened.st_mode) || opened.st_size > 0)
        r = -ENOTEMPTY;
    else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        r = errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
    else if (lstat(file, &named) < 0 || !is_same(&opened, &named))
        r = -EAGAIN; /* its holder has removed it meanwhile */
    if (r == 0)
        return fd;
    os_close(fd);
    return r;
}

/* >= 0: the lock; or a negative errno; -EBUSY: another process has held it all the time. */
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

/* Removes the file of a broker that was killed while it was stopping. */
static void clear_leaving(const char *path) {
    char file[BESIDE_MAX];
    struct stat status;

    if (lstat(beside(file, path, "leaving"), &status) == 0 && S_ISSOCK(status.st_mode))
        (void)unlink(file);
}

/* Removes a stale socket at the path. A socket that refuses connections is stale; one whose queue is full (EAGAIN) or that we may not connect
 * to (EACCES) may be in use. */
static int clear(const char *address, const char *path) {
    struct stat status;
    struct transport connection = transport_none();

    if (lstat(path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    int r, tries = socket_full_refuses() ? REFUSALS : 1;
    while ((r = transport_connect(address, &connection)) == -ECONNREFUSED && --tries > 0)
        (void)poll(NULL, 0, PAUSE_MS);
    transport_close(connection);
    if (r == 0 || r == -EAGAIN || r == -EPROTOTYPE)
        return -EADDRINUSE;
    if (r != -ECONNREFUSED)
        return r;
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Only the umask gives the file its mode at creation (fchmod of a socket does not change its file). The umask is the process's, so call this
 * before threads are started. */
static int bind_as(int fd, const struct socket_kind *kind, const struct sockaddr_un *name, unsigned mode) {
    mode_t before = umask(~(mode_t)mode & 0777);
    int r = bind(fd, (const struct sockaddr *)name, (socklen_t)socket_address_size(name)) < 0 ? -errno : 0;

    (void)umask(before);
    if (r < 0 || kind->type != SOCK_STREAM)
        return r;
    if (listen(fd, socket_full_refuses() ? SOMAXCONN : QUEUE) < 0) {
        r = -errno;
        if (name->sun_path[0])
            (void)unlink(name->sun_path);
    }
    return r;
}

static int bind_new(const struct sockaddr_un *name, const struct socket_kind *kind, unsigned mode,
                    os_fd *bound) {
    int fd = socket_new(kind->type);

    if (fd < 0)
        return fd;
    int r = kind->prepare ? kind->prepare(fd) : 0;
    if (r == 0)
        r = bind_as(fd, kind, name, mode);
    if (r < 0)
        os_close(fd);
    else
        *bound = fd;
    return r;
}

static int bind_at_path(const char *address, const struct sockaddr_un *name, const struct socket_kind *kind,
                        unsigned mode, os_fd *bound, struct transport_file *file) {
    const char *path = name->sun_path;
    struct stat status;
    int lock = lock_take(path, BEGIN_US);

    if (lock < 0)
        return lock;
    clear_leaving(path);
    int r = clear(address, path);
    if (r == 0)
        r = bind_new(name, kind, mode, bound);
    if (r == 0 && lstat(path, &status) == 0)
        *file = (struct transport_file){
            .device = (uint64_t)status.st_dev, .inode = status.st_ino, .lock = OS_FD_NONE};
    lock_give(path, lock);
    return r;
}

int socket_bind_at(const char *address, const struct socket_kind *kind, unsigned mode, os_fd *bound,
                   struct transport_file *file) {
    struct address parsed;
    struct sockaddr_un name;
    struct transport_file nowhere;

    file = file ? file : &nowhere;
    *file = (struct transport_file){.lock = OS_FD_NONE};
    if (address_parse(address, &parsed))
        return -EINVAL;
    if (parsed.kind == ADDRESS_FD)
        return kind->type == SOCK_STREAM ? socket_adopt_as(parsed.fd, true, bound) : -EINVAL;
    if (parsed.kind != ADDRESS_UNIX)
        return -EAFNOSUPPORT;
    int r = socket_address(&parsed, &name);
    if (r < 0)
        return r;
    return name.sun_path[0] ? bind_at_path(address, &name, kind, mode, bound, file)
                            : bind_new(&name, kind, mode, bound);
}

int transport_listen(const char *address, unsigned mode, os_fd *listener, struct transport_file *file) {
    static const struct socket_kind stream = {.type = SOCK_STREAM};

    return socket_bind_at(address, &stream, mode, listener, file);
}

/* ---- ending ------------------------------------------------------------------------------------------------------- */

/* The path, if the file there is still ours, else NULL. */
static const char *path_of(const char *address, const struct transport_file *file, struct address *parsed) {
    struct stat status;

    if (file->inode == 0 || address_parse(address, parsed) || lstat(parsed->path, &status) < 0 ||
        (uint64_t)status.st_dev != file->device || status.st_ino != file->inode)
        return NULL;
    return parsed->path;
}

int transport_hide(const char *address, struct transport_file *file) {
    struct address parsed;
    char hidden[BESIDE_MAX];

    if (!path_of(address, file, &parsed))
        return 0; /* no client can find us there anyway */
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
        (void)unlink(hidden); /* a process that ignores the lock has created a file there */
    lock_give(parsed.path, file->lock);
    file->lock = OS_FD_NONE;
}

void transport_unlink(const char *address, struct transport_file *file) {
    struct address parsed;

    if (file->lock == OS_FD_NONE && path_of(address, file, &parsed)) {
        /* Goes on without the lock if another process does not release it. */
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
