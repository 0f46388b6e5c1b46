/* service.h: the interface to the service manager or shell that started the daemon: inherited descriptors, signals, readiness
 * notification. */
#ifndef SERVICE_H
#define SERVICE_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

enum { SERVICE_DESCRIPTORS_MAX = 1 << 20 };

/* Main but for what concerns a service manager: calls run, and returns what it or the manager's command answers. On Windows the arguments come
 * in UTF-8, and `--service` with its command is not among them. */
int service_main(int argc, char **argv, int (*run)(int argc, char **argv));

/* Call it first, in run. Opens /dev/null for each standard stream that is closed, so that no descriptor opened later gets its number, and
 * unblocks all signals. 0 or a negative errno. */
int service_begin(void);

/* Before the listener is opened: the signals of service_watch wait until it is called, and are then handled by the loop. So a broker that has made its
 * socket file removes it. 0 or a negative errno. */
int service_hold(void);

/* Calls `stop` from the loop on SIGTERM and SIGINT (Windows: also on SIGBREAK), `reload` on SIGHUP; number: the signal. SIGINT and SIGHUP stay ignored if
 * they were ignored at the start (nohup(1), background commands of a shell); SIGTERM always stops. Also ignores SIGPIPE and
 * SIGXFSZ, so that such writes fail instead of ending the process. 0 or a negative errno. */
int service_watch(struct loop *loop, void (*stop)(void *context, int number),
                  void (*reload)(void *context, int number), void *context);

/* Whether notify_fd can be used: OS_FD_NONE, or an open descriptor that is neither a standard stream nor the listener, nor the
 * pipe or socket that is standard error, whose reader would mistake a log line for the notification. False: the reason is on
 * stderr, unless that is the same pipe. */
bool service_may_notify(os_fd notify_fd, os_fd listener);

/* What the service manager has given back of its file descriptor store (store/fdstore.h): descriptors whose names are this and 16 hexadecimal
 * digits. */
#define SERVICE_STORED_PREFIX "portd-"
struct service_stored {
    uint64_t serial; /* those digits */
    os_fd fd;
};

/* Socket activation (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES; else activation.h). Returns the number of sockets passed to this process (0: none).
 * *listener is the one named "portd", else the first, close-on-exec; what was stored goes to *stored, close-on-exec, in order of serial, if there is
 * memory (to be freed; NULL: none), all others are closed. listener NULL: only what was stored is taken, the others stay. Removes the variables from the environment. Negative errno: the variables are set but
 * invalid. */
int service_listener(os_fd *listener, struct service_stored **stored, size_t *n_stored);

/* A datagram socket that is connected to NOTIFY_SOCKET, close-on-exec. OS_FD_NONE: there is none. 0 or a negative errno. */
int service_connect(os_fd *fd);

/* Sends "READY=1" and the status to NOTIFY_SOCKET, and a newline to notify_fd (OS_FD_NONE: none), which is then closed. Failures
 * are logged and otherwise ignored. It does not wait for notify_fd: if that takes nothing at this moment, it gets no newline. */
void service_ready(os_fd notify_fd, const char *status);

/* Sends "RELOADING=1" and the time; and "READY=1" again, whatever has come of it. */
void service_reloading(void);
void service_reloaded(void);

/* Within how many microseconds the service manager wants to hear of this process each time (WATCHDOG_USEC, WATCHDOG_PID); 0: it does not. Removes the
 * variables from the environment. */
int64_t service_watchdog(void);

/* Sends "WATCHDOG=1". */
void service_alive(void);

/* Sends "STOPPING=1". From then on SIGTERM, SIGINT and SIGHUP are ignored: they neither stop the broker again nor end the process
 * early. */
void service_stopping(void);

/* Raises the soft limit of open files to the hard limit, at most to SERVICE_DESCRIPTORS_MAX, and returns the limit that is in force then. */
size_t service_descriptor_limit(void);

/* The number of descriptors below limit that this process has open. */
size_t service_descriptors_open(size_t limit);

#endif
