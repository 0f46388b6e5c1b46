/* container.h: from a member to the struct that it is in. */
#ifndef CONTAINER_H
#define CONTAINER_H

#include <stddef.h>

#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
