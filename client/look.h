/* look.h: portd_look: reading it from a reply, and copying it. */
#ifndef LOOK_H
#define LOOK_H

#include "portd.h"

#include "portd.pb-c.h"

#include <stddef.h>

/* PORTD_POISON_BITs. A later broker may have further ones, which are left out if they do not fit. */
unsigned look_poisons(const Portd__V1__Poison *poisons, size_t n);

/* How many bytes look_read needs for that item, which begin where any object may; 0: it has no look. */
size_t look_room(const Portd__V1__HoldItem *item);

/* Fills them. Strings stay the item's. NULL: it has no look. */
const portd_look *look_read(void *room, const Portd__V1__HoldItem *item);

/* The same for a copy, strings and all, that begins at *at or a little behind it; *at is set behind it. NULL is allowed, and copied as NULL. */
size_t look_size(const portd_look *look);
const portd_look *look_copy(char **at, const portd_look *look);

#endif
