/* tee_libuv.c: tee_poll.c with libuv: copies standard input (not a regular file: epoll refuses those) to several descriptors.
 *
 *     cc tee_libuv.c $(pkg-config --cflags --libs portd libuv) -o tee_libuv
 *     echo hello | ./tee_libuv 3 4 3>a 4>b
 *
 * A uv_prepare_t runs before each sleep, so on_prepare() does everything that the client needs. The handle that watches the
 * client's descriptor and the timer only end the sleep.
 */
#define _POSIX_C_SOURCE 200809L

#include <portd.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

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
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_poll_t watched, input;
    uv_timer_t timer;
};

/* ---- what the program does ---------------------------------------------------------------------------------------- */

static void fail(struct tee *tee, const char *what, const char *why) {
    if (!tee->failed)
        fprintf(stderr, "tee_libuv: %s: %s\n", what, why);
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

static void on_watched(uv_poll_t *handle, int status, int events) {
    (void)handle;
    (void)status;
    (void)events;
}

static void on_timer(uv_timer_t *handle) { (void)handle; }

static void on_input(uv_poll_t *handle, int status, int events) {
    (void)status;
    (void)events;
    uv_poll_stop(handle);
    input_read(handle->data);
}

static void on_prepare(uv_prepare_t *handle) {
    struct tee *tee = handle->data;
    int more = 1;

    while (more > 0 && !is_over(tee))
        more = portd_process(tee->client);
    if (more < 0)
        fail(tee, "broker", portd_last_error(tee->client));
    if (is_over(tee)) {
        uv_stop(&tee->loop);
        return;
    }
    unsigned want = portd_get_events(tee->client);
    uv_poll_start(&tee->watched, want & PORTD_EVENT_WRITE ? UV_READABLE | UV_WRITABLE : UV_READABLE,
                  on_watched);
    int64_t due = portd_get_timeout(tee->client), left = due - portd_now();
    if (due == PORTD_FOREVER)
        uv_timer_stop(&tee->timer);
    else
        uv_timer_start(&tee->timer, on_timer, left > 0 ? (uint64_t)(left + 999) / 1000 : 0, 0);
    if (wants_input(tee))
        uv_poll_start(&tee->input, UV_READABLE, on_input);
}

static void loop_run(struct tee *tee) {
    int r = uv_loop_init(&tee->loop);

    if (r == 0)
        r = uv_poll_init(&tee->loop, &tee->watched, (int)portd_get_fd(tee->client));
    if (r < 0) {
        fail(tee, "libuv", uv_strerror(r));
        return;
    }
    if (uv_poll_init(&tee->loop, &tee->input, STDIN_FILENO) < 0) {
        fail(tee, "standard input", "libuv cannot watch it; if it is a regular file, pass it through a pipe");
        return;
    }
    uv_timer_init(&tee->loop, &tee->timer);
    uv_prepare_init(&tee->loop, &tee->prepare);
    tee->prepare.data = tee->input.data = tee;
    uv_prepare_start(&tee->prepare, on_prepare);
    uv_run(&tee->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&tee->watched, NULL);
    uv_close((uv_handle_t *)&tee->input, NULL);
    uv_close((uv_handle_t *)&tee->timer, NULL);
    uv_close((uv_handle_t *)&tee->prepare, NULL);
    uv_run(&tee->loop, UV_RUN_DEFAULT);
    uv_loop_close(&tee->loop);
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
