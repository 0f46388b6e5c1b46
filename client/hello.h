/* hello.h: the hello of a client, which is the first request of each connection. */
#ifndef HELLO_H
#define HELLO_H

#include "portd.h"

/* Sends hello. request: as for submit_request. 1 or PORTD_E_*. */
int hello_start(portd_client *client, const portd_options *options, portd_callback *callback, void *data,
                portd_request **request);

/* Sends hello with the session's token, before what is in the queue. 1 or PORTD_E_*. */
int hello_again(portd_client *client, portd_callback *callback);

#endif
