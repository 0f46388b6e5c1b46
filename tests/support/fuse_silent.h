/* fuse_silent.h: a file on a FUSE file system whose server stops answering once the file is open.
 *
 * Then these block: any query about the file that the kernel cannot answer itself, its close, and any system call that writes to
 * memory mapped from the file, wherever in the kernel that is (fuse_silent_await reports when a call has come that far). The
 * server exits after 20 seconds, so that a test that waits for it fails and does not hang. Only this process and its children see
 * the file system. Needs root and /dev/fuse. */
#ifndef FUSE_SILENT_H
#define FUSE_SILENT_H

#include <stdbool.h>
#include <sys/types.h>

struct fuse_silent {
    pid_t server;
    int fd;    /* the open file of one page; the caller's */
    int root;  /* the open folder, of fuse_silent_open_of; the caller's. Else -1 */
    int asked; /* the server writes a byte for each page that it is asked for */
    char folder[64];
};

/* False where this machine cannot do it. */
bool fuse_silent_open(struct fuse_silent *fuse);

/* The same, but the file system belongs to that uid, and the kernel denies its files to all others, also to root. */
bool fuse_silent_open_of(struct fuse_silent *fuse, uid_t uid);

/* The same without an open file (fd is -1): whoever looks for a name in the folder blocks. */
bool fuse_silent_mount(struct fuse_silent *fuse);

/* Waits until a process is blocked on the page. False if none is within ten seconds. */
bool fuse_silent_await(struct fuse_silent *fuse);

/* Waits on the epoll descriptor into the page: the kernel keeps the lock of the epoll descriptor until the server ends. For a
 * process of its own. False: the page cannot be mapped. */
bool fuse_silent_keep_lock(const struct fuse_silent *fuse, int epoll);

/* Ends the server, which ends every wait for it. */
void fuse_silent_end(struct fuse_silent *fuse);

#endif
