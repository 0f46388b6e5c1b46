/* guest.h: shared by the cases about hostile clients: raw clients that are cleaned up with the case, and views of the broker's
 * process from outside. Everything here asserts. */
#ifndef GUEST_H
#define GUEST_H

#include "tests/support/fixture.h"

#include "tests/support/client_raw.h"

/* Only connected. The socket belongs to the case. */
void guest_connect(struct raw *raw);
void guest_connect_at(struct raw *raw, const char *address);

/* Connected, with a session of its own. */
void guest_open(struct raw *raw);
void guest_open_at(struct raw *raw, const char *address);

/* In the session of another guest. */
void guest_join(struct raw *raw, const struct raw *other);

void guest_close(struct raw *raw);

/* The broker serves this guest. */
void guest_is_served(struct raw *raw);

/* The broker ends the connection, and says nothing before that. */
void guest_is_ended(struct raw *raw);

/* The next reply has that id and code. */
void guest_is_told(struct raw *raw, uint64_t id, int code);

/* A pipe that belongs to the case. */
void guest_pipe(int ends[2]);

/* An event or a semaphore for reading; asserts that it was made. */
uint64_t guest_semaphore(struct raw *raw, int fd, int64_t number);
uint64_t guest_evt(struct raw *raw, int fd, int64_t number);

/* Ports of that name for reading, all under one number. */
uint64_t guest_wrap(struct raw *raw, int fd, const char *name);

/* The port is closed and its id given back. */
void guest_drop(struct raw *raw, uint64_t port);

/* So many sessions that nobody is connected to: they have a time to live, and end with the broker. */
void guest_leave_sessions(const char *address, size_t n);

/* The guest sees its semaphore or event become ready: a wait of that id, already under way, is answered. */
void guest_is_woken(struct raw *raw, uint64_t request, uint64_t id, Portd__V1__Cause cause);

/* What the broker says of itself. Free with raw_free; the status is reply->status. */
raw_reply *guest_status(struct raw *raw);
uint64_t guest_quota(struct raw *raw, const char *name, uint64_t *limit);

/* Until the broker has closed all that it does not keep. */
void guest_until_closed(struct raw *raw);

/* Of a process: kilobytes of a line of /proc/PID/status ("VmHWM:"). */
long guest_memory(pid_t pid, const char *line);

/* Starts a broker whose process may have so many descriptors. fixture is static, as it must outlive the case. Without PORTD_DAEMON the case is skipped. */
void guest_start_limited(struct fixture *fixture, size_t descriptors, const char *const *options);

/* A broker for everybody, with so many descriptors (0: as many as there are). Who is not root cannot become somebody else: the case is skipped. */
void guest_start_open(struct fixture *fixture, size_t descriptors);

/* Only connected, as that uid: the kernel tells the broker who connects. For root. */
void guest_connect_as(struct raw *raw, unsigned uid, const char *address);

/* In a child: becomes that uid, for good. */
bool guest_become(unsigned uid);

/* Whether the broker keeps the socket of a connection that has ended until what it has sent is read. A pipe does without that. */
bool guest_socket_stays(void);

/* Whether test and broker are built with a sanitizer, which needs memory and descriptors of its own. */
bool guest_is_sanitized(void);

#endif
