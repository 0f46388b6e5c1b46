/* inspect_own_linux.c: the broker's listeners, and what is recognized by them. */
#define _GNU_SOURCE

#include "inspect_own_linux.h"

#include "inspect_socket.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct own {
    os_fd listener;
    uint64_t listening;         /* inspect_listening_process of the listener */
    struct sockaddr_un address; /* of the listener; address_length 0: none */
    socklen_t address_length;
};

static struct own owns[INSPECT_LISTENERS];
static size_t n_owns;

void inspect_add_listener(os_fd listener) {
    struct own *own = &owns[n_owns++];
    os_fd opened;

    own->listener = listener;
    own->listening = inspect_listening_process(listener, &opened);
    os_close(opened);
    own->address_length = sizeof(own->address);
    if (getsockname(listener, (struct sockaddr *)&own->address, &own->address_length) < 0 ||
        own->address.sun_family != AF_UNIX || own->address_length <= offsetof(struct sockaddr_un, sun_path))
        n_owns--;
}

void inspect_init(os_fd listener) {
    inspect_learn();
    n_owns = 0;
    if (listener != OS_FD_NONE)
        inspect_add_listener(listener);
}

/* A listener, and a client's end of a connection to it, carry the credentials and the pidfd of the process that
 * called listen(2). The pidfd also identifies a process that is not visible here (pid 0) or whose number was
 * reused. If one manager made two listeners with one address, which takes two namespaces, both count as ours. */
static bool listens_alike(const struct own *own, int fd, os_fd *opened) {
    struct ucred of_a, of_b;
    socklen_t size_a = sizeof(of_a), size_b = sizeof(of_b);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &of_a, &size_a) < 0 ||
        getsockopt(own->listener, SOL_SOCKET, SO_PEERCRED, &of_b, &size_b) < 0)
        return true; /* unknown: refuse a foreign connection rather than accept our own */
    if (of_a.pid != of_b.pid || of_a.uid != of_b.uid || of_a.gid != of_b.gid)
        return false;
    uint64_t process = inspect_listening_process(fd, opened);
    return !process || !own->listening || process == own->listening;
}

static bool is_listener(os_fd fd) {
    for (size_t i = 0; i < n_owns; i++)
        if (inspect_same(fd, owns[i].listener))
            return true;
    return false;
}

bool inspect_is_own(os_fd fd, os_uid uid, os_fd *opened) {
    struct sockaddr_un peer;
    socklen_t length = sizeof(peer);

    (void)uid;
    *opened = OS_FD_NONE;
    if (!n_owns || inspect_option(fd, SO_DOMAIN) != AF_UNIX)
        return false;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0)
        return is_listener(fd);
    for (size_t i = 0; i < n_owns; i++)
        if (length == owns[i].address_length && memcmp(&peer, &owns[i].address, length) == 0)
            return listens_alike(&owns[i], fd, opened);
    return false;
}
