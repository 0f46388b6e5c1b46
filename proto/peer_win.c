/* peer_win.c: peer.h for the server's end of a named pipe.
 *
 * The broker asks for the peer when it accepts. The token that a pipe was opened with is told only after a read, so the user is that of the
 * process that opened it; the transport has that process open then, and compares both before it returns the first bytes (caller_win.h). So
 * nothing that a client says counts before both agree. Windows has no groups with numbers and no labels as text: a peer has none. */
#include "peer.h"

#include "caller_win.h"
#include "sid_win.h"

#include <errno.h>
#include <string.h>
#include <windows.h>

int peer_user(os_fd connection, struct peer *peer) {
    ULONG pid;
    os_fd process;

    memset(peer, 0, sizeof(*peer));
    int r = caller_open(connection, CALLER_LOOK, &process);
    if (r < 0)
        return r;
    r = caller_user(process, &peer->uid);
    if (r == 0 && !GetNamedPipeClientProcessId(connection, &pid))
        r = -ENOTCONN;
    os_close(process);
    if (r < 0)
        return r;
    peer->gid = PEER_UID_NOBODY;
    peer->pid = pid;
    return 0;
}

int peer_of(os_fd connection, struct peer *peer) { return peer_user(connection, peer); }

int peer_all_groups(os_fd connection, uint32_t **groups, size_t *n) {
    (void)connection;
    *groups = NULL;
    *n = 0;
    return 0;
}

int peer_process(os_fd connection, os_fd *process) {
    *process = OS_FD_NONE;
    return caller_open(connection, CALLER_LOOK, process);
}

/* The connection keeps its process's id from being used again. */
bool peer_has_ended(os_fd connection, const struct peer *peer, os_fd *process) {
    (void)peer;
    int r = peer_process(connection, process);
    if (r < 0)
        return r == -ESRCH;
    return WaitForSingleObject(*process, 0) == WAIT_OBJECT_0;
}

os_uid peer_self(void) {
    os_uid uid = PEER_UID_NOBODY;

    return caller_user(GetCurrentProcess(), &uid) < 0 ? PEER_UID_NOBODY : uid;
}
