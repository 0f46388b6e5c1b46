/* look_unix.c: look.h by what all Unixes have. */
#define _GNU_SOURCE

#include "inspect_socket.h"
#include "look.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef O_DIRECT
#define O_DIRECT 0 /* OpenBSD, macOS */
#endif

static bool can_listen(enum inspect_type type) {
    return type == INSPECT_TCP || type == INSPECT_TCP_LISTENER || type == INSPECT_UNIX ||
           type == INSPECT_UNIX_LISTENER || type == INSPECT_UNIX_SEQPACKET;
}

static void ask_flags(os_fd fd, struct look_state *state) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return;
    int mode = flags & O_ACCMODE;
    state->known |= LOOK_KNOWS_FLAGS;
    state->flags = (mode == O_RDONLY || mode == O_RDWR ? LOOK_READ : 0u) |
                   (mode == O_WRONLY || mode == O_RDWR ? LOOK_WRITE : 0u) |
                   (flags & O_NONBLOCK ? LOOK_NONBLOCK : 0u) | (flags & O_APPEND ? LOOK_APPEND : 0u) |
                   (flags & O_DIRECT ? LOOK_DIRECT : 0u);
}

void look_begin(os_fd fd, enum inspect_type type, struct look_state *state) {
    *state = (struct look_state){0};
    ask_flags(fd, state);
    if (can_listen(type)) {
        state->known |= LOOK_KNOWS_ACCEPTING;
        state->accepting = inspect_listens(fd);
    }
    if (type == INSPECT_REGULAR && look_offset(fd, &state->offset))
        state->known |= LOOK_KNOWS_OFFSET;
}

/* Of a socket that listens Linux says EINVAL. */
static void ask_input(os_fd fd, struct look *look) {
    int bytes;
    if (ioctl(fd, FIONREAD, &bytes) || bytes < 0)
        return;
    look->state.known |= LOOK_KNOWS_INPUT;
    look->input = (uint64_t)bytes;
}

void look_fill(os_fd fd, enum inspect_type type, struct look *look) {
    look_begin(fd, type, &look->state);
    if (inspect_is_socket(type))
        (void)stream_addresses(fd, &look->local, &look->peer);
    if (inspect_is_socket(type) || type == INSPECT_PIPE)
        ask_input(fd, look);
    if (type == INSPECT_REGULAR) {
        off_t offset = lseek(fd, 0, SEEK_CUR);
        look->state.known &= ~(unsigned)LOOK_KNOWS_OFFSET;
        if (offset >= 0) {
            look->state.known |= LOOK_KNOWS_OFFSET;
            look->state.offset = (uint64_t)offset;
        }
    }
    look_more(fd, type, look);
}

/* In network byte order. NULL: it has none. */
static in_port_t *port_of(struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET)
        return &((struct sockaddr_in *)address)->sin_port;
    return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port : NULL;
}

/* One that got its port from the system has lost it with its shutdown, and would get another one: so it is bound to the one that it had. One that was bound to a
 * port still is (EINVAL). Linux makes the address that of all interfaces when it cannot bind: it would listen there next time. */
int look_listen(os_fd fd, enum inspect_type type, uint16_t *lost) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (type != INSPECT_TCP && type != INSPECT_TCP_LISTENER)
        return LOOK_E_NO_WAY;
    if (getsockname(fd, (struct sockaddr *)&address, &size))
        return -errno;
    in_port_t *port = port_of(&address);
    if (!port || (!*port && !*lost))
        return LOOK_E_NO_WAY;
    if (!*port)
        *port = htons(*lost);
    if (bind(fd, (struct sockaddr *)&address, size) && errno != EINVAL) {
        int error = errno;
        *lost = ntohs(*port);
        look_restore_address(fd, &address, size);
        return -error;
    }
    *lost = 0;
    return listen(fd, SOMAXCONN) ? -errno : 0;
}

int look_set_flags(os_fd fd, unsigned flags) {
    static const int all = O_NONBLOCK | O_APPEND | O_DIRECT;
    int now = fcntl(fd, F_GETFL);
    if (now < 0)
        return -errno;
    now = (now & ~all) | (flags & LOOK_NONBLOCK ? O_NONBLOCK : 0) | (flags & LOOK_APPEND ? O_APPEND : 0) |
          (flags & LOOK_DIRECT ? O_DIRECT : 0);
    return fcntl(fd, F_SETFL, now) ? -errno : 0;
}
