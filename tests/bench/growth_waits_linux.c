/* growth_waits_linux.c: many waits for one event. Those that stay belong to other connections than the timed one, so that the
 * library has the same work with few as with many. */
#define _GNU_SOURCE

#include "growth_waits.h"

#include "broker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { PARKED_AT_ONCE = 16 };

struct queue {
    portd_client *waiting; /* has the waits that stay */
    portd_client *timed;   /* in the same session; keeps in flight some more */
    unsigned flags;
    int ends[2];
    portd_id evt;
    size_t ended; /* waits that were answered or cancelled */
};

static void must(portd_client *client, int code, const char *what) {
    if (code != 1)
        bench_fail(portd_last_error(client)[0] ? portd_last_error(client) : what);
}

static void on_end(portd_client *client, const portd_result *result, void *data) {
    struct queue *queue = data;

    (void)client;
    (void)result;
    queue->ended++;
}

static portd_request *park(struct queue *queue, portd_client *client) {
    portd_request *request;

    must(client,
         portd_wait_start(client, &queue->evt, 1, queue->flags, PORTD_FOREVER, on_end, queue, &request),
         "wait");
    return request;
}

struct queue *queue_new(const struct broker *broker, size_t n, bool one) {
    struct queue *queue = calloc(1, sizeof(*queue));

    if (!queue || pipe2(queue->ends, O_CLOEXEC) < 0)
        bench_fail("a queue of waits");
    queue->flags = one ? PORTD_WAIT_ONE : 0;
    queue->waiting = broker_connect(broker);
    queue->timed = broker_join(broker, queue->waiting);
    must(queue->waiting,
         portd_fd_to_evt(queue->waiting, queue->ends[0], PORTD_MODE_READ, PORTD_FD, PORTD_FOREVER,
                         &queue->evt),
         "the event");
    for (size_t i = 0; i < n; i++) {
        (void)park(queue, queue->waiting);
        if (i % PARKED_AT_ONCE == 0)
            must(queue->waiting, portd_ping(queue->waiting, PORTD_FOREVER), "ping");
    }
    must(queue->waiting, portd_ping(queue->waiting, PORTD_FOREVER), "ping");
    return queue;
}

void queue_free(struct queue *queue) {
    portd_disconnect(queue->timed);
    portd_disconnect(queue->waiting);
    (void)close(queue->ends[0]);
    (void)close(queue->ends[1]);
    free(queue);
}

void queue_park(void *subject, double *us, size_t n) {
    struct queue *queue = subject;
    portd_request *requests[PARKED_AT_ONCE];

    for (size_t i = 0; i < n; i++) {
        size_t ended = queue->ended;
        double start = bench_now();
        for (size_t k = 0; k < PARKED_AT_ONCE; k++)
            requests[k] = park(queue, queue->timed);
        must(queue->timed, portd_ping(queue->timed, PORTD_FOREVER), "ping");
        us[i] = (bench_now() - start) / PARKED_AT_ONCE;
        for (size_t k = 0; k < PARKED_AT_ONCE; k++)
            portd_cancel(requests[k]);
        while (queue->ended < ended + PARKED_AT_ONCE)
            if (portd_poll(queue->timed, PORTD_FOREVER) < 0)
                bench_fail("cancel: poll");
        must(queue->timed, portd_ping(queue->timed, PORTD_FOREVER), "ping");
    }
}

void queue_wake_one(void *subject, double *us, size_t n) {
    struct queue *queue = subject;
    char byte;

    for (size_t i = 0; i < n; i++) {
        size_t ended = queue->ended;
        double start = bench_now();
        if (write(queue->ends[1], "", 1) != 1)
            bench_fail("write");
        while (queue->ended == ended)
            if (portd_poll(queue->waiting, PORTD_FOREVER) < 0)
                bench_fail("wake one: poll");
        us[i] = bench_now() - start;
        if (read(queue->ends[0], &byte, 1) != 1)
            bench_fail("read");
        must(queue->waiting, portd_ping(queue->waiting, PORTD_FOREVER), "ping");
        if (queue->ended != ended + 1)
            bench_fail("wake one: more than one was answered");
        (void)park(queue, queue->waiting);
        must(queue->waiting, portd_ping(queue->waiting, PORTD_FOREVER), "ping");
    }
}
