/* endpoint.h: addresses in replies. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "portd.h"

#include "portd.pb-c.h"

/* NULL: there is none. */
void endpoint_read(portd_endpoint *to, const Portd__V1__Address *from);

#endif
