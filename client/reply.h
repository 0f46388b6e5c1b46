/* reply.h: every way in which a request is answered. All callbacks are called from here, inside a round. */
#ifndef REPLY_H
#define REPLY_H

#include "portd.h"
#include "request.h"

#include "proto/channel.h"

#include <stdbool.h>

/* Answers the request that a reply is for, and uses or closes the descriptors of its frame. Returns NULL, or the reason
 * why the connection cannot be used any more: the frame is not a valid reply. */
const char *reply_frame(portd_client *client, struct channel_frame *frame);

/* Calls back the requests in the list of ended ones (request_end). True if there was one. */
bool reply_ended(portd_client *client);

/* Reads a reply with one descriptor, which becomes the result's handle. */
request_read reply_read_fd;

/* Calls back all remaining requests: the connection is lost. In a forked child it calls back none: they are the
 * parent's. */
void reply_lost(portd_client *client);

#endif
