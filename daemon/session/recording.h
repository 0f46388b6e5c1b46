/* recording.h: sessions that outlive the broker. The keeper (daemon/store/store.h) has a record of each session that has objects by holds, of its owners, of its
 * copies of what is held, and of each of these objects; recorded.h makes them again.
 *
 * A session is recorded with its first such object, and the reply to the call that made the object waits for the keeper. What ends or
 * is gone after that is told to the keeper at once, and no reply waits for that: a keeper that does not read what was sent before may not have it if the
 * broker dies, and then what had ended is there again. */
#ifndef RECORDING_H
#define RECORDING_H

#include "creating.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct object;
struct owner;
struct refusal;
struct session;
struct sessions;
struct waitable;

/* Whether what is made by holds is recorded at all. */
bool recording_is_needed(const struct sessions *sessions);

/* Whether the keeper takes more now. 0, or -1 and the refusal. */
int recording_check(const struct sessions *sessions, struct refusal *refusal);

/* Records what was made by a hold for that request. 1: there is nothing to record, and the caller answers; 0: the answer follows, which is the
 * result or, if the keeper cannot take it, a refusal, and what was made is undone; or -1 and the refusal, and the same. */
int recording_start(struct connection *connection, const struct creating *creating,
                    const struct binding *binding, const union creating_result *result, uint64_t request,
                    struct refusal *refusal);

/* For registry->changed. */
void recording_changed(struct object *object, bool gone);

/* The semaphore, which is recorded, has a handle from now on that its own session has asked for. */
void recording_add_handle(const struct waitable *semaphore);

/* Owners were added to the session; one is removed; the session ends. Nothing happens if it is not recorded. */
void recording_add_owners(struct session *session);
void recording_remove_owner(struct session *session, const struct owner *owner);
void recording_end(struct session *session);

#endif
