/* target.h: the objects that a request names by id. Those of its own session are found; by a connection with reach those of
 * all sessions of its uid that are not private, too. */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct waitable;
struct object;
struct port;
struct session;

/* Whether what this session has is found. */
bool target_may_reach(const struct call *call, const struct session *session);

/* Any object; NULL: no such id that is found. */
struct object *target_object(const struct call *call, uint64_t id);

/* A semaphore, an event or a port; NULL: no such id that is found. */
struct waitable *target_find(const struct call *call, uint64_t id);

/* -1: no such object, or one of a kind that does not do. */
int target_refuse(struct call *call, const char *field, uint64_t id);

/* An open port of that direction (-1: any). NULL: the refusal. */
struct port *target_port(struct call *call, uint64_t id, int direction);

/* -1 and the refusal: no worker would begin what the caller asks for. */
int target_check_workers(struct call *call);

#endif
