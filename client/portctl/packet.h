/* packet.h: whole packets of sockets that keep them apart (datagrams, SOCK_SEQPACKET). */
#ifndef PACKET_H
#define PACKET_H

#include "client/portd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed at first. */
struct packet {
    char *bytes; /* the last one taken; own memory */
    size_t room, count;
    size_t cut; /* so many more bytes of it did not fit and are lost; for systems that do not tell: 1 */
};

/* Whether it is such a socket. There a read of 0 bytes need not be the end. */
bool packet_is_kept(portd_native number);

/* Takes the next one: 1; 0: none will come; -1 and errno, EAGAIN if there is none now and it is not to wait. Only if another program takes one at the same
 * time can a packet be longer than the room. */
int packet_take(struct packet *packet, portd_native from, bool waits);

/* Sends one, without waiting: false and errno. */
bool packet_send(portd_native to, const void *bytes, size_t size);

void packet_free(struct packet *packet);

/* ---- by platform (receive_*.c) ---- */

/* Receives a packet: its length, more than `size` if it did not fit; -1 and errno. */
int64_t packet_receive(portd_native from, void *bytes, size_t size, bool waits);

/* Whether no more can come: the other end has hung up, or it was shut down for reading. */
bool packet_is_shut(portd_native from);

#endif
