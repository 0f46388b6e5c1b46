/* container.h: the struct that contains a member. */
#ifndef CONTAINER_H
#define CONTAINER_H

#include <stddef.h>

#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
