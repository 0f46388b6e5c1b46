/* objects.h: the whole room: the registry, and who tells whom in it. */
#ifndef OBJECTS_H
#define OBJECTS_H

struct env;
struct registry;

/* 0 or a negative errno: then there is nothing to deinit. */
int objects_init(struct registry *registry, const struct env *env);
void objects_deinit(struct registry *registry); /* all sessions, workers and poller threads have ended */

#endif
