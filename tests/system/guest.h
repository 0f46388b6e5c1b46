/* guest.h: what the cases about hostile clients share: raw clients that the fixture looks after, and looks at the
 * broker's process from outside. Everything here asserts. */
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

/* Stops the broker's process so that what is sent meanwhile is there all at once, and lets it go on. */
void guest_hold(const struct fixture *broker);
void guest_let_go(const struct fixture *broker);
void guest_hold_broker(void); /* that of FIXTURE_CASE */
void guest_let_broker_go(void);

/* The guest sees its semaphore or event become ready: a wait of that id, already under way, is answered. */
void guest_is_woken(struct raw *raw, uint64_t request, uint64_t id, Portd__V1__Cause cause);

/* What the broker says of itself. Free with raw_free; the status is reply->status. */
raw_reply *guest_status(struct raw *raw);
uint64_t guest_quota(struct raw *raw, const char *name, uint64_t *limit);

/* Until the broker has closed all that it does not keep. */
void guest_until_closed(struct raw *raw);

/* Of a process: clock ticks it has used, kilobytes of a line of /proc/PID/status ("VmHWM:"). */
long guest_cpu(pid_t pid);
long guest_memory(pid_t pid, const char *line);

/* Starts a broker whose process may have so many descriptors. fixture is static, as it must outlive the case. Without PORTD_DAEMON the case is skipped. */
void guest_start_limited(struct fixture *fixture, size_t descriptors, const char *const *options);

/* Whether test and broker are built with a sanitizer, which needs memory and descriptors of its own. */
bool guest_is_sanitized(void);

#endif
