/* table.h: the requests of a client by their ids.
 *
 * Ids are given out in order, and a request lies in the slot of its id modulo the size of the table. An id whose slot is
 * taken by an old request (a parked wait) is skipped, so finding one is a look into one slot, and the numbers on the wire
 * stay short. At most half of the slots are used. */
#ifndef TABLE_H
#define TABLE_H

#include "portd.h"

#include <stddef.h>
#include <stdint.h>

struct table {
    portd_request **slots; /* to walk over; NULL: empty */
    size_t size, used;     /* the size is 0 or a power of two */
    uint64_t last_id;
};

/* Gives the request an id. 0 or -ENOMEM. */
int table_add(struct table *table, portd_request *request);
void table_remove(struct table *table, const portd_request *request);
portd_request *table_find(const struct table *table, uint64_t id);

#endif
