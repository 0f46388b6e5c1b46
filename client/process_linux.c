/* process_linux.c: a page that the kernel empties in forked children, and pidfds. */
#define _GNU_SOURCE

#include "process.h"

#include <errno.h>
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
