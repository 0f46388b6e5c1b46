/* descriptors.h: the descriptors that cases pass to the broker. All are registered with the case, close-on-exec and non-blocking
 * unless said otherwise; index 0 of a pipe is the read end. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include "tests/support/fixture.h"

void make_pipe(int ends[2]);
void make_pair(int type, int ends[2]); /* of AF_UNIX sockets */
void make_tcp(int ends[2]);            /* connected to each other over the loopback interface */
int make_tcp_listener(int *port);
int make_tcp_client(int port); /* connected */

/* A datagram socket, and in *far the peer that it is connected to. It was connected before to a port where nobody is: what was sent came back
 * as an error, and stays in the error queue, of which poll(2) tells for ever and which no read takes from. */
int make_misleading(int *far);

int make_dup(int fd);

/* The number at gets another open file; it goes on belonging to the case. */
void make_at(int fd, int at);

/* One byte, which must be taken. */
void put(int fd);

/* Writes until there is no room, reads until there is nothing more (or the end); both return the bytes. */
size_t fill(int fd);
size_t drain(int fd);

/* Reads at most n bytes, which must be there. */
void take(int fd, size_t n);

/* Whether a non-blocking read answers end of file at this moment. Takes what it reads. */
bool at_end(int fd);

/* Waits until the read end reports end of file or hang-up. */
void until_end(int fd);

/* Closes a socket so that the peer sees a reset. */
void reset(int fd);

#endif
