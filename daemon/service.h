/* service.h: the contract with whoever started the daemon: descriptors handed over, word that we are up. */
#ifndef SERVICE_H
#define SERVICE_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>

struct loop;

enum { SERVICE_DESCRIPTORS_MAX = 1 << 20 };

/* Before anything else: the standard streams are something (/dev/null where they were closed, so that nothing that is opened later gets
 * their numbers), and no signal is blocked. 0 or a negative errno. */
int service_begin(void);

/* Has `stop` and `reload` called in the loop when the operator, the service manager or the terminal ask for that; number: the signal. What
 * whoever started us has ignored (as nohup(1) and shells do for commands in the background) is not asked for, but one signal always stops.
 * And writing to what has no reader, or beyond a limit, fails from now on and does not end the process. 0 or a negative errno. */
int service_watch(struct loop *loop, void (*stop)(void *context, int number),
                  void (*reload)(void *context, int number), void *context);

/* Whether that can be told that we are ready: OS_FD_NONE, or an open descriptor that is no standard stream, not the listener, and no pipe that
 * standard error goes to as well, where each line of the log would tell so. False: said on standard error, if that is not the same. */
bool service_may_notify(os_fd notify_fd, os_fd listener);

/* Listeners by socket activation (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES): returns how many of ours there are
 * (0: none for us) and the one named "portd", else the first, in *listener, close-on-exec. All the others are
 * closed. The variables are taken out of the environment. Negative errno: the variables are there but make no
 * sense. */
int service_listener(os_fd *listener);

/* "READY=1" and the status to NOTIFY_SOCKET, and a newline to notify_fd (closed then; OS_FD_NONE: none).
 * Failures are logged, not fatal. */
void service_ready(os_fd notify_fd, const char *status);

/* "STOPPING=1". Whoever asks again is not listened to: what service_watch has watched does nothing any more, so that nothing but the end ends
 * the process. */
void service_stopping(void);

/* Raises the soft limit of descriptors to the hard one, or to SERVICE_DESCRIPTORS_MAX if that is less, and
 * returns it. */
size_t service_descriptor_limit(void);

/* How many descriptors below limit this process has open now. */
size_t service_descriptors_open(size_t limit);

#endif
