/* hello.h: the hello of a client that resumes its session. */
#ifndef HELLO_H
#define HELLO_H

#include "portd.h"

/* Sends hello with the session's token, before what is in the queue. 1 or PORTD_E_*. */
int hello_again(portd_client *client, portd_callback *callback);

#endif
