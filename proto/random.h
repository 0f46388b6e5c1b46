/* random.h: where randomness comes from. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>

enum { RANDOM_MAX = 256 /* bytes in one call */ };

/* 0 or a negative errno. */
int random_get(void *bytes, size_t size);

#endif
