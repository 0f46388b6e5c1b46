/* list.h: portd_list: copies of the items of a listing, of a status, of metrics, of notices, of notes or of held descriptors. A list does
 * not refer to its client and may outlive it. */
#ifndef LIST_H
#define LIST_H

#include "portd.h"

/* An empty list, or NULL. */
portd_list *list_new(const portd_client *client);

/* Appends copies of a result's items. Above 0, or PORTD_E_MEMORY and nothing was added. */
int list_take(portd_list *list, const portd_result *result);

/* Reorders metrics so that those of one name are adjacent, in the order of the first of each. 1 or PORTD_E_MEMORY. */
int list_gather(portd_list *list);

#endif
