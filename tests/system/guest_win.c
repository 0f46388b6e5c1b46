/* guest_win.c: what guest.h says of users and limits: a process of Windows cannot become another user's, and has no limit of handles; of memory, and of unread
 * bytes, which stay in a pipe that is closed. */
#include "guest.h"

#include <unistd.h>

long guest_memory(pid_t pid, const char *line) {
    (void)pid, (void)line;
    return posix_skip("Windows has no /proc");
}

void guest_start_limited(struct fixture *fixture, size_t descriptors, const char *const *options) {
    (void)fixture, (void)descriptors, (void)options;
    (void)posix_skip("Windows has no limit of the handles of a process");
}

void guest_start_open(struct fixture *fixture, size_t descriptors) {
    (void)fixture, (void)descriptors;
    (void)posix_skip("only root of Unix may become somebody else");
}

void guest_connect_as(struct raw *raw, unsigned uid, const char *address) {
    (void)raw, (void)uid, (void)address;
    (void)posix_skip("only root of Unix may become somebody else");
}

bool guest_become(unsigned uid) {
    (void)uid;
    return false;
}

bool guest_socket_stays(void) { return false; }
