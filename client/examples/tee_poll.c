/* tee_poll.c: copies standard input to several descriptors through ports, in a poll(2) loop of its own.
 *
 *     cc tee_poll.c $(pkg-config --cflags --libs portd) -o tee_poll
 *     echo hello | ./tee_poll 3 4 3>a 4>b
 *
 * The program reads standard input itself; the broker writes. loop_run() does everything that a client needs from a loop.
 * Three things are easily forgotten:
 *
 *   - Replies may have arrived before the loop sleeps, and some results come without a descriptor becoming ready: call
 *     portd_process() until it returns 0.
 *   - What to poll for changes: portd_get_events() includes writing while output is pending.
 *   - The timeout: portd_get_timeout().
 */
#define _POSIX_C_SOURCE 200809L

#include <portd.h>

#include <errno.h>
#include <poll.h>
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
};

/* ---- what the program does ---------------------------------------------------------------------------------------- */

static void fail(struct tee *tee, const char *what, const char *why) {
    if (!tee->failed)
        fprintf(stderr, "tee_poll: %s: %s\n", what, why);
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

static int milliseconds(int64_t deadline) {
    int64_t left = deadline - portd_now();

    if (deadline == PORTD_FOREVER)
        return -1;
    return left <= 0 ? 0 : left > 1000 * 1000000 ? 1000000 : (int)((left + 999) / 1000);
}

static void loop_run(struct tee *tee) {
    while (!is_over(tee)) {
        int more = portd_process(tee->client);
        if (more < 0)
            fail(tee, "broker", portd_last_error(tee->client));
        if (more != 0)
            continue;
        unsigned want = portd_get_events(tee->client);
        struct pollfd fds[2] = {
            {.fd = (int)portd_get_fd(tee->client), .events = POLLIN},
            {.fd = wants_input(tee) ? STDIN_FILENO : -1, .events = POLLIN},
        };
        if (want & PORTD_EVENT_WRITE)
            fds[0].events |= POLLOUT;
        if (poll(fds, 2, milliseconds(portd_get_timeout(tee->client))) < 0 && errno != EINTR)
            fail(tee, "poll", "failed");
        else if (fds[1].revents)
            input_read(tee);
    }
}

int main(int argc, char **argv) {
    static struct tee tee;

    begin(&tee, argc, argv);
    loop_run(&tee);
    bool failed = tee.failed;
    portd_disconnect(tee.client);
    return failed;
}
