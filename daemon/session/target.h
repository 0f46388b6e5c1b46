/* target.h: finds the objects that a request names by id: those of its own session; for a connection with reach, also those of
 * all sessions of its uid that are not private. */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct waitable;
struct object;
struct port;
struct session;

/* Whether the call may reach this session's objects. */
bool target_may_reach(const struct call *call, const struct session *session);

/* Any object; NULL: no such id within reach. */
struct object *target_object(const struct call *call, uint64_t id);

/* A semaphore, an event or a port; NULL: no such id within reach. */
struct waitable *target_find(const struct call *call, uint64_t id);

/* Sets the refusal: no such object, or one of a kind that the call does not accept. Always -1. */
int target_refuse(struct call *call, const char *field, uint64_t id);

/* An open port of that direction (-1: any). NULL: the refusal. */
struct port *target_port(struct call *call, uint64_t id, int direction);

/* 0, or -1 and the refusal: the system does not tell when its descriptor is ready (inspect_tells_ready), so it cannot be waited for. */
int target_check_tells(struct call *call, const struct waitable *waitable, const char *field);

/* 0, or -1 and the refusal: no worker thread is free for this uid, or can be started. */
int target_check_workers(struct call *call);

#endif
