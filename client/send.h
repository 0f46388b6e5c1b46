/* send.h: sending requests: at once while the broker's window is open, else through the queue. */
#ifndef SEND_H
#define SEND_H

#include "portd.h"
#include "request.h"

#include "proto/os.h"

/* Sends a new request, or appends it to the queue. message is NULL for a wait, which is packed from the arguments in the
 * request; else its id is set here. 0, or a negative errno: it was not sent, but it may be in the queue. */
int send_request(portd_client *client, portd_request *request, Portd__V1__Request *message, os_fd fd);

/* Sends from the queue as many requests as the window allows. */
void send_queued(portd_client *client);

#endif
