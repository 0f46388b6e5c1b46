/* calls.h: calls that Unixes do not have in the same form: most can make a descriptor that is close-on-exec at once, macOS marks it
 * afterwards, and there a fork of another thread in between inherits it. */
#ifndef CALLS_H
#define CALLS_H

#include <stdbool.h>

/* Flags of a send that must not raise SIGPIPE (with calls_quiet), and of a receive whose descriptors are close-on-exec (with
 * calls_received). */
extern const int calls_send_flags, calls_recv_flags;

/* All return what the system's calls return, and set errno. Everything is close-on-exec. */
int calls_pipe(int ends[2], bool waits);
int calls_socket(int type, bool waits); /* of the family AF_UNIX */
int calls_accept(int listener);         /* what is accepted does not wait */

/* Whatever is sent on it from this process raises no SIGPIPE. It is this process's alone, or was made for it. */
void calls_quiet(int socket);

/* For each received descriptor. */
void calls_received(int fd);

#endif
