/* process_linux.c: a page that the kernel zeroes in forked children, and pidfds. */
#define _GNU_SOURCE

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 }; /* the kernel rounds up to its own pages */

void process_mark_init(struct process_mark *mark) {
    mark->pid = getpid();
    mark->page = NULL;
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, PAGE, MADV_WIPEONFORK) < 0) {
        (void)munmap(page, PAGE);
        return;
    }
    mark->page = page;
    *mark->page = 1;
}

void process_mark_deinit(struct process_mark *mark) {
    if (mark->page)
        (void)munmap(mark->page, PAGE);
    mark->page = NULL;
}

bool process_is_child(const struct process_mark *mark) {
    return mark->page ? *mark->page == 0 : mark->pid != getpid();
}

int process_open(uint32_t pid, os_fd *process) {
    long fd = syscall(SYS_pidfd_open, (pid_t)pid, 0);

    if (fd < 0)
        return errno == EPERM ? -ENOSYS : -errno; /* EPERM: a sandbox without this call */
    *process = (os_fd)fd;
    return 0;
}

/* getdents64 directly: readdir allocates memory, which is not safe in the child of a process with threads. */
enum { ENTRIES = 4096, ENTRY_LENGTH = 16, ENTRY_NAME = 19 };

/* The number that a directory entry names; -1: it is no number. */
static int number_of(const char *name) {
    int number = 0;

    for (; *name; name++) {
        if (*name < '0' || *name > '9' || number > 100 * 1000 * 1000)
            return -1;
        number = number * 10 + (*name - '0');
    }
    return number;
}

/* Closes the descriptors in these entries, except `own`. True if there was one. */
static bool close_listed(const char *entries, size_t size, int first, int own) {
    bool closed = false;

    for (size_t at = 0; at < size;) {
        unsigned short length;
        int number = number_of(entries + at + ENTRY_NAME);

        memcpy(&length, entries + at + ENTRY_LENGTH, sizeof(length));
        at += length;
        if (number < first || number == own)
            continue;
        (void)close(number);
        closed = true;
    }
    return closed;
}

int process_close_from(int first) {
    char entries[ENTRIES];
    bool closed;

    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0)
        return 0;
    do { /* closing changes the directory while it is read: repeat until nothing is left */
        int own = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        long size;
        if (own < 0)
            return -1;
        closed = false;
        while ((size = syscall(SYS_getdents64, own, entries, sizeof(entries))) > 0)
            closed = close_listed(entries, (size_t)size, first, own) || closed;
        (void)close(own);
        if (size < 0)
            return -1;
    } while (closed);
    return 0;
}
