/* submit.c: starting requests. Those that the library makes itself (release, cancel, goodbye) have no callback, and are sent
 * without client_check. */
#include "submit.h"

#include "client.h"
#include "send.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

static int submit_not_open(portd_client *client, os_fd fd) {
    char text[64] = "not an open descriptor";

    if (fd != OS_FD_NONE)
        snprintf(text, sizeof(text), "descriptor %lld is not open", (long long)(intptr_t)fd);
    return client_fail(client, PORTD_E_INVALID, EBADF, "fd", text);
}

static int submit_failed(portd_client *client, int error, os_fd fd) {
    int code = error_of_errno(error);

    if (code == PORTD_E_DISCONNECTED)
        client->write_errno = -error;
    if (error == -EBADF)
        return submit_not_open(client, fd);
    if (error == -EMSGSIZE)
        return client_fail(client, PORTD_E_INVALID, 0, NULL, "the request is too long");
    return client_fail(client, code, -error, NULL, NULL);
}

/* message is NULL for a wait. 1 or a negative errno. */
static int submit_go(portd_client *client, portd_request *request, Portd__V1__Request *message, os_fd fd,
                     portd_request **started) {
    int r = send_request(client, request, message, fd);

    if (r < 0) {
        request_forget(request);
        return r;
    }
    if (started)
        *started = request;
    return 1;
}

/* Starts a request without client_check; callback may be NULL. 1 or a negative errno. */
static int submit_unchecked(portd_client *client, Portd__V1__Request *message, os_fd fd, request_read *read,
                            portd_callback *callback, void *data, portd_request **started) {
    portd_request *request = request_new(client, message->method_case, read, callback, data);

    return request ? submit_go(client, request, message, fd, started) : -ENOMEM;
}

static int submit_check(portd_client *client, portd_callback *callback) {
    int r = client_check(client);

    if (r == 0 && !callback)
        r = client_fail(client, PORTD_E_INVALID, 0, "callback", "callback must not be NULL");
    return r;
}

int submit_request(portd_client *client, Portd__V1__Request *message, os_fd fd, request_read *read,
                   portd_callback *callback, void *data, portd_request **request) {
    int r = submit_check(client, callback);

    if (r < 0)
        return r;
    r = submit_unchecked(client, message, fd, read, callback, data, request);
    return r < 0 ? submit_failed(client, r, fd) : r;
}

/* The first of them that is not open; OS_FD_NONE: all are. */
static os_fd find_closed(const os_fd *fds, size_t n_fds) {
    for (size_t i = 0; i < n_fds; i++) {
        os_fd copy = os_dup(fds[i]);
        if (copy == OS_FD_NONE && errno == EBADF)
            return fds[i];
        os_close(copy);
    }
    return OS_FD_NONE;
}

int submit_put(portd_client *client, Portd__V1__Put *put, const os_fd *fds, size_t n_fds,
               const portd_id *taken, request_read *read, portd_callback *callback, void *data,
               portd_request **started) {
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    int r = submit_check(client, callback);

    if (r < 0)
        return r;
    portd_request *request = request_new(client, PORTD__V1__REQUEST__METHOD_PUT, read, callback, data);
    if (!request)
        return submit_failed(client, -ENOMEM, OS_FD_NONE);
    if (taken && request_keep_ids(request, taken, put->n_names) < 0) {
        request_forget(request);
        return submit_failed(client, -ENOMEM, OS_FD_NONE);
    }
    request->n_ids = put->n_names;
    request->flags = taken != NULL;
    message.method_case = PORTD__V1__REQUEST__METHOD_PUT;
    message.put = put;
    client->attached = fds;
    client->n_attached = n_fds;
    r = submit_go(client, request, &message, OS_FD_NONE, started);
    client->n_attached = 0;
    return r < 0 ? submit_failed(client, r, r == -EBADF ? find_closed(fds, n_fds) : OS_FD_NONE) : r;
}

int submit_wait(portd_client *client, const portd_id *ids, size_t n, unsigned flags, int64_t deadline,
                request_read *read, portd_callback *callback, void *data, portd_request **started) {
    int r = submit_check(client, callback);

    if (r < 0)
        return r;
    portd_request *request = request_new(client, PORTD__V1__REQUEST__METHOD_WAIT, read, callback, data);
    if (!request)
        return submit_failed(client, -ENOMEM, OS_FD_NONE);
    if (request_keep_ids(request, ids, n) < 0) {
        request_forget(request);
        return submit_failed(client, -ENOMEM, OS_FD_NONE);
    }
    request->flags = flags;
    request->deadline = deadline;
    if (deadline != PORTD_FOREVER)
        request_set_due(request, deadline, client_now(client));
    r = submit_go(client, request, NULL, OS_FD_NONE, started);
    return r < 0 ? submit_failed(client, r, OS_FD_NONE) : r;
}

int submit_parked(portd_client *client, Portd__V1__Request *message, uint64_t *left, uint64_t cursor,
                  int64_t deadline, request_read *read, portd_callback *callback, void *data,
                  portd_request **started) {
    int r = submit_check(client, callback);

    if (r < 0)
        return r;
    portd_request *request = request_new(client, message->method_case, read, callback, data);
    if (!request)
        return submit_failed(client, -ENOMEM, OS_FD_NONE);
    if (deadline != PORTD_FOREVER) {
        *left = client_left(client, deadline);
        request_set_due(request, deadline, client_now(client));
    }
    request->cursor = cursor;
    r = submit_go(client, request, message, OS_FD_NONE, started);
    return r < 0 ? submit_failed(client, r, OS_FD_NONE) : r;
}

void submit_undo(portd_client *client, portd_id *ids, size_t n, uint32_t undo) {
    Portd__V1__Release release = PORTD__V1__RELEASE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    release.ids = ids;
    release.n_ids = n;
    release.undo = undo;
    message.method_case = PORTD__V1__REQUEST__METHOD_RELEASE;
    message.release = &release;
    if (submit_unchecked(client, &message, OS_FD_NONE, NULL, NULL, NULL, NULL) < 0)
        client_log(client, "cannot undo an abandoned call");
}

void submit_goodbye(portd_client *client, uint64_t wait) {
    Portd__V1__Goodbye goodbye = PORTD__V1__GOODBYE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    goodbye.wait = wait;
    message.method_case = PORTD__V1__REQUEST__METHOD_GOODBYE;
    message.goodbye = &goodbye;
    if (submit_unchecked(client, &message, OS_FD_NONE, NULL, NULL, NULL, NULL) < 0)
        client_log(client, "cannot say goodbye");
}

int submit_cancel(const portd_request *request) {
    Portd__V1__Cancel cancel = PORTD__V1__CANCEL__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    cancel.request = request->id;
    message.method_case = PORTD__V1__REQUEST__METHOD_CANCEL;
    message.cancel = &cancel;
    return submit_unchecked(request->client, &message, OS_FD_NONE, NULL, NULL, NULL, NULL);
}
