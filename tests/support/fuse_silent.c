/* fuse_silent.c: the few requests of the FUSE protocol that opening one file takes. */
#define _GNU_SOURCE

#include "fuse_silent.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_NODE = 2, REQUEST_ROOM = 128 * 1024, SERVER_S = 20, PAGE = 4096, PATIENCE_MS = 10000 };

static void answer(int device, const struct fuse_in_header *request, void *body, size_t size) {
    struct fuse_out_header header = {.len = (uint32_t)(sizeof(header) + size), .unique = request->unique};
    struct iovec parts[2] = {{&header, sizeof(header)}, {body, size}};

    if (writev(device, parts, size ? 2 : 1) < 0)
        _exit(1);
}

static struct fuse_attr attributes(uint64_t node) {
    return (struct fuse_attr){.ino = node,
                              .mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644,
                              .nlink = 1,
                              .size = PAGE,
                              .blksize = 4096};
}

/* Answers until the file is open (mounted: until the file system is there), then reads requests and answers none. */
static void serve(int device, int asked, bool mounted) {
    static _Alignas(8) char room[REQUEST_ROOM];
    const struct fuse_in_header *request = (const void *)room;
    bool silent = false;

    (void)alarm(SERVER_S);
    while (read(device, room, sizeof(room)) > 0) {
        if (silent && request->opcode == FUSE_READ && write(asked, "", 1) < 0)
            _exit(1);
        if (silent)
            continue;
        if (request->opcode == FUSE_INIT) {
            const struct fuse_init_in *init = (const void *)(request + 1);
            struct fuse_init_out out = {
                .major = FUSE_KERNEL_VERSION, .minor = init->minor, .max_write = 4096, .max_readahead = 4096};
            answer(device, request, &out, sizeof(out));
            silent = mounted;
        } else if (request->opcode == FUSE_LOOKUP) {
            struct fuse_entry_out out = {.nodeid = FILE_NODE, .attr = attributes(FILE_NODE)};
            answer(device, request, &out, sizeof(out));
        } else if (request->opcode == FUSE_GETATTR) {
            struct fuse_attr_out out = {.attr = attributes(request->nodeid)};
            answer(device, request, &out, sizeof(out));
        } else if (request->opcode == FUSE_OPEN) {
            struct fuse_open_out out = {.fh = 1};
            silent = true;
            answer(device, request, &out, sizeof(out));
        } else {
            struct fuse_out_header out = {.len = sizeof(out), .error = -38, .unique = request->unique};
            if (write(device, &out, sizeof(out)) < 0)
                continue; /* requests without an answer */
        }
    }
    _exit(0);
}

struct opening {
    struct fuse_silent *fuse;
    uid_t uid;
};

/* The system calls change the ids of this thread alone. */
static void *open_as(void *data) {
    const struct opening *opening = data;
    struct fuse_silent *fuse = opening->fuse;
    long id = (long)opening->uid;
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/file", fuse->folder);
    if (id != 0) {
        if (syscall(SYS_setresgid, id, id, id) < 0 || syscall(SYS_setresuid, id, id, id) < 0)
            return NULL;
        fuse->root = open(fuse->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    fuse->fd = open(path, O_RDONLY | O_CLOEXEC);
    return NULL;
}

/* Leaves the server and its end of the pipe. */
static bool mount_for(struct fuse_silent *fuse, uid_t uid, bool silently) {
    char options[128];
    int ends[2];
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    *fuse = (struct fuse_silent){
        .server = -1, .fd = -1, .root = -1, .asked = -1, .folder = "/tmp/fuse_silent.XXXXXX"};
    if (device < 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        !mkdtemp(fuse->folder))
        goto fail;
    (void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%u,group_id=%u", device,
                   (unsigned)uid, (unsigned)uid);
    if (mount("silent", fuse->folder, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
        (void)rmdir(fuse->folder);
        goto fail;
    }
    if (pipe2(ends, O_CLOEXEC) < 0)
        goto unmount;
    fuse->asked = ends[0];
    fuse->server = fork();
    if (fuse->server == 0)
        serve(device, ends[1], silently);
    (void)close(ends[1]);
    (void)close(device);
    if (fuse->server > 0)
        return true;
    fuse_silent_end(fuse);
    return false;
unmount:
    fuse_silent_end(fuse);
fail:
    if (device >= 0)
        (void)close(device);
    return false;
}

bool fuse_silent_open(struct fuse_silent *fuse) { return fuse_silent_open_of(fuse, 0); }

bool fuse_silent_open_of(struct fuse_silent *fuse, uid_t uid) {
    struct opening opening = {fuse, uid};
    pthread_t thread;

    if (!mount_for(fuse, uid, false))
        return false;
    if (pthread_create(&thread, NULL, open_as, &opening) == 0)
        (void)pthread_join(thread, NULL);
    if (fuse->fd < 0)
        fuse_silent_end(fuse);
    return fuse->fd >= 0;
}

bool fuse_silent_mount(struct fuse_silent *fuse) { return mount_for(fuse, 0, true); }

bool fuse_silent_await(struct fuse_silent *fuse) {
    struct pollfd asked = {.fd = fuse->asked, .events = POLLIN};
    char byte;

    return poll(&asked, 1, PATIENCE_MS) == 1 && read(fuse->asked, &byte, 1) == 1;
}

bool fuse_silent_keep_lock(const struct fuse_silent *fuse, int epoll) {
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fuse->fd, 0);

    if (page == MAP_FAILED)
        return false;
    (void)epoll_wait(epoll, (struct epoll_event *)(void *)page, 1, -1);
    return true;
}

void fuse_silent_end(struct fuse_silent *fuse) {
    if (fuse->asked >= 0)
        (void)close(fuse->asked);
    if (fuse->server > 0) {
        (void)kill(fuse->server, SIGKILL);
        (void)waitpid(fuse->server, NULL, 0);
    }
    (void)umount2(fuse->folder, MNT_DETACH);
    (void)rmdir(fuse->folder);
}
