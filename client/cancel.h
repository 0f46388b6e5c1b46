/* cancel.h: requests that end on this side; the one that users call is portd_cancel. */
#ifndef CANCEL_H
#define CANCEL_H

#include "portd.h"

/* Nobody asks for this request any more: its callback is not called. */
void cancel_abandoned(portd_request *request);

/* Ends the waits and monitors that the broker has left unanswered far beyond their time limit. */
void cancel_overdue(portd_client *client);

#endif
