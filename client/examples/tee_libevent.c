/* tee_libevent.c: tee_poll.c with libevent: copies standard input (not a regular file: epoll refuses those) to several
 * descriptors.
 *
 *     cc tee_libevent.c $(pkg-config --cflags --libs portd libevent_core) -o tee_libevent
 *     echo hello | ./tee_libevent 3 4 3>a 4>b
 *
 * libevent has no callback before each sleep. So every callback that may have started a request, here all of them, ends with
 * loop_update(): it runs portd_process() until there is no work left, then tells the loop what the client waits for.
 */
#define _POSIX_C_SOURCE 200809L

#include <portd.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OUTPUTS = 32, CHUNK = 65536 };

struct output {
    struct tee *tee;
    const char *name; /* its descriptor, as it was given */
    portd_id port;
    size_t done; /* how many of the bytes are written */
};

struct tee {
    portd_client *client;
    struct output outputs[OUTPUTS];
    int n, busy; /* outputs that have not written all bytes yet */
    char bytes[CHUNK];
    size_t size;
    bool end, failed;
    struct event_base *base;
    struct event *client_event, *timer, *input;
    short events; /* what client_event is added for */
};

/* ---- what the program does ---------------------------------------------------------------------------------------- */

static void fail(struct tee *tee, const char *what, const char *why) {
    if (!tee->failed)
        fprintf(stderr, "tee_libevent: %s: %s\n", what, why);
    tee->failed = true;
}

static bool wants_input(const struct tee *tee) { return !tee->end && tee->busy == 0; }

static bool is_over(const struct tee *tee) { return tee->failed || (tee->end && tee->busy == 0); }

static void output_rest(struct output *output);

/* Some of the bytes were written, perhaps not all. */
static void on_written(portd_client *client, const portd_result *result, void *data) {
    struct output *output = data;

    (void)client;
    output->done += result->count;
    if (result->code < 0)
        fail(output->tee, output->name, result->message);
    else if (output->done == output->tee->size)
        output->tee->busy--;
    else
        output_rest(output);
}

static void output_rest(struct output *output) {
    struct tee *tee = output->tee;

    if (portd_port_write_start(tee->client, output->port, tee->bytes + output->done, tee->size - output->done,
                               on_written, output, NULL) < 0)
        fail(tee, output->name, portd_last_error(tee->client));
}

static void input_read(struct tee *tee) {
    ssize_t n = read(STDIN_FILENO, tee->bytes, sizeof(tee->bytes));

    if (n < 0) {
        fail(tee, "standard input", "cannot be read");
        return;
    }
    tee->size = (size_t)n;
    tee->end = n == 0;
    tee->busy = tee->end ? 0 : tee->n;
    for (int i = 0; i < tee->busy; i++) {
        tee->outputs[i].done = 0;
        output_rest(&tee->outputs[i]);
    }
}

/* Blocking calls are allowed before the loop runs. */
static void begin(struct tee *tee, int argc, char **argv) {
    portd_options options = PORTD_OPTIONS_INIT;
    char why[512] = "";

    options.start = true;
    options.message = why;
    options.message_size = sizeof(why);
    if (portd_connect(NULL, &options, portd_now() + 10 * 1000000, &tee->client) < 0) {
        fail(tee, "no broker", why);
        return;
    }
    for (int i = 1; i < argc && i <= OUTPUTS; i++, tee->n++) {
        tee->outputs[tee->n].tee = tee;
        tee->outputs[tee->n].name = argv[i];
        if (portd_fd_to_port(tee->client, atoi(argv[i]), argv[i], PORTD_WRITE, PORTD_FOREVER, NULL,
                             &tee->outputs[tee->n].port) < 0) {
            fail(tee, argv[i], portd_last_error(tee->client));
            return;
        }
    }
}

/* ---- the loop ----------------------------------------------------------------------------------------------------- */

static void on_client(evutil_socket_t fd, short what, void *data);

static void loop_add(struct tee *tee, struct event *event, const struct timeval *after, const char *what) {
    if (event_add(event, after) < 0)
        fail(tee, what, "libevent cannot watch it; if it is a regular file, pass it through a pipe");
}

static void loop_watch(struct tee *tee) {
    unsigned want = portd_get_events(tee->client);
    short events = want & PORTD_EVENT_WRITE ? EV_READ | EV_WRITE | EV_PERSIST : EV_READ | EV_PERSIST;
    int64_t due = portd_get_timeout(tee->client), left = due - portd_now();

    if (events != tee->events) {
        event_del(tee->client_event);
        event_assign(tee->client_event, tee->base, (int)portd_get_fd(tee->client), events, on_client, tee);
        loop_add(tee, tee->client_event, NULL, "broker");
        tee->events = events;
    }
    if (due == PORTD_FOREVER) {
        event_del(tee->timer);
    } else {
        struct timeval after = {.tv_sec = left > 0 ? (time_t)(left / 1000000) : 0,
                                .tv_usec = left > 0 ? (suseconds_t)(left % 1000000) : 0};
        loop_add(tee, tee->timer, &after, "timer");
    }
    if (wants_input(tee))
        loop_add(tee, tee->input, NULL, "standard input");
}

static void loop_update(struct tee *tee) {
    int more = 1;

    while (more > 0 && !is_over(tee))
        more = portd_process(tee->client);
    if (more < 0)
        fail(tee, "broker", portd_last_error(tee->client));
    if (!is_over(tee))
        loop_watch(tee);
    if (is_over(tee))
        event_base_loopbreak(tee->base);
}

/* The descriptor is ready or the timeout has passed: portd_process() handles both. */
static void on_client(evutil_socket_t fd, short what, void *data) {
    (void)fd;
    (void)what;
    loop_update(data);
}

static void on_input(evutil_socket_t fd, short what, void *data) {
    (void)fd;
    (void)what;
    input_read(data);
    loop_update(data);
}

static void loop_run(struct tee *tee) {
    tee->base = event_base_new();
    tee->client_event = event_new(tee->base, (int)portd_get_fd(tee->client), EV_READ, on_client, tee);
    tee->timer = event_new(tee->base, -1, 0, on_client, tee);
    tee->input = event_new(tee->base, STDIN_FILENO, EV_READ, on_input, tee);
    if (!tee->base || !tee->client_event || !tee->timer || !tee->input) {
        fail(tee, "libevent", "no memory");
        return;
    }
    loop_update(tee);
    if (!is_over(tee))
        event_base_dispatch(tee->base);
    event_free(tee->client_event);
    event_free(tee->timer);
    event_free(tee->input);
    event_base_free(tee->base);
}

int main(int argc, char **argv) {
    static struct tee tee;

    begin(&tee, argc, argv);
    if (!tee.failed)
        loop_run(&tee);
    bool failed = tee.failed;
    portd_disconnect(tee.client);
    return failed;
}
