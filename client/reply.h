/* reply.h: every way in which a request gets its answer. All callbacks are called from here, in a round. */
#ifndef REPLY_H
#define REPLY_H

#include "portd.h"
#include "request.h"

#include "proto/channel.h"

#include <stdbool.h>

/* Answers the request that a reply is for, and uses or closes the descriptors of its frame. Returns NULL, or why the connection
 * must be given up: the frame is no reply. */
const char *reply_frame(portd_client *client, struct channel_frame *frame);

/* Calls back those that ended on this side. True if there was one. */
bool reply_ended(portd_client *client);

/* Reads a reply that brings one descriptor: it becomes the result's handle. */
request_read reply_read_fd;

/* Calls back all that are left: the connection is lost. In a forked child nobody: the requests are the parent's. */
void reply_lost(portd_client *client);

#endif
