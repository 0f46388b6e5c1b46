/* send.h: the way of a request to the broker: at once while the broker's window is open, else through the queue. */
#ifndef SEND_H
#define SEND_H

#include "portd.h"
#include "request.h"

#include "proto/os.h"

/* Sends a new request, or queues it behind those that wait. message is NULL for a wait, which is packed from what the
 * request keeps; else its id is set here. 0, or a negative errno: neither was done (it may be in the queue still). */
int send_request(portd_client *client, portd_request *request, Portd__V1__Request *message, os_fd fd);

/* Sends of the queue what the window allows. */
void send_queued(portd_client *client);

#endif
