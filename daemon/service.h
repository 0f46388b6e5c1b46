/* service.h: the contract with whoever started the daemon: descriptors handed over, word that we are up. */
#ifndef SERVICE_H
#define SERVICE_H

#include "proto/os.h"

enum { SERVICE_DESCRIPTORS_MAX = 1 << 20 };

/* Listeners by socket activation (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES): returns how many of ours there are
 * (0: none for us) and the one named "portd", else the first, in *listener, close-on-exec. All the others are
 * closed. The variables are taken out of the environment. Negative errno: the variables are there but make no
 * sense. */
int service_listener(os_fd *listener);

/* "READY=1" and the status to NOTIFY_SOCKET, and a newline to notify_fd (closed then; OS_FD_NONE: none).
 * Failures are logged, not fatal. */
void service_ready(os_fd notify_fd, const char *status);

/* "STOPPING=1". */
void service_stopping(void);

/* Raises the soft limit of descriptors to the hard one, or to SERVICE_DESCRIPTORS_MAX if that is less, and
 * returns it. */
size_t service_descriptor_limit(void);

/* How many descriptors below limit this process has open now. */
size_t service_descriptors_open(size_t limit);

#endif
