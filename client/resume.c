/* resume.c: what becomes of the requests of a client whose broker has died.
 *
 * What the broker did for a request that it did not answer is not known. A wait is repeated: what was ready by then either still is, or has been used up by
 * somebody else, as if the wait had come later; a semaphore that had fired is known to the next broker. Not so a wake-one wait: an activity that was
 * reported to nobody else may be lost with its reply, so it ends with the cause resync. What changes something and cannot be known to have
 * done so is uncertain.
 *
 * A put that was sent is uncertain, too: to repeat it, the library would have to compare what is held then with what it has put. */
#include "resume.h"

#include "client.h"
#include "hello.h"
#include "start.h"

#include <errno.h>
#include <string.h>

enum {
    TRIES = 16,          /* connections that end before hello is answered */
    ROOM_US = 100 * 1000 /* for room in the listen queue */
};

static bool may_resume(const portd_client *client) {
    return client->resumes && !client->refused && !client->closing && !client->garbled &&
           (!client->is_polled || client->again.fd_changes) && client->resume_tries < TRIES &&
           !process_is_child(&client->mark);
}

/* It has no reply any more. */
static void settle(portd_request *request) {
    request->state = REQUEST_DROPPED;
    if (!request->callback && !request->ended)
        request_forget(request);
    else if (request->ended)
        return; /* it is called back in the next round */
    else if (request->cancelled)
        request_end(request, PORTD_E_CANCELLED, 0);
    else if (request_waits(request) && request->flags & PORTD_WAIT_ONE)
        request_resync(request);
    else if (request_waits(request) || (request->kept && !request_moves(request)))
        request_repeat(request);
    else
        request_end(request, PORTD_E_UNCERTAIN, 0);
}

/* The next broker knows the session: requests that were sent to the one before, in the order of their starts. What was started but not sent is in the queue already, and is sent after them. */
static void settle_all(portd_client *client) {
    struct table *table = &client->requests.table;
    struct request_list queued = client->requests.queue;

    client->requests.queue = (struct request_list){NULL, NULL};
    for (size_t left = table->size; left > 0; left--) {
        portd_request *request = table->slots[(table->last_id - left + 1) & (table->size - 1)];
        if (request && request->state == REQUEST_SENT)
            settle(request);
    }
    request_append_list(&client->requests.queue, &queued);
    client->requests.unanswered = 0;
}

static void on_welcome(portd_client *client, const portd_result *result, void *data) {
    (void)data;
    if (result->code < 0)
        client->refused = true; /* the connection is lost: all are called back */
    else
        settle_all(client);
}

static void use_connection(portd_client *client, struct transport transport) {
    channel_deinit(&client->channel, client_discard, NULL);
    channel_init(&client->channel, transport, &client->scratch, FRAME_LONG_MAX);
    transport_close(client->transport);
    client->transport = transport;
    client->write_errno = 0;
    client->blocked = client->in_vain = false;
    client->greeted = false;
    client->answered_one = 0;
    client->dropped_one = false;
    if (client->sleeps)
        client_sleep_in_read(client);
}

/* One that this broker's predecessor has not answered. */
static void forget_hello(portd_client *client) {
    portd_request *hello = client->greeted ? NULL : table_find(&client->requests.table, client->hello);

    if (hello)
        request_forget(hello);
}

bool resume_begin(portd_client *client) {
    struct transport transport;

    if (!may_resume(client))
        return false;
    client->resume_tries++;
    if (transport_connect_by(client->address, os_now_us() + ROOM_US, &transport) < 0)
        return false;
    forget_hello(client);
    use_connection(client, transport); /* a new number: who polls the old one sees that it is another */
    client_log(client, "the connection was lost; resuming the session");
    if (hello_again(client, on_welcome) < 0) {
        client->refused = true;
        return false;
    }
    return true;
}
