/* port.c: wrapping descriptors, and what is held, into ports, the number behind a port, and closing one.
 *
 * A wrap that takes the caller's number (_take) closes it once the broker has accepted, before the callback. If the
 * request fails or was abandoned, the number stays open and the caller's. */
#include "call.h"
#include "client.h"
#include "hold_name.h"
#include "reply.h"
#include "submit.h"
#include "text.h"

#include <stdint.h>
#include <string.h>

enum { NAME_MAX_BYTES = 255 };

struct wrap {
    portd_native number;
    const char *name;
    unsigned flags;
    bool socket;
    bool take;
    bool held; /* the number is 0, and the name that of a held descriptor, which is the ports', too */
    const char *owner;
};

/* Without memory the ports are as if they had not been made. */
static int note_text(portd_client *client, const Portd__V1__Ports *ports) {
    portd_id ids[2] = {ports->input, ports->output};
    int r = 0;

    for (size_t i = 0; i < 2 && r == 0; i++)
        if (ids[i])
            r = text_note(client, ids[i]);
    if (r < 0)
        submit_undo(client, ids[0] ? ids : ids + 1, (size_t)(ids[0] != 0) + (ids[1] != 0), ports->undo);
    return r;
}

static int read_ports(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                      struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Ports *ports = reply->file_descriptor_to_port;

    (void)client;
    (void)frame;
    if (ports->input == 0 && ports->output == 0)
        return PORTD_E_GARBLED;
    if (request->callback)
        os_close(request->taken);
    result->id = ports->input ? ports->input : ports->output;
    result->input = ports->input;
    result->output = ports->output;
    result->descriptor = ports->descriptor;
    if (request->flags & PORTD_TEXT && note_text(client, ports) < 0)
        return PORTD_E_MEMORY;
    result->flags = PORTD_RESULT_CREATED | (ports->replaced ? PORTD_RESULT_REPLACED : 0U);
    return (ports->input != 0) + (ports->output != 0);
}

static int wrap_check(portd_client *client, const struct wrap *wrap) {
    const unsigned ends = PORTD_READ | PORTD_WRITE;
    const unsigned known = wrap->socket ? PORTD_NO_CLOSE : ends | PORTD_TEXT | PORTD_REGULAR_FILE;

    if (wrap->number < 0 || wrap->number > INT32_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, wrap->socket ? "socket" : "fd",
                           "not a valid descriptor number");
    if (wrap->flags & ~known)
        return client_fail(
            client, PORTD_E_INVALID, 0, "flags",
            wrap->socket ? "the only flag of a socket is PORTD_NO_CLOSE"
                         : "invalid flags: only PORTD_READ, _WRITE, _TEXT and _REGULAR_FILE are allowed");
    if (!wrap->socket && !(wrap->flags & ends))
        return client_fail(client, PORTD_E_INVALID, 0, "flags", "PORTD_READ or PORTD_WRITE is required");
    if (wrap->take && wrap->flags & PORTD_NO_CLOSE)
        return client_fail(client, PORTD_E_INVALID, 0, "flags",
                           "PORTD_NO_CLOSE cannot be combined with _take");
    if (wrap->name && strlen(wrap->name) > NAME_MAX_BYTES)
        return client_fail(client, PORTD_E_INVALID, 0, "name", "a port name is limited to 255 bytes");
    return 0;
}

static int wrap_start(portd_client *client, const struct wrap *wrap, portd_callback *callback, void *data,
                      portd_request **request) {
    Portd__V1__WrapFileDescriptor file = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;
    Portd__V1__WrapSocket socket = PORTD__V1__WRAP_SOCKET__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    char name[NAME_MAX_BYTES + 1] = "";
    portd_request *started;
    int r = wrap_check(client, wrap);

    if (r == 0 && wrap->held) {
        r = hold_name_check_place(client, wrap->name);
        file.hold = hold_name_text(wrap->name);
        file.hold_owner = hold_name_text(wrap->owner);
    }
    if (r < 0)
        return r;
    if (wrap->name)
        memcpy(name, wrap->name, strlen(wrap->name) + 1);
    file.number = socket.number = wrap->number;
    file.name = socket.name = name;
    file.read = (wrap->flags & PORTD_READ) != 0;
    file.write = (wrap->flags & PORTD_WRITE) != 0;
    file.text = (wrap->flags & PORTD_TEXT) != 0;
    file.regular_file = (wrap->flags & PORTD_REGULAR_FILE) != 0;
    socket.no_close = (wrap->flags & PORTD_NO_CLOSE) != 0;
    if (wrap->socket) {
        message.method_case = PORTD__V1__REQUEST__METHOD_SOCKET_TO_PORT;
        message.socket_to_port = &socket;
    } else {
        message.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT;
        message.file_descriptor_to_port = &file;
    }
    r = submit_request(client, &message, wrap->held ? OS_FD_NONE : (os_fd)wrap->number, read_ports, callback,
                       data, &started);
    if (r > 0)
        started->flags = wrap->flags;
    if (r > 0 && wrap->take)
        started->taken = (os_fd)wrap->number;
    if (r > 0 && request)
        *request = started;
    return r;
}

int portd_fd_to_port_start(portd_client *client, portd_native fd, const char *name, unsigned flags,
                           portd_callback *callback, void *data, portd_request **request) {
    const struct wrap wrap = {.number = fd, .name = name, .flags = flags};

    return wrap_start(client, &wrap, callback, data, request);
}

int portd_socket_to_port_start(portd_client *client, portd_native socket, const char *name, unsigned flags,
                               portd_callback *callback, void *data, portd_request **request) {
    const struct wrap wrap = {.number = socket, .name = name, .flags = flags, .socket = true};

    return wrap_start(client, &wrap, callback, data, request);
}

int portd_fd_to_port_take_start(portd_client *client, portd_native fd, const char *name, unsigned flags,
                                portd_callback *callback, void *data, portd_request **request) {
    const struct wrap wrap = {.number = fd, .name = name, .flags = flags, .take = true};

    return wrap_start(client, &wrap, callback, data, request);
}

int portd_socket_to_port_take_start(portd_client *client, portd_native socket, const char *name,
                                    unsigned flags, portd_callback *callback, void *data,
                                    portd_request **request) {
    const struct wrap wrap = {.number = socket, .name = name, .flags = flags, .socket = true, .take = true};

    return wrap_start(client, &wrap, callback, data, request);
}

int portd_hold_to_port_start(portd_client *client, const char *owner, const char *name, unsigned flags,
                             portd_callback *callback, void *data, portd_request **request) {
    const struct wrap wrap = {.name = name, .flags = flags, .held = true, .owner = owner};

    return wrap_start(client, &wrap, callback, data, request);
}

static int wrap_run(portd_client *client, const struct wrap *wrap, int64_t deadline, portd_id *input,
                    portd_id *output) {
    struct call call;
    int r = call_end(&call, wrap_start(call_begin(&call, client), wrap, call_done, &call, &call.request),
                     deadline);

    if (input)
        *input = r > 0 ? call.result.input : 0;
    if (output)
        *output = r > 0 ? call.result.output : 0;
    return r;
}

int portd_fd_to_port(portd_client *client, portd_native fd, const char *name, unsigned flags,
                     int64_t deadline, portd_id *input, portd_id *output) {
    const struct wrap wrap = {.number = fd, .name = name, .flags = flags};

    return wrap_run(client, &wrap, deadline, input, output);
}

int portd_socket_to_port(portd_client *client, portd_native socket, const char *name, unsigned flags,
                         int64_t deadline, portd_id *input, portd_id *output) {
    const struct wrap wrap = {.number = socket, .name = name, .flags = flags, .socket = true};

    return wrap_run(client, &wrap, deadline, input, output);
}

int portd_fd_to_port_take(portd_client *client, portd_native fd, const char *name, unsigned flags,
                          int64_t deadline, portd_id *input, portd_id *output) {
    const struct wrap wrap = {.number = fd, .name = name, .flags = flags, .take = true};

    return wrap_run(client, &wrap, deadline, input, output);
}

int portd_socket_to_port_take(portd_client *client, portd_native socket, const char *name, unsigned flags,
                              int64_t deadline, portd_id *input, portd_id *output) {
    const struct wrap wrap = {.number = socket, .name = name, .flags = flags, .socket = true, .take = true};

    return wrap_run(client, &wrap, deadline, input, output);
}

int portd_hold_to_port(portd_client *client, const char *owner, const char *name, unsigned flags,
                       int64_t deadline, portd_id *input, portd_id *output) {
    const struct wrap wrap = {.name = name, .flags = flags, .held = true, .owner = owner};

    return wrap_run(client, &wrap, deadline, input, output);
}

/* ---- what a port stands for --------------------------------------------------------------------------------------- */

static int read_number(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                       struct channel_frame *frame, portd_result *result) {
    const Portd__V1__NumberOf *number = reply->port_to_socket;

    (void)client;
    (void)request;
    (void)frame;
    if (number->found)
        result->number = (portd_native)number->number;
    return number->found;
}

static int number_start(portd_client *client, portd_id id, Portd__V1__Request__MethodCase method,
                        portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Port port = PORTD__V1__PORT__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    port.id = id;
    message.method_case = method;
    message.port_to_socket = &port;
    return submit_request(client, &message, OS_FD_NONE, read_number, callback, data, request);
}

int portd_port_to_fd_start(portd_client *client, portd_id port, portd_callback *callback, void *data,
                           portd_request **request) {
    return number_start(client, port, PORTD__V1__REQUEST__METHOD_PORT_TO_FILE_DESCRIPTOR, callback, data,
                        request);
}

int portd_port_to_socket_start(portd_client *client, portd_id port, portd_callback *callback, void *data,
                               portd_request **request) {
    return number_start(client, port, PORTD__V1__REQUEST__METHOD_PORT_TO_SOCKET, callback, data, request);
}

typedef int port_start(portd_client *client, portd_id port, portd_callback *callback, void *data,
                       portd_request **request);

static int number_run(portd_client *client, portd_id port, port_start *start, int64_t deadline,
                      portd_native *number) {
    struct call call;
    int r =
        call_end(&call, start(call_begin(&call, client), port, call_done, &call, &call.request), deadline);

    if (number)
        *number = r > 0 ? call.result.number : -1;
    return r;
}

int portd_port_to_fd(portd_client *client, portd_id port, int64_t deadline, portd_native *number) {
    return number_run(client, port, portd_port_to_fd_start, deadline, number);
}

int portd_port_to_socket(portd_client *client, portd_id port, int64_t deadline, portd_native *number) {
    return number_run(client, port, portd_port_to_socket_start, deadline, number);
}

int portd_port_dup_fd_start(portd_client *client, portd_id id, portd_callback *callback, void *data,
                            portd_request **request) {
    Portd__V1__Port port = PORTD__V1__PORT__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    port.id = id;
    message.method_case = PORTD__V1__REQUEST__METHOD_PORT_DUP;
    message.port_dup = &port;
    return submit_request(client, &message, OS_FD_NONE, reply_read_fd, callback, data, request);
}

int portd_port_dup_fd(portd_client *client, portd_id port, int64_t deadline, portd_native *copy) {
    struct call call;

    if (!copy)
        return client_fail(client, PORTD_E_INVALID, 0, "copy", "copy must not be NULL");
    int r = call_end(
        &call, portd_port_dup_fd_start(call_begin(&call, client), port, call_done, &call, &call.request),
        deadline);
    *copy = r > 0 ? call.result.handle : -1;
    return r;
}

/* ---- closing ------------------------------------------------------------------------------------------------------ */

int portd_port_close_start(portd_client *client, portd_id port, portd_callback *callback, void *data,
                           portd_request **request) {
    Portd__V1__Close close = PORTD__V1__CLOSE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    close.id = port;
    message.method_case = PORTD__V1__REQUEST__METHOD_CLOSE;
    message.close = &close;
    return submit_request(client, &message, OS_FD_NONE, NULL, callback, data, request);
}

int portd_port_close(portd_client *client, portd_id port, int64_t deadline) {
    struct call call;

    return call_end(&call,
                    portd_port_close_start(call_begin(&call, client), port, call_done, &call, &call.request),
                    deadline);
}
