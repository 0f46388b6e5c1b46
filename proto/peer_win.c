/* peer_win.c: peer.h for a named pipe. The pipe's access list admits only the broker's own user (listen_win.c), so every peer is that user.
 * The uid is the last part of the user's SID: unique enough for one user, and never compared with one of another machine. */
#include "peer.h"

#include <errno.h>
#include <string.h>
#include <windows.h>

int peer_of(os_fd connection, struct peer *peer) {
    ULONG pid;

    memset(peer, 0, sizeof(*peer));
    if (!GetNamedPipeClientProcessId(connection, &pid))
        return -ENOTCONN;
    peer->uid = peer_self();
    peer->gid = (uint32_t)peer->uid;
    peer->pid = pid;
    return peer->uid == PEER_UID_NOBODY ? -EPERM : 0;
}

int peer_user(os_fd connection, struct peer *peer) { return peer_of(connection, peer); }

int peer_all_groups(os_fd connection, uint32_t **groups, size_t *n) {
    (void)connection;
    *groups = NULL;
    *n = 0;
    return 0;
}

int peer_process(os_fd connection, os_fd *process) {
    (void)connection;
    *process = OS_FD_NONE;
    return -ENOSYS;
}

bool peer_has_ended(os_fd connection, const struct peer *peer, os_fd *process) {
    (void)connection;
    *process = OS_FD_NONE;
    (void)peer;
    return false;
}

os_uid peer_self(void) {
    union {
        TOKEN_USER user;
        unsigned char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } owner;
    uint32_t uid = PEER_UID_NOBODY;
    DWORD size;
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return uid;
    if (GetTokenInformation(token, TokenUser, &owner, sizeof(owner), &size)) {
        PSID sid = owner.user.User.Sid;
        uid = *GetSidSubAuthority(sid, (DWORD)*GetSidSubAuthorityCount(sid) - 1u);
    }
    (void)CloseHandle(token);
    return uid;
}
