/* socket_linux.c: socket.h on Linux.
 *
 * An accepted socket inherits the listener's options, and a service manager may set some (PassCredentials=, PassPIDFD= of systemd.socket). A
 * pidfd comes as SCM_PIDFD with each read, after SCM_RIGHTS; credentials and label come before it. An out-of-band byte would be dropped by a receive, and
 * the descriptors that came with it closed there, which can block (Linux 5.15). With SO_OOBINLINE it is an ordinary byte. */
#define _GNU_SOURCE

#include "socket.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

/* For headers older than the kernel: the numbers of asm-generic. The headers of machines with other numbers define them. */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif
#ifndef SO_INQ
#define SO_INQ 84
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

enum { LEAST = 256 /* bytes per message, if it cannot be measured */ };

void socket_ask_plainly(os_fd connection) {
    static const struct {
        int name, value;
    } options[] = {{SO_PASSCRED, 0}, {SO_PASSSEC, 0},    {SO_PASSPIDFD, 0},
                   {SO_INQ, 0},      {SO_PASSRIGHTS, 1}, {SO_OOBINLINE, 1}};

    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
        (void)setsockopt(connection, SOL_SOCKET, options[i].name, &options[i].value,
                         sizeof(options[i].value));
}

void socket_close_stray(const struct cmsghdr *item) {
    int fd; /* or a negative errno: the sender has ended */

    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_PIDFD ||
        item->cmsg_len < CMSG_LEN(sizeof(fd)))
        return;
    memcpy(&fd, CMSG_DATA(item), sizeof(fd));
    if (fd >= 0)
        os_close(fd);
}

bool socket_send_may_be_told(void) { return true; }

bool socket_full_refuses(void) { return false; }

bool socket_is_shut(os_fd listener) {
    struct pollfd p = {.fd = listener, .events = POLLRDHUP};

    return poll(&p, 1, 0) > 0 && (p.revents & POLLRDHUP);
}

int socket_unread(os_fd connection) {
    int bytes = -1;

    return ioctl(connection, SIOCOUTQ, &bytes) < 0 ? -1 : bytes;
}

int socket_message_least(void) {
    int ends[2], bytes = LEAST;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return bytes;
    if (send(ends[0], "", 1, MSG_NOSIGNAL) == 1 && socket_unread(ends[0]) > 0)
        bytes = socket_unread(ends[0]);
    os_close(ends[0]);
    os_close(ends[1]);
    return bytes;
}

const char *socket_takes_none(const char **hint) {
    *hint = "set SO_PASSRIGHTS on the client's socket";
    return "the client's socket takes no descriptors";
}
