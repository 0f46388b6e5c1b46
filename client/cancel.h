/* cancel.h: ending requests from the client's side, besides portd_cancel. */
#ifndef CANCEL_H
#define CANCEL_H

#include "portd.h"

/* The request's callback will not be called. What its reply brings is given back when it comes. */
void cancel_abandoned(portd_request *request);

/* Ends the waits and monitors that the broker has not answered long after their deadline. */
void cancel_overdue(portd_client *client);

#endif
