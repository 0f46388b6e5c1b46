/* target.h: the objects that a request names by id. Only those of its own session are found. */
#ifndef TARGET_H
#define TARGET_H

#include "daemon/object/indicator.h"
#include "dispatch.h"

struct port;

/* A semaphore, an event or a port; NULL: no such id in this session. */
struct indicator *target_find(const struct call *call, uint64_t id);

/* -1: no such object, or one of a kind that does not do. */
int target_refuse(struct call *call, const char *field, uint64_t id);

/* An open port of that direction (-1: any). NULL: the refusal. */
struct port *target_port(struct call *call, uint64_t id, int direction);

#endif
