/* requests.c: requests ADDRESS WORK N: does a work N times on the broker at ADDRESS, one after the other. The cost of the work is
 * the difference of two runs, divided: see request. */
#include "client/portd.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bench {
    portd_client *client;
    int ends[2]; /* of a pipe */
    portd_id event, semaphore;
};

static void must(const struct bench *bench, int code, const char *what) {
    if (code == 1)
        return;
    (void)fprintf(stderr, "requests: %s: %s: %s\n", what, portd_code_name(code),
                  portd_last_error(bench->client));
    exit(1);
}

static void must_be(bool done, const char *what) {
    if (done)
        return;
    perror(what);
    exit(1);
}

static void ping(struct bench *bench) { must(bench, portd_ping(bench->client, PORTD_FOREVER), "ping"); }

/* A semaphore for a number that has none, and its end. */
static void create(struct bench *bench) {
    portd_id id;

    must(bench, portd_fd_to_semaphore(bench->client, bench->ends[1], PORTD_MODE_WRITE, PORTD_FOREVER, &id),
         "fd_to_semaphore");
    must(bench, portd_remove(bench->client, id, PORTD_FOREVER), "remove");
    must(bench, portd_release(bench->client, &id, 1, PORTD_FOREVER), "release");
}

static void get(struct bench *bench) {
    portd_native handle;

    must(bench, portd_handle_dup(bench->client, bench->semaphore, PORTD_FOREVER, &handle), "handle_dup");
    must_be(close((int)handle) == 0, "close");
}

static void on_ready(portd_client *client, const portd_result *result, void *data) {
    int *code = data;

    (void)client;
    *code = result->code;
}

/* A wait that is under way, and what ends it. */
static void wake(struct bench *bench) {
    int code = 0;
    char byte;

    must(bench, portd_wait_start(bench->client, &bench->event, 1, 0, PORTD_FOREVER, on_ready, &code, NULL),
         "wait");
    ping(bench);
    must_be(write(bench->ends[1], "", 1) == 1, "write");
    while (code == 0)
        must(bench, portd_poll(bench->client, PORTD_FOREVER), "poll");
    must(bench, code, "wait");
    must_be(read(bench->ends[0], &byte, 1) == 1, "read");
}

static const struct {
    const char *name;
    void (*work)(struct bench *bench);
    bool no_wakeup;
} works[] = {{"ping", ping, false},
             {"ping_no_wakeup", ping, true},
             {"get", get, false},
             {"create", create, false},
             {"wake", wake, false}};

enum { WORKS = sizeof(works) / sizeof(*works) };

int main(int argc, char **argv) {
    portd_options options = PORTD_OPTIONS_INIT;
    struct bench bench = {0};
    char message[256] = "";
    size_t which = 0;

    while (argc == 4 && which < WORKS && strcmp(works[which].name, argv[2]) != 0)
        which++;
    if (argc != 4 || which == WORKS) {
        (void)fprintf(stderr, "usage: requests ADDRESS ping|ping_no_wakeup|get|create|wake N\n");
        return 2;
    }
    options.message = message;
    options.message_size = sizeof(message);
    options.no_wakeup = works[which].no_wakeup;
    if (portd_connect(argv[1], &options, PORTD_FOREVER, &bench.client) != 1) {
        (void)fprintf(stderr, "requests: %s\n", message);
        return 1;
    }
    must_be(pipe(bench.ends) == 0, "pipe");
    must(&bench,
         portd_fd_to_evt(bench.client, bench.ends[0], PORTD_MODE_READ, PORTD_FD, PORTD_FOREVER, &bench.event),
         "fd_to_evt");
    must(&bench,
         portd_fd_to_semaphore(bench.client, bench.ends[0], PORTD_MODE_READ, PORTD_FOREVER, &bench.semaphore),
         "fd_to_semaphore");
    for (unsigned long n = strtoul(argv[3], NULL, 10); n > 0; n--)
        works[which].work(&bench);
    portd_disconnect(bench.client);
    return 0;
}
