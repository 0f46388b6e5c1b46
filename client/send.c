/* send.c: packing, the window, the queue.
 *
 * A message is packed directly into the channel's output. A message that cannot be sent yet is packed into memory of its
 * own; a wait is not, since its time limit is relative on the wire, so it is packed when it is sent. */
#include "send.h"

#include "client.h"

#include "proto/envelope.h"
#include "proto/frame.h"

#include <errno.h>
#include <string.h>

enum { FLUSH_AT = 32 * 1024 }; /* bytes of pending output at which _start calls send */

/* Every member of the union is a pointer to a message. */
static struct envelope envelope_of(const Portd__V1__Request *message) {
    return (struct envelope){
        .id = message->id, .number = message->method_case, .message = &message->ping->base};
}

/* A broker that turns the connection away may have closed it before hello is sent; its reply is in the socket. So hello
 * counts as sent, and the next round reads. */
static int put_lost(portd_client *client, int r) {
    if (client->greeted || (r != -EPIPE && r != -ECONNRESET))
        return r;
    client->write_errno = -r;
    return 0;
}

static int attached_put(portd_client *client, const struct envelope *envelope, size_t length,
                        const os_fd *fds, size_t n_fds) {
    uint8_t packed[FRAME_REQUEST_MAX];
    uint8_t *body = length <= sizeof(packed) ? packed : memory_get(&client->memory, length);

    if (!body)
        return -ENOMEM;
    envelope_pack(envelope, body);
    int r = channel_put_fds(&client->channel, body, length, fds, n_fds);
    if (body != packed)
        memory_free(&client->memory, body);
    return put_lost(client, r);
}

/* 0, -EBUSY: cannot be sent yet, or another negative errno. */
static int message_put(portd_client *client, const Portd__V1__Request *message, os_fd fd) {
    struct envelope envelope = envelope_of(message);
    size_t length = envelope_size(&envelope);

    if (length > FRAME_REQUEST_MAX && length > request_room(message->method_case))
        return -EMSGSIZE;
    if (client->n_attached > 0)
        return attached_put(client, &envelope, length, client->attached, client->n_attached);
    if (fd != OS_FD_NONE)
        return attached_put(client, &envelope, length, &fd, 1);
    uint8_t *body = channel_put(&client->channel, length);
    if (!body)
        return -ENOMEM;
    envelope_pack(&envelope, body);
    return 0;
}

static int wait_put(portd_client *client, const portd_request *request) {
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    wait.ids = request->ids;
    wait.n_ids = request->n_ids;
    wait.all = (request->flags & PORTD_WAIT_ALL) != 0;
    wait.one = (request->flags & PORTD_WAIT_ONE) != 0;
    if (request->deadline != PORTD_FOREVER) {
        wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
        wait.limit_us = client_left(client, request->deadline);
    }
    message.id = request->id;
    message.method_case = request->method;
    message.wait = &wait;
    return message_put(client, &message, OS_FD_NONE);
}

/* Puts the message that the request has kept packed. */
static int kept_put(portd_client *client, const portd_request *request) {
    const os_fd *fds = request->kept;
    const uint8_t *packed = (const uint8_t *)(fds + request->n_fds);

    if (request->by_hold && !client->holds)
        return -ENOSYS;
    if (request->n_fds > 0 && (request->handle_of == 0 || client_may_attach(client, request->handle_of)))
        return channel_put_fds(&client->channel, packed, request->length, fds, request->n_fds);
    uint8_t *body = channel_put(&client->channel, request->length);
    if (!body)
        return -ENOMEM;
    memcpy(body, packed, request->length);
    return 0;
}

static bool is_by_hold(const Portd__V1__Request *message) {
    switch (message->method_case) {
    case PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE:
        return *message->file_descriptor_to_semaphore->hold;
    case PORTD__V1__REQUEST__METHOD_FD_TO_EVT:
        return *message->fd_to_evt->hold;
    case PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT:
        return *message->file_descriptor_to_port->hold;
    case PORTD__V1__REQUEST__METHOD_READ_SPOOL:
        return true;
    default:
        return false;
    }
}

/* Packs the message and copies the descriptors, to be sent later. Copying also checks that they are open. */
static int message_keep(portd_client *client, portd_request *request, const Portd__V1__Request *message,
                        os_fd fd) {
    const os_fd *fds = client->n_attached > 0 ? client->attached : &fd;
    size_t n_fds = client->n_attached > 0 ? client->n_attached : fd != OS_FD_NONE;
    struct envelope envelope = envelope_of(message);
    size_t length = envelope_size(&envelope);

    if (length > request_room(message->method_case))
        return -EMSGSIZE;
    os_fd *copies = request->kept = memory_get(&client->memory, n_fds * sizeof(*copies) + length);
    if (!copies)
        return -ENOMEM;
    request->handle_of = message->method_case == PORTD__V1__REQUEST__METHOD_HANDLE ? message->handle->id : 0;
    request->by_hold = is_by_hold(message);
    client->by_hold = client->by_hold || request->by_hold;
    request->length = length;
    envelope_pack(&envelope, (uint8_t *)(copies + n_fds));
    request->n_fds = 0;
    return channel_copy_fds(copies, fds, n_fds, &request->n_fds);
}

static bool window_open(const portd_client *client, const portd_request *request) {
    const struct requests *requests = &client->requests;

    if (!client->greeted)
        return request->method == PORTD__V1__REQUEST__METHOD_HELLO;
    return request_parks(request) || requests->unanswered < requests->window;
}

static void request_sent(portd_client *client, portd_request *request) {
    request->state = REQUEST_SENT;
    if (!request_parks(request))
        client->requests.unanswered++;
}

/* Several starts in a row are sent in one call, up to FLUSH_AT, so that the broker can begin meanwhile. */
static void flush_some(portd_client *client) {
    if (client->blocked)
        return;
    if (channel_pending(&client->channel) >= FLUSH_AT ||
        client->requests.unanswered >= client->requests.window)
        client_flush(client);
}

/* A create call by a hold is the first that a next broker gives back. What is never sent twice is not kept. Without memory it is not repeated. */
static void keep_sent(portd_client *client, portd_request *request, const Portd__V1__Request *message,
                      os_fd fd) {
    if (is_by_hold(message))
        client->by_hold = true;
    if (!client->by_hold || !client->resumes || !request->callback || request_moves(request))
        return;
    if (message_keep(client, request, message, fd) < 0)
        request_unkeep(request); /* half of it would be another request */
}

int send_request(portd_client *client, portd_request *request, Portd__V1__Request *message, os_fd fd) {
    int r = -EBUSY;

    if (message)
        message->id = request->id;
    if (!client->requests.queue.first && window_open(client, request))
        r = message ? message_put(client, message, fd) : wait_put(client, request);
    if (r == 0) {
        request_sent(client, request);
        if (client->resumes && message)
            keep_sent(client, request, message, fd);
    } else if (r == -EBUSY) {
        request_enqueue(request);
        r = message ? message_keep(client, request, message, fd) : 0;
    }
    if (r == 0)
        flush_some(client);
    return r;
}

void send_queued(portd_client *client) {
    portd_request *request;

    while ((request = client->requests.queue.first) && window_open(client, request)) {
        int r = request_waits(request) ? wait_put(client, request) : kept_put(client, request);
        if (r == -EBUSY)
            return;
        if (r < 0) {
            request_end(request, error_of_errno(r), -r);
            continue;
        }
        request_unqueue(request);
        request_sent(client, request);
    }
}
