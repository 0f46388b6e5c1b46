/* text_win.c: text mode on Windows.
 *
 * What was translated for a write is kept until its reply: the broker counts the bytes that it has written, the program those that it gave. A read asks for
 * a byte less, as a CR that was held back may come before what it brings; so it needs room for two. When all that came is a CR, which is
 * held back, the result has no bytes and PORTD_RESULT_HELD.
 *
 * Of writes that are in flight together each is translated as if the ones before had been written whole. */
#include "text.h"

#include "client.h"
#include "crlf.h"
#include "submit.h"

#include <errno.h>
#include <string.h>

struct text_port {
    portd_id id;
    struct crlf_in in;
    struct crlf_out out;
};

/* A write in flight. */
struct text_write {
    struct text_write *next;
    uint64_t request;
    portd_id port;
    struct crlf_out out; /* as it began */
    size_t size;
    uint8_t bytes[];
};

struct text {
    struct text_port *ports; /* by id */
    size_t n, room;
    struct text_write *writes;
};

/* ---- which ports -------------------------------------------------------------------------------------------------- */

static void text_free(portd_client *client) {
    struct text_write *write;

    while ((write = client->text->writes)) {
        client->text->writes = write->next;
        memory_free(&client->memory, write);
    }
    memory_free(&client->memory, client->text->ports);
    memory_free(&client->memory, client->text);
    client->text = NULL;
}

/* The place of the first port that does not come before this one. */
static size_t place_of(const struct text *text, portd_id id) {
    size_t low = 0, high = text->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (text->ports[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct text_port *find(const portd_client *client, portd_id id) {
    size_t at;

    if (!client || !client->text)
        return NULL;
    at = place_of(client->text, id);
    return at < client->text->n && client->text->ports[at].id == id ? &client->text->ports[at] : NULL;
}

static struct text *text_get(portd_client *client) {
    if (client->text)
        return client->text;
    client->text = memory_get(&client->memory, sizeof(*client->text));
    if (client->text) {
        *client->text = (struct text){.ports = NULL};
        client->text_free = text_free;
    }
    return client->text;
}

int text_note(portd_client *client, portd_id port) {
    struct text *text = text_get(client);

    if (!text)
        return -ENOMEM;
    if (find(client, port))
        return 0;
    if (text->n == text->room) {
        size_t room = text->room ? 2 * text->room : 8;
        struct text_port *ports = memory_resize(&client->memory, text->ports, room * sizeof(*ports));
        if (!ports)
            return -ENOMEM;
        text->ports = ports;
        text->room = room;
    }
    size_t at = place_of(text, port);
    memmove(text->ports + at + 1, text->ports + at, (text->n - at) * sizeof(*text->ports));
    text->ports[at] = (struct text_port){.id = port};
    text->n++;
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* A peek changes nothing. It cannot know what follows a CR at its end, and leaves that out unless there is nothing else. */
static size_t translate(struct text_port *port, const Portd__V1__Data *data, bool peek, uint8_t *out) {
    struct crlf_in in = port->in;
    size_t n = crlf_read(&in, data->data.data, data->data.len, data->end, out);

    if (!peek)
        port->in = in;
    else if (n == 0 && in.held)
        out[n++] = '\r';
    return n;
}

static int read_data(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                     struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Data *data = reply->read;
    struct text_port *port = find(client, request->text);
    uint8_t *bytes = client->extra = memory_get(&client->memory, data->data.len + 1);

    (void)frame;
    if (!bytes || !port)
        return PORTD_E_MEMORY;
    result->bytes = bytes;
    result->count = translate(port, data, (request->flags & PORTD_PEEK) != 0, bytes);
    if (result->count == 0 && !data->end)
        result->flags |= PORTD_RESULT_HELD;
    return result->count > 0 || !data->end;
}

int text_read_start(portd_client *client, portd_id port, size_t size, unsigned flags,
                    portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Read read = PORTD__V1__READ__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    portd_request *started;

    if (!find(client, port))
        return 0;
    if (size < 2)
        return client_fail(client, PORTD_E_INVALID, 0, "size",
                           "a port in text mode is read with room for two bytes at least");
    read.id = port;
    read.most = (uint32_t)(size - 1 < FRAME_DATA_MAX ? size - 1 : FRAME_DATA_MAX);
    read.peek = (flags & PORTD_PEEK) != 0;
    message.method_case = PORTD__V1__REQUEST__METHOD_READ;
    message.read = &read;
    int r = submit_request(client, &message, OS_FD_NONE, read_data, callback, data, &started);
    if (r <= 0)
        return r;
    started->text = port;
    started->flags = flags;
    if (request)
        *request = started;
    return r;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

/* Takes out the write of that request; NULL: there is none. */
static struct text_write *take_write(const portd_client *client, uint64_t request) {
    for (struct text_write **at = &client->text->writes; *at; at = &(*at)->next)
        if ((*at)->request == request) {
            struct text_write *write = *at;
            *at = write->next;
            return write;
        }
    return NULL;
}

/* Frees those whose request has gone and was not answered with a count: they have written nothing. */
static void free_gone(const portd_client *client) {
    struct text_write **at = &client->text->writes, *write;

    while ((write = *at)) {
        struct text_port *port = find(client, write->port);
        if (table_find(&client->requests.table, write->request)) {
            at = &write->next;
            continue;
        }
        if (port && write->out.half)
            port->out.half = true;
        *at = write->next;
        memory_free(&client->memory, write);
    }
}

static int read_written(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                        struct channel_frame *frame, portd_result *result) {
    struct text_write *write = take_write(client, request->id);
    struct text_port *port = find(client, request->text);
    size_t n = reply->write->count;

    (void)frame;
    if (!write || !port || n > write->size) {
        memory_free(&client->memory, write);
        return PORTD_E_GARBLED;
    }
    result->count = crlf_written(&write->out, write->bytes, write->size, n);
    if (n < write->size)
        port->out = write->out;
    memory_free(&client->memory, write);
    return 1;
}

static struct text_write *write_new(portd_client *client, const struct text_port *port, const void *bytes,
                                    size_t size) {
    size_t most = size < FRAME_DATA_MAX / 2 ? 2 * size + 1 : FRAME_DATA_MAX, taken;
    struct text_write *write = memory_get(&client->memory, sizeof(*write) + most);

    if (!write)
        return NULL;
    write->port = port->id;
    write->out = port->out;
    write->size = crlf_write(&write->out, bytes, size, write->bytes, most, &taken);
    return write;
}

int text_write_start(portd_client *client, portd_id port, const void *bytes, size_t size,
                     portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Write message = PORTD__V1__WRITE__INIT;
    Portd__V1__Request whole = PORTD__V1__REQUEST__INIT;
    struct text_port *known = find(client, port);
    portd_request *started;

    if (!known)
        return 0;
    free_gone(client);
    struct text_write *write = write_new(client, known, bytes, size);
    if (!write)
        return client_fail(client, PORTD_E_MEMORY, 0, NULL, NULL);
    message.id = port;
    message.data.len = write->size;
    message.data.data = write->bytes;
    whole.method_case = PORTD__V1__REQUEST__METHOD_WRITE;
    whole.write = &message;
    int r = submit_request(client, &whole, OS_FD_NONE, read_written, callback, data, &started);
    if (r <= 0) {
        memory_free(&client->memory, write);
        return r;
    }
    write->request = started->id;
    write->next = client->text->writes;
    client->text->writes = write;
    if (write->size > 0)
        known->out.half = false;
    started->text = port;
    if (request)
        *request = started;
    return r;
}
