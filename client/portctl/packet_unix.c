/* packet_unix.c: the room for a packet is made before it is received, since what does not fit is lost.
 *
 * FIONREAD tells the length of the first packet, or of all that are there. It is not a peek, which would move a peek offset that other programs share.
 */
#define _GNU_SOURCE
#include "packet.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { ROOM = 1 << 18 }; /* more than a sender's buffer is as it comes */

static int waiting_bytes(portd_native from) {
    int n = 0;

    return ioctl((int)from, FIONREAD, &n) == 0 ? n : 0;
}

static int type_of(portd_native number) {
    int type = SOCK_STREAM;
    socklen_t size = sizeof(type);

    return getsockopt((int)number, SOL_SOCKET, SO_TYPE, &type, &size) == 0 ? type : SOCK_STREAM;
}

bool packet_is_kept(portd_native number) { return type_of(number) != SOCK_STREAM; }

static bool make_room(struct packet *packet, portd_native from) {
    int waiting = waiting_bytes(from);
    size_t wanted = waiting > ROOM ? (size_t)waiting : ROOM;
    char *bytes;

    if (wanted <= packet->room)
        return true;
    bytes = malloc(wanted);
    if (bytes == NULL)
        return false;
    free(packet->bytes);
    packet->bytes = bytes;
    packet->room = wanted;
    return true;
}

/* An empty packet reads like the end of a connection. It is the end if the socket is shut and no bytes are left. */
static bool is_end(portd_native from) {
    return type_of(from) == SOCK_SEQPACKET && packet_is_shut(from) && waiting_bytes(from) == 0;
}

int packet_take(struct packet *packet, portd_native from, bool waits) {
    int64_t length;

    packet->count = packet->cut = 0;
    if (!make_room(packet, from))
        return -1;
    length = packet_receive(from, packet->bytes, packet->room, waits);
    if (length < 0 && errno == EAGAIN) {
        if (!packet_is_shut(from)) {
            errno = EAGAIN;
            return -1;
        }
        length = packet_receive(from, packet->bytes, packet->room, false); /* one may have come before that */
        if (length < 0 && errno == EAGAIN)
            return 0;
    }
    if (length < 0)
        return -1;
    packet->count = (size_t)length < packet->room ? (size_t)length : packet->room;
    packet->cut = (size_t)length - packet->count;
    return length == 0 && is_end(from) ? 0 : 1;
}

bool packet_send(portd_native to, const void *bytes, size_t size) {
    return send((int)to, bytes, size, MSG_DONTWAIT) >= 0;
}

void packet_free(struct packet *packet) {
    free(packet->bytes);
    *packet = (struct packet){0};
}
