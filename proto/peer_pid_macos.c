/* peer_pid_macos.c: macOS tells the process by an option of its own. */
#include "peer_pid.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

uint32_t peer_pid(os_fd connection, const struct xucred *found) {
    pid_t pid = 0;
    socklen_t size = sizeof(pid);

    (void)found;
    return getsockopt(connection, SOL_LOCAL, LOCAL_PEERPID, &pid, &size) < 0 || pid < 0 ? 0 : (uint32_t)pid;
}
