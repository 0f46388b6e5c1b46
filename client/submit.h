/* submit.h: starting a request: it gets its id and is sent, or waits in the queue (send.h). */
#ifndef SUBMIT_H
#define SUBMIT_H

#include "portd.h"
#include "request.h"

#include "proto/os.h"

#include "portd.pb-c.h"

#include <stddef.h>
#include <stdint.h>

/* Starts a request: 1 and *request (if that is not NULL), or PORTD_E_* and nothing happened. The id of the message is
 * set here. fd is borrowed, OS_FD_NONE attaches nothing. Whether the client may be asked is judged here; it may be NULL. */
int submit_request(portd_client *client, Portd__V1__Request *message, os_fd fd, request_read *read,
                   portd_callback *callback, void *data, portd_request **request);

/* The same for a wait. */
int submit_wait(portd_client *client, const portd_id *ids, size_t n, unsigned flags, int64_t deadline,
                request_read *read, portd_callback *callback, void *data, portd_request **request);

/* The same for a monitor, whose time limit is set here; `cursor` is what the answer has if nothing happened. If the broker says nothing for long after the deadline, the
 * answer is 0. */
int submit_monitor(portd_client *client, Portd__V1__Monitor *monitor, uint64_t cursor, int64_t deadline,
                   request_read *read, portd_callback *callback, void *data, portd_request **request);

/* Gives an id back that nobody has asked for, or closes a port and does. */
void submit_release(portd_client *client, portd_id id);
void submit_close(portd_client *client, portd_id port);

/* Tells the broker to end a parked request: 1 or a negative errno. Nobody asks for the answer: that of the request says it all. */
int submit_cancel(const portd_request *request);

#endif
