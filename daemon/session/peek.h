/* peek.h: looks into a request that has not arrived completely. */
#ifndef PEEK_H
#define PEEK_H

#include <stdbool.h>
#include <stdint.h>

struct connection;

/* Whether the incomplete request may be as long as its header says. True as long as too little has arrived to tell. */
bool peek_may_be_long(const struct connection *connection);

/* The id of the incomplete request; 0: not there yet, or the id of another in-flight request. */
uint64_t peek_id(const struct connection *connection);

#endif
