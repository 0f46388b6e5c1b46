/* ready.c: semaphores and events of descriptors and of what is held, their handles, remove and release.
 *
 * Only the modes read and write send the descriptor; check and remove send a number, which need not be open. Of what is held the
 * broker has the descriptor, and number 0 means nothing. */
#include "call.h"
#include "client.h"
#include "handle.h"
#include "hold_name.h"
#include "reply.h"
#include "submit.h"

#include <stdint.h>
#include <string.h>

static int read_object(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                       struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Object *object = reply->fd_to_evt;

    (void)client;
    (void)request;
    (void)frame;
    result->id = object->id;
    result->descriptor = object->descriptor;
    if (object->id == 0 && object->unsupported) {
        result->flags |= PORTD_RESULT_UNSUPPORTED;
        result->message = object->reason;
    }
    if (object->id != 0 && object->created)
        result->flags |= PORTD_RESULT_CREATED;
    if (object->replaced)
        result->flags |= PORTD_RESULT_REPLACED;
    return object->id != 0;
}

static int mode_check(portd_client *client, int mode) {
    if (mode < PORTD_MODE_READ || mode > PORTD_MODE_REMOVE)
        return client_fail(client, PORTD_E_INVALID, 0, "mode", "invalid mode");
    return 0;
}

/* Checks the arguments that the three calls of descriptors share; 0 and *attached, the descriptor to send. */
static int object_check(portd_client *client, portd_native fd, int mode, os_fd *attached) {
    int r = mode_check(client, mode);

    *attached = OS_FD_NONE;
    if (r < 0)
        return r;
    if (fd < 0 || fd > INT32_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, "fd", "not a valid descriptor number");
    if (mode == PORTD_MODE_READ || mode == PORTD_MODE_WRITE)
        *attached = (os_fd)fd;
    return 0;
}

static int semaphore_start(portd_client *client, portd_native number, int mode, bool socket,
                           portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    os_fd attached;
    int r = object_check(client, number, mode, &attached);

    if (r < 0)
        return r;
    descriptor.number = number;
    descriptor.mode = (Portd__V1__Mode)mode;
    message.method_case = socket ? PORTD__V1__REQUEST__METHOD_SOCKET_TO_SEMAPHORE
                                 : PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    message.file_descriptor_to_semaphore = &descriptor;
    return submit_request(client, &message, attached, read_object, callback, data, request);
}

int portd_fd_to_semaphore_start(portd_client *client, portd_native fd, int mode, portd_callback *callback,
                                void *data, portd_request **request) {
    return semaphore_start(client, fd, mode, false, callback, data, request);
}

int portd_socket_to_semaphore_start(portd_client *client, portd_native socket, int mode,
                                    portd_callback *callback, void *data, portd_request **request) {
    return semaphore_start(client, socket, mode, true, callback, data, request);
}

int portd_fd_to_evt_start(portd_client *client, portd_native fd, int mode, int number_kind,
                          portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    os_fd attached;
    int r = object_check(client, fd, mode, &attached);

    if (r < 0)
        return r;
    if (number_kind != PORTD_FD && number_kind != PORTD_SOCKET)
        return client_fail(client, PORTD_E_INVALID, 0, "number_kind", "expected PORTD_FD or PORTD_SOCKET");
    descriptor.number = fd;
    descriptor.mode = (Portd__V1__Mode)mode;
    descriptor.socket = number_kind == PORTD_SOCKET;
    message.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    message.fd_to_evt = &descriptor;
    return submit_request(client, &message, attached, read_object, callback, data, request);
}

int portd_hold_to_semaphore_start(portd_client *client, const char *owner, const char *name, int mode,
                                  portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    int r = mode_check(client, mode);

    if (r == 0)
        r = hold_name_check_place(client, name);
    if (r < 0)
        return r;
    descriptor.mode = (Portd__V1__Mode)mode;
    descriptor.hold = hold_name_text(name);
    descriptor.hold_owner = hold_name_text(owner);
    message.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    message.file_descriptor_to_semaphore = &descriptor;
    return submit_request(client, &message, OS_FD_NONE, read_object, callback, data, request);
}

int portd_hold_to_evt_start(portd_client *client, const char *owner, const char *name, int mode,
                            portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    int r = mode_check(client, mode);

    if (r == 0)
        r = hold_name_check_place(client, name);
    if (r < 0)
        return r;
    descriptor.mode = (Portd__V1__Mode)mode;
    descriptor.hold = hold_name_text(name);
    descriptor.hold_owner = hold_name_text(owner);
    message.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    message.fd_to_evt = &descriptor;
    return submit_request(client, &message, OS_FD_NONE, read_object, callback, data, request);
}

static int object_end(struct call *call, int started, int64_t deadline, portd_id *id) {
    int r = call_end(call, started, deadline);

    if (id)
        *id = r > 0 ? call->result.id : 0;
    return r;
}

int portd_fd_to_semaphore(portd_client *client, portd_native fd, int mode, int64_t deadline,
                          portd_id *semaphore) {
    struct call call;
    portd_client *asked = call_begin(&call, client);

    return object_end(&call, portd_fd_to_semaphore_start(asked, fd, mode, call_done, &call, &call.request),
                      deadline, semaphore);
}

int portd_socket_to_semaphore(portd_client *client, portd_native socket, int mode, int64_t deadline,
                              portd_id *semaphore) {
    struct call call;
    portd_client *asked = call_begin(&call, client);

    return object_end(&call,
                      portd_socket_to_semaphore_start(asked, socket, mode, call_done, &call, &call.request),
                      deadline, semaphore);
}

int portd_fd_to_evt(portd_client *client, portd_native fd, int mode, int number_kind, int64_t deadline,
                    portd_id *evt) {
    struct call call;
    portd_client *asked = call_begin(&call, client);

    return object_end(&call,
                      portd_fd_to_evt_start(asked, fd, mode, number_kind, call_done, &call, &call.request),
                      deadline, evt);
}

int portd_hold_to_semaphore(portd_client *client, const char *owner, const char *name, int mode,
                            int64_t deadline, portd_id *semaphore) {
    struct call call;
    portd_client *asked = call_begin(&call, client);

    return object_end(
        &call, portd_hold_to_semaphore_start(asked, owner, name, mode, call_done, &call, &call.request),
        deadline, semaphore);
}

int portd_hold_to_evt(portd_client *client, const char *owner, const char *name, int mode, int64_t deadline,
                      portd_id *evt) {
    struct call call;
    portd_client *asked = call_begin(&call, client);

    return object_end(&call,
                      portd_hold_to_evt_start(asked, owner, name, mode, call_done, &call, &call.request),
                      deadline, evt);
}

/* ---- handles ------------------------------------------------------------------------------------------------------ */

static int start_handle(portd_client *client, portd_id id, bool hint, portd_callback *callback, void *data,
                        portd_request **request) {
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    os_fd attached = OS_FD_NONE;
    int r = 0;

    if (client && client_may_attach(client, id))
        r = handle_attach(portd_id_kind(id) == PORTD_KIND_SEMAPHORE, &attached);
    if (r < 0)
        return client_fail(client, error_of_errno(r), -r, "handle",
                           "cannot make a descriptor for the handle");
    handle.id = id;
    handle.hint = hint;
    message.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    message.handle = &handle;
    r = submit_request(client, &message, attached, reply_read_fd, callback, data, request);
    os_close(attached);
    return r;
}

int portd_handle_dup_start(portd_client *client, portd_id id, portd_callback *callback, void *data,
                           portd_request **request) {
    return start_handle(client, id, false, callback, data, request);
}

int portd_handle_dup(portd_client *client, portd_id id, int64_t deadline, portd_native *handle) {
    struct call call;

    if (!handle)
        return client_fail(client, PORTD_E_INVALID, 0, "handle", "handle must not be NULL");
    int r = call_end(&call,
                     portd_handle_dup_start(call_begin(&call, client), id, call_done, &call, &call.request),
                     deadline);
    *handle = r > 0 ? call.result.handle : -1;
    return r;
}

int portd_handle_arm_start(portd_client *client, portd_id id, portd_native handle, portd_callback *callback,
                           void *data, portd_request **request) {
    Portd__V1__Handle again = PORTD__V1__HANDLE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    if (handle == -1)
        return start_handle(client, id, true, callback, data, request);
    again.id = id;
    again.hint = again.rearm = true;
    message.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    message.handle = &again;
    return submit_request(client, &message, OS_FD_NONE, NULL, callback, data, request);
}

int portd_handle_arm(portd_client *client, portd_id id, int64_t deadline, portd_native *handle) {
    struct call call;

    if (!handle)
        return client_fail(client, PORTD_E_INVALID, 0, "handle", "handle must not be NULL");
    int r = call_end(
        &call,
        portd_handle_arm_start(call_begin(&call, client), id, *handle, call_done, &call, &call.request),
        deadline);
    if (*handle == -1 && r > 0)
        *handle = call.result.handle;
    return r;
}

/* ---- remove and release ------------------------------------------------------------------------------------------- */

int portd_remove_start(portd_client *client, portd_id id, portd_callback *callback, void *data,
                       portd_request **request) {
    Portd__V1__Remove remove = PORTD__V1__REMOVE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    remove.id = id;
    message.method_case = PORTD__V1__REQUEST__METHOD_REMOVE;
    message.remove = &remove;
    return submit_request(client, &message, OS_FD_NONE, NULL, callback, data, request);
}

int portd_remove(portd_client *client, portd_id id, int64_t deadline) {
    struct call call;

    return call_end(&call, portd_remove_start(call_begin(&call, client), id, call_done, &call, &call.request),
                    deadline);
}

int portd_release_start(portd_client *client, const portd_id *ids, size_t n, portd_callback *callback,
                        void *data, portd_request **request) {
    Portd__V1__Release release = PORTD__V1__RELEASE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    portd_id copy[FRAME_TARGETS_MAX];
    int r = client_check_ids(client, ids, n);

    if (r < 0)
        return r;
    memcpy(copy, ids, n * sizeof(*ids));
    release.ids = copy;
    release.n_ids = n;
    message.method_case = PORTD__V1__REQUEST__METHOD_RELEASE;
    message.release = &release;
    return submit_request(client, &message, OS_FD_NONE, NULL, callback, data, request);
}

int portd_release(portd_client *client, const portd_id *ids, size_t n, int64_t deadline) {
    struct call call;

    return call_end(&call,
                    portd_release_start(call_begin(&call, client), ids, n, call_done, &call, &call.request),
                    deadline);
}
