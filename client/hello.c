/* hello.c: the first request of a connection, and what its welcome tells. */
#include "hello.h"

#include "client.h"
#include "naming.h"
#include "submit.h"

#include <string.h>

enum { VERSION = 1 };

/* Copies the token and the features into client->welcome. */
static int welcome_keep(portd_client *client, const Portd__V1__Welcome *welcome) {
    size_t size = strlen(welcome->token) + 2;

    for (size_t i = 0; i < welcome->n_features; i++)
        size += strlen(welcome->features[i]) + 1;
    char *at = memory_get(&client->memory, size);
    if (!at)
        return PORTD_E_MEMORY;
    memory_free(&client->memory, client->welcome); /* of the broker before */
    client->welcome = at;
    at = strcpy(at, welcome->token) + strlen(welcome->token) + 1;
    for (size_t i = 0; i < welcome->n_features; i++)
        at = strcpy(at, welcome->features[i]) + strlen(welcome->features[i]) + 1;
    *at = '\0';
    return 0;
}

static int read_welcome(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                        struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Welcome *welcome = reply->hello;

    (void)request;
    (void)frame;
    if (welcome->version != VERSION)
        return PORTD_E_VERSION;
    int r = welcome_keep(client, welcome);
    if (r < 0)
        return r;
    client->joined = client->session == welcome->session ? client->joined : welcome->joined;
    client->session = result->id = welcome->session;
    client->by_hold = client->by_hold || welcome->joined;
    client->resumes = !client->again.off && portd_broker_has_feature(client, "resume");
    client->resume_tries = 0;
    client->attaches_epolls = portd_broker_has_feature(client, "handle-attach");
    client->attaches_eventfds = portd_broker_has_feature(client, "handle-attach-eventfd");
    client->holds = portd_broker_has_feature(client, "hold");
    client->requests.window = welcome->window > 0 ? welcome->window : 1;
    client->greeted = true;
    return 1;
}

/* The schema's strings are not const; packing only reads them. */
static char *text(const char *value) { return (char *)(uintptr_t)value; }

int hello_start(portd_client *client, const portd_options *options, portd_callback *callback, void *data,
                portd_request **request) {
    Portd__V1__Hello hello;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    struct naming naming = {.hello = &hello};

    portd__v1__hello__init(&hello);
    int r = naming_fill(&naming, client, options);
    hello.version_min = hello.version_max = VERSION;
    if (options->name)
        hello.client = text(options->name);
    if (options->token)
        hello.token = text(options->token);
    hello.new_ = options->new_session;
    hello.find = options->find_session;
    hello.reach = options->reach;
    hello.private_ = options->private_session;
    hello.ttl_us = (uint64_t)options->ttl_us;
    message.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    message.hello = &hello;
    client->attached = naming.fds;
    client->n_attached = naming.n_fds;
    if (r == 0)
        r = submit_request(client, &message, OS_FD_NONE, read_welcome, callback, data, request);
    client->hello = client->requests.table.last_id;
    client->n_attached = 0;
    naming_close(&naming);
    return r;
}

int hello_again(portd_client *client, portd_callback *callback) {
    portd_options options = PORTD_OPTIONS_INIT;
    struct request_list queue = client->requests.queue;

    options.name = client->again.name;
    options.token = client->welcome;
    options.reach = client->again.reach;
    options.numbers_nobody = client->again.numbers_nobody;
    options.numbers_pid = client->again.numbers_pid;
    client->requests.queue = (struct request_list){NULL, NULL};
    int r = hello_start(client, &options, callback, NULL, NULL);
    client->requests.queue = queue;
    return r;
}
