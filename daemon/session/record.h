/* record.h: a session, its owners, its copies of what is held and what was made from them, as the keeper keeps them (daemon/store/keeper.proto).
 * Each function adds a record to the order. 0 or -ENOMEM: nothing was added.
 *
 * A broker that another one takes over from `moves` all that it has: also what is of no hold, and with what the keeper does not need to know. */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stdint.h>

struct descriptor;
struct handle;
struct owner;
struct session;
struct store_order;
struct waitable;

/* An id has so many bits. */
enum { RECORD_ID_BITS = 53, RECORD_VERSION = 1 };

int record_session(struct store_order *order, const struct session *session, bool moves);

/* Gives the owner a place, if it has none. Where a process's descriptor cannot be passed there is no record: the session comes back without the owner. */
int record_owner(struct store_order *order, const struct session *session, struct owner *owner);
uint64_t record_owner_key(const struct session *session, const struct owner *owner);

/* A copy that was made by a hold; moves: any descriptor. */
int record_copy(struct store_order *order, struct descriptor *copy, bool moves);

/* A semaphore, an event or a port of such a copy; also a semaphore or event that has ended. */
int record_object(struct store_order *order, struct waitable *waitable, bool moves);

/* The handle of a semaphore, asked for by its session. */
int record_handle(struct store_order *order, const struct waitable *semaphore);
uint64_t record_handle_key(uint64_t semaphore);

/* Only to be moved: any handle, and a process whose numbers the session uses. */
int record_any_handle(struct store_order *order, const struct handle *handle);
int record_place(struct store_order *order, const struct session *session, uint64_t place, uint64_t process);

#endif
