/* dispatch.h: from a frame to its handler.
 *
 * One table, indexed by the method's number in the schema, names the handler; method.h has what the method takes, costs and may
 * reach. The frame is unpacked into a bounded arena, checked, and passed to the handler, which replies, refuses, or keeps the
 * request in flight. Descriptors that it does not take are closed. */
#ifndef DISPATCH_H
#define DISPATCH_H

struct call;
struct channel_frame;
struct connection;
struct Portd__V1__Request;

/* 0: replied or in flight; -1: dispatch sends call->refusal. */
typedef int call_handler(struct call *call);

void dispatch_frame(struct connection *connection, struct channel_frame *frame);

/* The same after unpacking: for the dialect of a visitor (visitor.h), which has checked that strings are UTF-8. */
void dispatch_request(struct connection *connection, struct channel_frame *frame,
                      const struct Portd__V1__Request *request);

call_handler call_hello, call_end_session;
call_handler call_reload, call_ping, call_list, call_show, call_status, call_stats, call_monitor;
call_handler call_file_descriptor_to_semaphore, call_socket_to_semaphore, call_fd_to_evt;
call_handler call_remove, call_release, call_handle;
call_handler call_wait, call_cancel, call_goodbye;
call_handler call_file_descriptor_to_port, call_socket_to_port, call_port_to_file_descriptor,
    call_port_to_socket;
call_handler call_port_dup, call_close, call_shutdown, call_addresses, call_position, call_splice;
call_handler call_read, call_write;
call_handler call_put, call_get, call_drop, call_holds, call_renew, call_why, call_read_spool, call_show_hold,
    call_repair_hold, call_resize_hold, call_upgrade;

#endif
