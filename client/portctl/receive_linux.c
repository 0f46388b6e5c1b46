/* receive_linux.c: packet.h's calls on Linux, which tells the length of a packet that did not fit. */
#define _GNU_SOURCE
#include "packet.h"

#include <poll.h>
#include <sys/socket.h>

int64_t packet_receive(portd_native from, void *bytes, size_t size, bool waits) {
    return recv((int)from, bytes, size, MSG_TRUNC | (waits ? 0 : MSG_DONTWAIT));
}

bool packet_is_shut(portd_native from) {
    struct pollfd socket = {(int)from, POLLRDHUP, 0};

    return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP)) != 0;
}
