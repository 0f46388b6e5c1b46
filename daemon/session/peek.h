/* peek.h: what can be told of a request that has not come whole. */
#ifndef PEEK_H
#define PEEK_H

#include <stdbool.h>
#include <stdint.h>

struct connection;

/* Whether the request that has begun to come may be as long as its header says. */
bool peek_may_be_long(const struct connection *connection);

/* The id of the request that has begun to come; 0: it is not there yet, or is that of another one. */
uint64_t peek_id(const struct connection *connection);

#endif
