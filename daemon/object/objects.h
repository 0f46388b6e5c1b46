/* objects.h: the whole room: the registry, and who tells whom in it. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "registry.h"

/* 0 or a negative errno. */
int objects_init(struct registry *registry, const struct registry_parts *parts);
void objects_deinit(struct registry *registry); /* all sessions, workers and sentries have ended */

#endif
