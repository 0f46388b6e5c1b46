/* peer_pid_freebsd.c: FreeBSD tells the process with the user and the groups. */
#include "peer_pid.h"

#include <sys/types.h>

#include <sys/ucred.h>

uint32_t peer_pid(os_fd connection, const struct xucred *found) {
    (void)connection;
    return found->cr_pid > 0 ? (uint32_t)found->cr_pid : 0;
}
