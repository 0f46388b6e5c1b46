/* keeping.h: calls that are answered when the broker's keeper has what they did (daemon/store/store.h). */
#ifndef KEEPING_H
#define KEEPING_H

#include "portd.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

struct call;
struct held;
struct holding_terms;

/* Whether calls wait for a keeper at all. */
bool keeping_is_needed(const struct call *call);

/* Whether the keeper takes more now. 0, or -1 and the refusal. */
int keeping_check(struct call *call);

/* Gives the holds that a put has made to the keeper, which forgets in the same order what they replace (NULL: nothing). 0: the answer follows; till the
 * keeper has answered the new ones are found, and if it refuses they end and the others are there again. 1: it is kept already: the caller answers, and
 * ends what is replaced. Or -1 and the refusal, and nothing has changed. */
int keeping_put(struct call *call, struct held *const *made, struct held *const *replaced, size_t n);

/* Sets the leases, when the keeper has them, of all or of none. 0: the answer follows; 1: it is done: the caller answers; or -1 and the refusal. */
int keeping_renew(struct call *call, struct held *const *held, const struct holding_terms *terms, size_t n);

#endif
