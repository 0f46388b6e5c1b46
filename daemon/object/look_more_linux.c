/* look_more_linux.c: the parts of look.h that Linux has.
 *
 * The offset of a regular file has a lock that a reader keeps while a file server does not answer. The ioctl FIONREAD of a regular file is the virtual file system's own:
 * the size less the offset, in 32 bits, without that lock. Of a file below 4 GiB that tells the offset. */
#define _GNU_SOURCE

#include "look.h"

#include "daemon/base/facts_linux.h"
#include "inspect_socket.h"
#include "unix_name.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool look_offset(os_fd fd, uint64_t *offset) {
    struct facts before, after;
    int rest;
    if (facts_of(fd, &before) || ioctl(fd, FIONREAD, &rest) || facts_of(fd, &after) ||
        before.size != after.size || before.size > UINT32_MAX)
        return false;
    *offset = (uint32_t)before.size - (uint32_t)rest;
    return true;
}

/* With the option bind(2) takes the address and looks for no port. */
void look_restore_address(os_fd fd, const void *address, size_t size) {
    static const int on = 1;
    int before;
    socklen_t before_size = sizeof before;
    struct sockaddr_storage bare;
    memcpy(&bare, address, size);
    if (bare.ss_family == AF_INET)
        ((struct sockaddr_in *)&bare)->sin_port = 0;
    else
        ((struct sockaddr_in6 *)&bare)->sin6_port = 0;
    if (getsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &before, &before_size) ||
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on))
        return;
    (void)bind(fd, (struct sockaddr *)&bare, (socklen_t)size);
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &before, sizeof before);
}

static void ask_path(os_fd fd, struct look *look) {
    char link[LOOK_PATH], text[4 * LOOK_PATH + 1], name[32];
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, link, sizeof link);
    if (length < 1 || (size_t)length == sizeof link || *link != '/')
        return;
    unix_name_write_file(link, (size_t)length, text);
    if (strlen(text) < sizeof look->path)
        (void)strcpy(look->path, text);
}

/* In states of a connection it is certain who has ended a direction. One that has none tells nothing. */
static void judge_tcp(int state, bool half_closed, struct look *look) {
    switch (state) {
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
        look->reading = half_closed ? LOOK_SHUT : LOOK_OPEN;
        break;
    case TCP_CLOSE_WAIT:
    case TCP_LAST_ACK:
    case TCP_CLOSING:
        look->reading = LOOK_PEER;
        break;
    default:
        return;
    }
    look->writing = state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT ? LOOK_OPEN : LOOK_SHUT;
}

static void ask_tcp(os_fd fd, short events, struct look *look) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (inspect_option(fd, SO_PROTOCOL) != IPPROTO_TCP || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
        return;
    if (info.tcpi_state == TCP_LISTEN) {
        look->state.known |= LOOK_KNOWS_QUEUE;
        look->queue = info.tcpi_unacked;
        look->queue_limit = info.tcpi_sacked;
    } else {
        judge_tcp(info.tcpi_state, (events & POLLRDHUP) != 0, look);
    }
}

/* A Unix socket does not tell who has ended a direction. One that was never connected says POLLHUP alone. */
static void judge_unix(short events, struct look *look) {
    if (events & POLLRDHUP) {
        look->reading = LOOK_EITHER;
        look->writing = events & POLLHUP ? LOOK_EITHER : LOOK_UNKNOWN;
    } else if (!(events & POLLHUP)) {
        look->reading = LOOK_OPEN;
    }
}

static void judge_pipe(short events, struct look *look) {
    unsigned flags = look->state.flags & (LOOK_READ | LOOK_WRITE);
    if (flags == LOOK_READ)
        look->reading = events & POLLHUP ? LOOK_PEER : LOOK_OPEN;
    if (flags == LOOK_WRITE)
        look->writing = events & POLLERR ? LOOK_PEER : LOOK_OPEN;
}

static void ask_output(os_fd fd, struct look *look) {
    int bytes;
    if (ioctl(fd, SIOCOUTQ, &bytes) || bytes < 0)
        return;
    look->state.known |= LOOK_KNOWS_OUTPUT;
    look->output = (uint64_t)bytes;
}

static bool has_path(enum inspect_type type) {
    return type == INSPECT_REGULAR || type == INSPECT_DIRECTORY || type == INSPECT_TTY ||
           type == INSPECT_CHARACTER || type == INSPECT_BLOCK || type == INSPECT_PIPE;
}

void look_more(os_fd fd, enum inspect_type type, struct look *look) {
    struct pollfd polled = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    if (has_path(type))
        ask_path(fd, look);
    if (inspect_is_socket(type) && !look->state.accepting)
        ask_output(fd, look);
    if (type != INSPECT_PIPE && type != INSPECT_TCP && type != INSPECT_TCP_LISTENER &&
        !inspect_is_unix(type) && type != INSPECT_UNIX_LISTENER)
        return;
    if (poll(&polled, 1, 0) < 0)
        return;
    if (type == INSPECT_PIPE)
        judge_pipe(polled.revents, look);
    else if (type == INSPECT_TCP || type == INSPECT_TCP_LISTENER)
        ask_tcp(fd, polled.revents, look);
    else if (look->state.accepting) /* it says so though it was shut down */
        look->state.accepting = !(polled.revents & POLLRDHUP);
    else if (type == INSPECT_UNIX_DGRAM)
        look->reading = polled.revents & POLLRDHUP ? LOOK_SHUT : LOOK_OPEN;
    else
        judge_unix(polled.revents, look);
}
