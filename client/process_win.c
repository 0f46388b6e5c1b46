/* process_win.c: Windows has no fork; the owner of a session is named by its pid. */
#include "process.h"

#include <errno.h>

void process_mark_init(struct process_mark *mark) {
    mark->page = NULL;
    mark->pid = 0;
}

void process_mark_deinit(struct process_mark *mark) { (void)mark; }

bool process_is_child(const struct process_mark *mark) {
    (void)mark;
    return false;
}

int process_open(uint32_t pid, os_fd *process) {
    (void)pid;
    (void)process;
    return -ENOSYS;
}
