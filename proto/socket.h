/* socket.h: what a Unix stream socket has on some systems alone: messages beside the bytes that nobody needs here, and a queue whose
 * length can be asked for. */
#ifndef SOCKET_H
#define SOCKET_H

#include "os.h"

#include <stdbool.h>

struct cmsghdr;

/* Our own end asks for descriptors and for nothing else beside the bytes, whatever it has inherited from a listener or from who made
 * it: each further message costs room that descriptors need, and one of them brings a descriptor itself. What the kernel lacks is not on. */
void socket_ask_plainly(os_fd connection);

/* Closes what such a message has brought: who shares the socket may ask for it all the same. Not for SCM_RIGHTS. */
void socket_close_stray(const struct cmsghdr *item);

/* Whether a listener was shut down; false where that is not told. */
bool socket_is_shut(os_fd listener);

/* Memory of what was sent from here and the other end has not read, with what the kernel adds; 0: it has read all, -1: not told. */
int socket_unread(os_fd connection);

/* The least that one message takes of that. Measured anew with each call. */
int socket_message_least(void);

#endif
