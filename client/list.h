/* list.h: what portd_list_* look at: copies of the items of a listing, of a status, of metrics or notices. It knows nothing of the client any
 * more and may outlive it. */
#ifndef LIST_H
#define LIST_H

#include "portd.h"

/* An empty list, or NULL. */
portd_list *list_new(const portd_client *client);

/* Appends copies of what a result has. Above 0, or PORTD_E_MEMORY and nothing was added. */
int list_take(portd_list *list, const portd_result *result);

/* Puts metrics of one name together, in the order of their first ones. 1 or PORTD_E_MEMORY. */
int list_gather(portd_list *list);

#endif
