/* objects.h: initializes the registry and everything that hangs on it, and connects the files of this directory. */
#ifndef OBJECTS_H
#define OBJECTS_H

struct env;
struct registry;

/* Returns 0, or a negative errno; then nothing needs objects_deinit. */
int objects_init(struct registry *registry, const struct env *env);
/* Call after all sessions, workers and poller threads have ended. */
void objects_deinit(struct registry *registry);

#endif
