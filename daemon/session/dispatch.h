/* dispatch.h: from a frame to the function that answers it.
 *
 * One table, by the number of the method in the schema: its function and how many descriptors it takes. The frame is unpacked in a
 * bounded arena, checked, and handed to the function; the function answers, refuses or parks. Descriptors that it did not
 * take are closed. */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "connection.h"
#include "daemon/object/descriptor.h"
#include "portd.pb-c.h"

enum { DISPATCH_METHODS_MAX = 64, CALL_FDS_MAX = 8 };

struct call {
    struct connection *connection;
    struct session *session;
    const Portd__V1__Request *request;
    os_fd fd;            /* attached; OS_FD_NONE: none, or taken */
    bool closes_at_once; /* the method has found that out of it (inspect.h) */
    struct channel_frame
        *frame; /* of a method that takes several: those that it takes become OS_FD_NONE. NULL: none came */
    struct refusal refusal;
};

/* 0: answered or parked; -1: the refusal is to be sent. */
typedef int call_handler(struct call *call);

void dispatch_frame(struct connection *connection, struct channel_frame *frame);

/* Whether the request that has begun to come may be as long as its header says. */
bool dispatch_may_be_long(const struct connection *connection);

/* The id of the request that has begun to come; 0: it is not there yet, or is that of another one. */
uint64_t dispatch_half_id(const struct connection *connection);

/* Answers with that member of Reply.result. Always 0. */
int dispatch_answer(struct call *call, Portd__V1__Reply__ResultCase which, void *result);

/* The name of the first method from that number on, how often it was called, and *number behind it. NULL: there is no more. */
const char *dispatch_next(size_t *number, uint64_t *count);

/* The name of that method, "" if there is none. */
const char *dispatch_name(size_t number);

/* Takes the attached descriptor out of the call. */
os_fd dispatch_take(struct call *call);

call_handler call_hello, call_end_session;
call_handler call_ping, call_list, call_show, call_status, call_stats, call_monitor;
call_handler call_file_descriptor_to_semaphore, call_socket_to_semaphore, call_fd_to_evt;
call_handler call_remove, call_release, call_handle;
call_handler call_wait, call_cancel;
call_handler call_file_descriptor_to_port, call_socket_to_port, call_port_to_file_descriptor,
    call_port_to_socket;
call_handler call_port_dup, call_close, call_shutdown, call_addresses, call_position;
call_handler call_read, call_write;

#endif
