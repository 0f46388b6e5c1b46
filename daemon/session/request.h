/* request.h: unpacks the body of a request. */
#ifndef REQUEST_H
#define REQUEST_H

#include "portd.pb-c.h"

#include <stddef.h>
#include <stdint.h>

struct arena;

/* Unpacks the plain form into *plain, any other into the arena, which is reset. NULL: malformed, or the arena is exhausted. Valid as long as the body and
 * until the arena is reset. */
const Portd__V1__Request *request_unpack(struct arena *arena, const uint8_t *body, size_t length,
                                         Portd__V1__Request *plain);

/* What it took to unpack so many bytes, in units of a turn. request may be NULL. */
size_t request_units(const Portd__V1__Request *request, size_t length);

#endif
