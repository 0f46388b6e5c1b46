/* table.h: the requests of a client by their ids.
 *
 * Ids are assigned in order, and a request is in the slot of its id modulo the size of the table. An id whose slot is
 * occupied by an old request (a parked wait) is skipped, so a lookup reads one slot, and ids stay short on the wire. At
 * most half of the slots are used. */
#ifndef TABLE_H
#define TABLE_H

#include "portd.h"

#include <stddef.h>
#include <stdint.h>

struct table {
    portd_request **slots; /* NULL: empty */
    size_t size, used;     /* the size is 0 or a power of two */
    uint64_t last_id;
};

/* Assigns the request an id and adds it. 0 or -ENOMEM. */
int table_add(struct table *table, portd_request *request);
void table_remove(struct table *table, const portd_request *request);
portd_request *table_find(const struct table *table, uint64_t id);

#endif
