/* features.h: what this broker announces in Welcome.features (PROTOCOL.md), which depends on the system. */
#ifndef FEATURES_H
#define FEATURES_H

#include <stddef.h>

/* Not to be changed. */
char **features_list(size_t *n);

#endif
