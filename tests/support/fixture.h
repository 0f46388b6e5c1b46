/* fixture.h: the real broker on a temporary address, for cases in C.
 *
 * The program is the one named by PORTD_DAEMON (set by ctest), else daemon/portd of the test's build. A case listed with
 * FIXTURE_CASE(name) has a broker running at fixture_address(). It makes its clients with fixture_client(), registers descriptors
 * with fixture_own() and starts child processes with fixture_fork(). When it ends, also by a failed assertion, what is left is
 * cleaned up in this order: children, clients, descriptors, brokers. Then the broker must have as many descriptors as at its
 * start and must exit with 0 on SIGTERM (under sanitizers: without findings), and this process must have the descriptors that it
 * had before.
 *
 * A case that needs a broker with options, or several, or one to kill, starts them with fixture_start(). All functions fail the
 * case on errors, unless they say otherwise. Nothing here sleeps for a fixed time: fixture_until() tests a condition until it
 * holds. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "test.h"

#include "client/portd.h"

#include <sys/types.h>

#define FIXTURE_CASE(name) cmocka_unit_test_setup_teardown(name, fixture_before, fixture_after)
/* The same without a broker: for cases that start their own. */
#define FIXTURE_CASE_BARE(name) cmocka_unit_test_setup_teardown(name, fixture_before_bare, fixture_after)

enum {
    FIXTURE_PATIENCE_MS = 30000, /* limit for a condition, then the case fails */
    FIXTURE_PATH = 256
};

int fixture_before(void **state);
int fixture_before_bare(void **state);
int fixture_after(void **state);

/* ---- brokers ---------------------------------------------------------------------------------------------------- */

struct fixture {
    pid_t pid;
    char folder[FIXTURE_PATH];
    char address[FIXTURE_PATH + 32]; /* "unix:FOLDER/portd.sock" */
    size_t fds;                      /* of the broker without connections */
    bool started;
};

/* Starts portd with --listen and --notify-fd and returns when it says that it is ready. options: further arguments,
 * ended by NULL; or NULL. A --listen among them is the address. The folder is made by this call and open to other uids (the socket is not, without
 * "--mode", "0666"). fixture must stay until the case has ended. */
void fixture_start(struct fixture *fixture, const char *const *options);

/* SIGTERM; the broker must exit with 0, and its socket must be gone. */
void fixture_stop(struct fixture *fixture);

/* SIGKILL, and waits until it is dead. */
void fixture_kill(struct fixture *fixture);

/* A living child of the process, 0: it has none. n: how many it has; NULL is allowed. */
pid_t fixture_child(pid_t parent, unsigned *n);

/* The state of the process as /proc has it ('S': it sleeps, 'T': stopped, 'Z': its first thread has ended, ...); 0: it is gone. */
char fixture_process_state(pid_t pid);

/* How often the kernel has put the first thread of the process to sleep: a broker's loop. */
long fixture_sleeps(pid_t pid);

/* Stop the broker's process, so that what is sent meanwhile arrives all at once, and continue it. */
void fixture_hold(const struct fixture *fixture);
void fixture_continue(const struct fixture *fixture);
void fixture_hold_broker(void); /* the broker of FIXTURE_CASE */
void fixture_continue_broker(void);

/* Descriptors of a process, counted in /proc/PID/fd. 0 if there is no such process. */
size_t fixture_fds(pid_t pid);
size_t fixture_broker_fds(const struct fixture *fixture);

/* Waits until the broker has exactly `more` descriptors more than without connections (a connection is one). */
void fixture_until_fds(const struct fixture *fixture, size_t more);

/* Waits until the broker of that client has closed all that it does not keep, such as what a hello needed: before its descriptors are counted. */
void fixture_until_closed(portd_client *client);

/* The broker that FIXTURE_CASE started. */
struct fixture *fixture_broker(void);
const char *fixture_address(void);

/* ---- what belongs to a case -------------------------------------------------------------------------------------- */

/* Connects to the broker of FIXTURE_CASE. The options may be NULL. */
portd_client *fixture_client(const portd_options *options);

/* The same for any address. */
portd_client *fixture_client_at(const char *address, const portd_options *options);

/* Another connection to the session of that client. */
portd_client *fixture_joined(const portd_client *client);

/* The case disconnects this client itself; returns it. */
portd_client *fixture_forget(portd_client *client);

/* Before the end of the case. The second leaves what its wake-one waits were answered to others. */
static inline void fixture_disconnect(portd_client *client) { portd_disconnect(fixture_forget(client)); }
static inline void fixture_abandon(portd_client *client) { portd_abandon(fixture_forget(client)); }

/* Registers fd to be closed at the end of the case; returns it. Fails for -1, with errno. */
int fixture_own(int fd);

/* Closes a registered descriptor. */
void fixture_close(int fd);

/* Unregisters fd without closing it; returns it. */
int fixture_disown(int fd);

/* Runs body in a child process, which ends with what body returns and must not use assertions. The child dies with
 * this process and is killed at the end of the case. */
pid_t fixture_fork(int (*body)(void *data), void *data);

/* Waits for the end of a child: its exit status, or 256 + the signal. */
int fixture_reap(pid_t pid);

/* SIGKILL and reap. */
void fixture_end(pid_t pid);

/* In a child process: closes all descriptors above that number. Returns -1 with errno if it cannot. */
int fixture_close_above(int last);

/* ---- conditions -------------------------------------------------------------------------------------------------- */

/* Until condition(data) is true; at most FIXTURE_PATIENCE_MS. Returns what it was at last. */
bool fixture_until(bool (*condition)(void *data), void *data);

/* Until poll(2) reports any of these events, or hang-up or error. Returns revents, 0 if that never came. */
short fixture_poll(int fd, short events);

/* Deadline for calls that answer at once. */
int64_t fixture_soon(void);

#endif
