/* letter_linux.c: letter.h by AF_UNIX datagrams with SO_PASSCRED.
 *
 * The credentials come before the descriptors. So a look with room for them alone leaves the descriptors where they are: the kernel drops
 * no last reference. */
#define _GNU_SOURCE

#include "letter.h"

#include "calls.h"
#include "direct_unix.h"
#include "socket.h"
#include "socket_unix.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    CONTROL_CREDENTIALS = CMSG_SPACE(sizeof(struct ucred)),
    CONTROL_STRAY = 512, /* a label, a pidfd: whoever has made the socket may ask for them */
    CONTROL_SIZE = CONTROL_CREDENTIALS + CMSG_SPACE(FRAME_FDS_ROOM * sizeof(int)) + CONTROL_STRAY
};

static int ask_for_senders(int box) {
    int yes = 1;

    return setsockopt(box, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0 ? -errno : 0;
}

/* Before the first can come. */
int letter_bind(const char *address, unsigned mode, os_fd *box, struct transport_file *file) {
    static const struct socket_kind letters = {.type = SOCK_DGRAM, .prepare = ask_for_senders};

    return socket_bind_at(address, &letters, mode, box, file);
}

static ssize_t receive(int box, struct msghdr *message, int flags) {
    ssize_t got;

    do
        got = direct_recvmsg(box, message, flags | MSG_DONTWAIT | calls_recv_flags);
    while (got < 0 && errno == EINTR);
    return got;
}

/* A datagram has credentials; a socket that was shut down gives nothing, and none. */
static bool take_credentials(struct msghdr *message, struct ucred *credentials) {
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item))
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_CREDENTIALS &&
            item->cmsg_len == CMSG_LEN(sizeof(*credentials))) {
            memcpy(credentials, CMSG_DATA(item), sizeof(*credentials));
            return true;
        }
    return false;
}

int letter_sender(os_fd box, os_uid *uid) {
    union {
        struct cmsghdr align;
        unsigned char bytes[CONTROL_CREDENTIALS];
    } control;
    char byte; /* without room for any, qemu 7.2 says 0 and asks nobody */
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct ucred credentials;

    if (receive(box, &message, MSG_PEEK) < 0)
        return -errno;
    if (!take_credentials(&message, &credentials))
        return -EPIPE;
    *uid = credentials.uid;
    return 0;
}

static void take_fds(const struct cmsghdr *item, struct letter *letter) {
    size_t n = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < n && letter->n_fds < FRAME_FDS_ROOM; i++)
        memcpy(&letter->fds[letter->n_fds++], CMSG_DATA(item) + i * sizeof(int), sizeof(int));
}

int letter_receive(os_fd box, struct letter *letter) {
    union {
        struct cmsghdr align;
        unsigned char bytes[CONTROL_SIZE];
    } control;
    struct iovec part = {.iov_base = letter->text, .iov_len = LETTER_MAX};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct ucred credentials;
    ssize_t got = receive(box, &message, 0);

    letter->n_fds = 0;
    if (got < 0)
        return -errno;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item))
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS)
            take_fds(item, letter);
        else
            socket_close_stray(item);
    if (!take_credentials(&message, &credentials))
        return -EPIPE;
    letter->uid = credentials.uid;
    letter->pid = (uint32_t)credentials.pid;
    letter->cut = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    letter->length = (size_t)got;
    letter->text[got] = '\0';
    return 0;
}
