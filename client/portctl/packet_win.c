/* packet_win.c: packet.h on Windows. A packet is received as any other bytes are (flow_win.c), into the memory here. */
#include "packet.h"

#include "transfer_win.h"

#include <stdlib.h>
#include <winsock2.h>

bool packet_is_kept(portd_native number) {
    HANDLE handle = transfer_handle(number);
    int type, size = sizeof(type);

    return handle != NULL && getsockopt((SOCKET)handle, SOL_SOCKET, SO_TYPE, (char *)&type, &size) == 0 &&
           type != SOCK_STREAM;
}

void packet_free(struct packet *packet) {
    free(packet->bytes);
    *packet = (struct packet){0};
}
