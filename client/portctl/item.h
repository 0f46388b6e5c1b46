/* item.h: one object of a listing as an output node. */
#ifndef ITEM_H
#define ITEM_H

#include "client/portctl/column.h"
#include "client/portctl/output.h"
#include "client/portd.h"

extern const struct column item_columns[];         /* of descriptors, ports, semaphores, events */
extern const struct column item_session_columns[]; /* of sessions */
extern const struct column item_any_columns[];     /* of all of them */
extern const struct column item_list_columns[];    /* and of what is held */

/* `current`: the id of the session that portctl is in. */
struct node *item_describe(const portd_item *item, portd_id current);

#endif
