/* record.h: a session, its owners, its copies of what is held and what was made from them, as the keeper keeps them (daemon/store/keeper.proto).
 * Each function adds a record to the order. 0 or -ENOMEM: nothing was added. */
#ifndef RECORD_H
#define RECORD_H

#include <stdint.h>

struct descriptor;
struct owner;
struct session;
struct store_order;
struct waitable;

/* An id has so many bits. */
enum { RECORD_ID_BITS = 53, RECORD_VERSION = 1 };

int record_session(struct store_order *order, const struct session *session);

/* Gives the owner a place, if it has none. Where a process's descriptor cannot be passed there is no record: the session comes back without the owner. */
int record_owner(struct store_order *order, const struct session *session, struct owner *owner);
uint64_t record_owner_key(const struct session *session, const struct owner *owner);

/* A copy that was made by a hold. */
int record_copy(struct store_order *order, struct descriptor *copy);

/* A semaphore, an event or a port of such a copy; also a semaphore or event that has ended. */
int record_object(struct store_order *order, struct waitable *waitable);

/* The handle of a semaphore, asked for by its session. */
int record_handle(struct store_order *order, const struct waitable *semaphore);
uint64_t record_handle_key(uint64_t semaphore);

#endif
