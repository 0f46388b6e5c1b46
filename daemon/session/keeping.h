/* keeping.h: calls that are answered when the broker's keeper has what they did (daemon/store/store.h). */
#ifndef KEEPING_H
#define KEEPING_H

#include "portd.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

struct call;
struct held;

/* Whether calls wait for a keeper at all. */
bool keeping_is_needed(const struct call *call);

/* Whether the keeper takes more now. 0, or -1 and the refusal. */
int keeping_check(struct call *call);

/* Gives the holds of a put or renew to the keeper. 0: the answer follows, which is that of the method and, for a put, has the ids; 1: it is kept already:
 * the caller answers; or -1 and the refusal, and the keeper has none of it. is_put: the holds end if the keeper cannot take them. */
int keeping_start(struct call *call, struct held *const *held, size_t n, bool is_put);

#endif
