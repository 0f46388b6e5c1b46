/* hint.h: arms the handle of an event or a port that is a hint (pollable.h).
 *
 * An armed hint is a wait for its object, in flight in the session that asked for the handle, and charged as a wait is. When it is
 * done, for whatever reason, the handle becomes readable. So a hint that is not readable is armed: an object that is ready makes it
 * readable, however many processes share the handle and arm it. It can be readable although the object is not ready any more. */
#ifndef HINT_H
#define HINT_H

struct handle;
struct refusal;

/* Makes a handle that some waitable has (waitable_set_handle) unreadable, until its object is ready; if that is so already, it is
 * readable at once, or when the poller thread has answered. Does nothing if the object has ended: the handle is readable forever. Returns 0, or -1
 * with the refusal; then the handle is as before, or readable. */
int hint_arm(struct handle *handle, struct refusal *refusal);

#endif
