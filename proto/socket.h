/* socket.h: features of Unix sockets that only some systems have: control messages other than descriptors, and the length of the send queue. */
#ifndef SOCKET_H
#define SOCKET_H

#include "os.h"

#include <stdbool.h>

struct cmsghdr;

/* Disables all control messages but descriptors on our end, which may have inherited options from the listener or its creator: other messages
 * take room that descriptors need, and one of them brings a descriptor itself. An out-of-band byte becomes an ordinary one. An option that the kernel
 * lacks is off. */
void socket_ask_plainly(os_fd connection);

/* Closes the descriptor of such a message, if any: another process that shares the socket may have enabled it. Not for SCM_RIGHTS. */
void socket_close_stray(const struct cmsghdr *item);

/* Whether MSG_DONTWAIT keeps a send on a socket without O_NONBLOCK from waiting. */
bool socket_send_may_be_told(void);

/* Whether a listener whose queue is full refuses a connection as if nobody listened. */
bool socket_full_refuses(void);

/* Whether a listener was shut down, or the peer of a connection sends no more; false on systems that do not report it. */
bool socket_is_shut(os_fd listener);

/* Memory, in bytes, of messages sent that the peer has not read, with the kernel's overhead; 0: it has read all; -1: unknown. */
int socket_unread(os_fd connection);

/* The least memory that one message takes there. Each call measures it. */
int socket_message_least(void);

/* Why transport_send answers -EPERM when there are descriptors, and what helps. */
const char *socket_takes_none(const char **hint);

#endif
