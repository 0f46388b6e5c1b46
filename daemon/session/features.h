/* features.h: what this broker announces in Welcome.features (PROTOCOL.md), which depends on the system. */
#ifndef FEATURES_H
#define FEATURES_H

#include <stdbool.h>
#include <stddef.h>

enum { FEATURES_MAX = 32 }; /* with those that do not depend on the system */

/* What a client is told; trusted: one that need not attach an eventfd for the handle of a semaphore. Not to be changed. */
char **features_list(bool trusted, size_t *n);

/* Whether "wait-one" is one of them. */
bool features_wakes_one(void);

#endif
