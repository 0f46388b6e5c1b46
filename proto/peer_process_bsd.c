/* peer_process_bsd.c: what all BSDs and macOS do alike for peer.h. No descriptor follows a process, so a number that has been given again is
 * taken for it. */
#define _GNU_SOURCE

#include "peer.h"

#include <errno.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

int peer_user(os_fd connection, struct peer *peer) { return peer_of(connection, peer); }

int peer_process(os_fd connection, os_fd *process) {
    (void)connection;
    *process = OS_FD_NONE;
    return -ENOSYS;
}

/* FreeBSD may hide the processes of others (security.bsd.see_other_uids), which then seem to have ended. */
static bool is_seen(const struct peer *peer) { return geteuid() == 0 || peer->uid == geteuid(); }

bool peer_has_ended(os_fd connection, const struct peer *peer, os_fd *process) {
    (void)connection;
    *process = OS_FD_NONE;
    return peer->pid && is_seen(peer) && kill((pid_t)peer->pid, 0) < 0 && errno == ESRCH;
}

os_uid peer_self(void) { return geteuid(); }
