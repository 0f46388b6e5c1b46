/* hold_name.h: names of held descriptors, as arguments and in requests. */
#ifndef HOLD_NAME_H
#define HOLD_NAME_H

#include "portd.h"

/* The schema's strings are not const; packing only reads them. NULL, the caller himself as an owner, is "". */
char *hold_name_text(const char *text);

/* 0, or PORTD_E_INVALID: not a name; field says which argument. client may be NULL. */
int hold_name_check(portd_client *client, const char *field, const char *name);

/* The same for a name that takes the place of a number: PORTD_E_UNSUPPORTED for a broker that would take number 0 instead. Before hello is
 * answered that is not known: send_queued sees to it. */
int hold_name_check_place(portd_client *client, const char *name);

#endif
