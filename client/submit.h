/* submit.h: starting a request: it gets an id and is sent or queued (send.h). */
#ifndef SUBMIT_H
#define SUBMIT_H

#include "portd.h"
#include "request.h"

#include "proto/os.h"

#include "portd.pb-c.h"

#include <stddef.h>
#include <stdint.h>

/* Starts a request: 1 and *request (if that is not NULL), or PORTD_E_* and nothing happened. Sets the id of the message.
 * fd is borrowed; OS_FD_NONE attaches nothing. Includes client_check, so client may be NULL. */
int submit_request(portd_client *client, Portd__V1__Request *message, os_fd fd, request_read *read,
                   portd_callback *callback, void *data, portd_request **request);

/* The same for a put of n names, with their descriptors and perhaps one more. taken: the caller's numbers, one for each name, which
 * the function that reads the reply closes; NULL: they stay the caller's. */
int submit_put(portd_client *client, Portd__V1__Put *put, const os_fd *fds, size_t n_fds,
               const portd_id *taken, request_read *read, portd_callback *callback, void *data,
               portd_request **request);

/* The same for a wait. */
int submit_wait(portd_client *client, const portd_id *ids, size_t n, unsigned flags, int64_t deadline,
                request_read *read, portd_callback *callback, void *data, portd_request **request);

/* The same for a message that parks and has a time limit of its own, *left, which is set unless the deadline is PORTD_FOREVER. `cursor` is that of the result if nothing happened. If the broker
 * has not replied long after the deadline, the result is 0. */
int submit_parked(portd_client *client, Portd__V1__Request *message, uint64_t *left, uint64_t cursor,
                  int64_t deadline, request_read *read, portd_callback *callback, void *data,
                  portd_request **request);

/* Undoes a create call that was abandoned: the n ids that it returned, with the number of its reply. */
void submit_undo(portd_client *client, portd_id *ids, size_t n, uint32_t undo);

/* Tells the broker that the client has what its wake-one waits were answered, the last of them being that request. */
void submit_goodbye(portd_client *client, uint64_t wait);

/* Tells the broker to cancel a parked request: 1 or a negative errno. The reply to the cancel itself is dropped; the
 * request gets its own. */
int submit_cancel(const portd_request *request);

#endif
