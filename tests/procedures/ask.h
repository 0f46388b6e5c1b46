/* ask.h: short forms of the library's calls, for cases that make many.
 *
 * Every function fails the case when the library returns an error; cases about errors call the library directly. ask_cause is
 * exact: the broker tests the level when it gets the request. Nothing here waits for time to pass, so "idle" means idle at that
 * moment; for what must come, use ask_until. */
#ifndef ASK_H
#define ASK_H

#include "tests/support/fixture.h"

enum {
    READ = PORTD_MODE_READ,
    WRITE = PORTD_MODE_WRITE,
    CHECK_READ = PORTD_MODE_CHECK_READ,
    CHECK_WRITE = PORTD_MODE_CHECK_WRITE,
    REMOVE = PORTD_MODE_REMOVE
};

enum {
    IDLE = PORTD_CAUSE_NONE,
    READY = PORTD_CAUSE_READY,
    HALF_CLOSE = PORTD_CAUSE_HALF_CLOSE,
    HANG_UP = PORTD_CAUSE_HANG_UP,
    ERROR = PORTD_CAUSE_ERROR,
    REMOVED = PORTD_CAUSE_REMOVED,
    REPLACED = PORTD_CAUSE_REPLACED,
    EXPIRED = PORTD_CAUSE_EXPIRED,
    DISCONNECTED = PORTD_CAUSE_DISCONNECTED
};

/* The id, 0 for none. */
portd_id ask_semaphore(portd_client *client, int fd, int mode);
portd_id ask_socket_semaphore(portd_client *client, int fd, int mode);
portd_id ask_evt(portd_client *client, int fd, int mode);

/* Mode remove of the two tables, which must answer none. */
void ask_no_semaphores(portd_client *client, int fd);
void ask_no_evts(portd_client *client, int fd);

/* Why it is ready at this moment; IDLE: it is not. */
int ask_cause(portd_client *client, portd_id id);

/* Waits until it is ready and says why. */
int ask_until(portd_client *client, portd_id id);

/* What is known of an object or session; the strings in it are not. */
portd_item ask_item(portd_client *client, portd_id id);

/* How much its uid has of what is limited: "bytes", "waits", ... */
uint64_t ask_quota(portd_client *client, const char *name);

/* How many waits of all its uid are in flight; for root and the broker's own uid, of all uids. */
uint32_t ask_inflight(portd_client *client);

/* Until that many waits are in flight on the object. */
void ask_until_waiters(portd_client *client, portd_id id, uint32_t n);

/* A pollable handle, looked after by the case. */
int ask_handle(portd_client *client, portd_id id);

/* Whether poll(2) says at this moment that the handle is readable. */
bool ask_handle_ready(int handle);

/* ---- waits in flight -------------------------------------------------------------------------------------------- */

enum { ASK_READY = 256 };

struct inflight {
    portd_client *client;
    portd_request *request; /* NULL once answered */
    int code;
    size_t answers;
    portd_ready ready[ASK_READY];
};

/* Starts a wait and returns when the broker has looked at it. At most ASK_PARKED at a time; the record stays until so many
 * more have been started. */
enum { ASK_PARKED = 320 };
struct inflight *ask_park(portd_client *client, const portd_id *ids, size_t n, unsigned flags);
struct inflight *ask_park_until(portd_client *client, const portd_id *ids, size_t n, unsigned flags,
                                int64_t deadline);
struct inflight *ask_park_one(portd_client *client, portd_id id, unsigned flags);

/* PORTD_WAIT_ONE where the broker has such waits, else 0: for cases in which they end as all others do. */
unsigned ask_wait_one(portd_client *client);

/* Waits for the answer and returns its code. */
int ask_answer(struct inflight *inflight);

/* Cancels it, which must be its answer. */
void ask_cancel(struct inflight *inflight);

/* Whether there is no answer although the broker has answered a ping that was sent now. */
bool ask_still_inflight(struct inflight *inflight);

/* ---- assertions ------------------------------------------------------------------------------------------------- */

#define assert_cause(client, id, cause) assert_int_equal(ask_cause(client, id), cause)
#define assert_until(client, id, cause) assert_int_equal(ask_until(client, id), cause)
#define assert_none(id) assert_true((id) == 0)
#define assert_same(a, b) assert_true((a) == (b) && (a) != 0)
#define assert_new(a, b) assert_true((a) != (b) && (a) != 0)
#define assert_answer(inflight, answer, why)                                                                 \
    (assert_int_equal(ask_answer(inflight), 1), assert_true((inflight)->ready[0].id == (answer)),            \
     assert_int_equal((inflight)->ready[0].cause, why))

#endif
