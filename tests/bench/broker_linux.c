/* broker_linux.c: portd's side of each row.
 *
 * Before the clock is read, a ping confirms that the broker has what a wake waits for; what a wake leaves behind (a byte in the
 * pipe, a handle, a fired semaphore) is cleared after it. */
#define _GNU_SOURCE

#include "broker.h"

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct crowd {
    portd_client *client; /* NULL: has left */
    size_t n;
    int fds[];
};

struct broker {
    pid_t pid;
    char address[128];
    portd_client *client;
    portd_client *other; /* has half of what is only watched: no session may have all of a uid's share */
    int ends[2];         /* of a pipe that has an event */
    int handle_ends[2];  /* of a pipe that has a semaphore with a handle, again and again */
    int event_fd;        /* has a semaphore that does not fire */
    portd_id evt;
    portd_id semaphore;
    int *watched;
    size_t n_watched;
};

/* A blocking call must have answered 1. */
static void must(const struct broker *broker, int code, const char *what) {
    if (code == 1)
        return;
    errno = 0;
    fprintf(stderr, "bench: %s: %s: %s\n", what, portd_code_name(code), portd_last_error(broker->client));
    bench_fail(what);
}

/* The broker writes a line when it is ready. */
pid_t broker_daemon(const char *program, const char *address, const char *mode, bool keeper) {
    int ends[2];
    char number[16], line[8];

    if (pipe(ends) < 0 || fcntl(ends[0], F_SETFD, FD_CLOEXEC) < 0)
        bench_fail("pipe");
    (void)snprintf(number, sizeof(number), "%d", ends[1]);
    const char *arguments[] = {program,  "--listen", address,
                               "--mode", mode,       "--notify-fd",
                               number,   "--keeper", keeper ? "yes" : "no",
                               NULL};
    char *argv[sizeof(arguments) / sizeof(*arguments)];
    memcpy(argv, arguments, sizeof(argv));
    pid_t pid = process_start(argv, -1, -1);
    (void)close(ends[1]);
    if (read(ends[0], line, sizeof(line)) <= 0)
        bench_fail("the broker does not start");
    (void)close(ends[0]);
    return pid;
}

bool broker_no_wakeup;

static portd_client *connect_to(const char *address, const char *token) {
    char message[256] = "";
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *client = NULL;

    options.name = "bench";
    options.no_wakeup = broker_no_wakeup;
    options.token = token;
    options.message = message;
    options.message_size = sizeof(message);
    if (portd_connect(address, &options, PORTD_FOREVER, &client) == 1)
        return client;
    errno = 0;
    bench_fail(message);
}

portd_client *broker_connect(const struct broker *broker) { return connect_to(broker->address, NULL); }

portd_client *broker_connect_to(const char *address) { return connect_to(address, NULL); }

portd_client *broker_join(const struct broker *broker, portd_client *client) {
    return connect_to(broker->address, portd_session_token(client));
}

struct broker *broker_start(const char *program) {
    static int serial;
    struct broker *broker = calloc(1, sizeof(*broker));
    char name[32];

    if (!broker)
        bench_fail("calloc");
    (void)snprintf(name, sizeof(name), "portd-%d.sock", ++serial);
    (void)snprintf(broker->address, sizeof(broker->address), "unix:%s", process_path(name));
    broker->pid = broker_daemon(program, broker->address, "0600", false);
    broker->client = broker_connect(broker);
    broker->other = broker_connect(broker);
    broker->event_fd = eventfd(0, EFD_CLOEXEC);
    if (broker->event_fd < 0 || pipe2(broker->ends, O_CLOEXEC) < 0 ||
        pipe2(broker->handle_ends, O_CLOEXEC) < 0)
        bench_fail("pipe");
    must(broker,
         portd_fd_to_semaphore(broker->client, broker->event_fd, PORTD_MODE_READ, PORTD_FOREVER,
                               &broker->semaphore),
         "the semaphore");
    must(broker,
         portd_fd_to_evt(broker->client, broker->ends[0], PORTD_MODE_READ, PORTD_FD, PORTD_FOREVER,
                         &broker->evt),
         "the event");
    return broker;
}

void broker_end(struct broker *broker) {
    portd_disconnect(broker->client);
    portd_disconnect(broker->other);
    process_end(broker->pid);
    (void)close(broker->event_fd);
    (void)close(broker->ends[0]);
    (void)close(broker->ends[1]);
    (void)close(broker->handle_ends[0]);
    (void)close(broker->handle_ends[1]);
    for (size_t i = 0; i < broker->n_watched; i++)
        (void)close(broker->watched[i]);
    free(broker->watched);
    free(broker);
}

const char *broker_address(const struct broker *broker) { return broker->address; }

pid_t broker_pid(const struct broker *broker) { return broker->pid; }

portd_client *broker_client(struct broker *broker) { return broker->client; }

void broker_rtt(void *subject, double *us, size_t n) {
    const struct broker *broker = subject;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        int code = portd_ping(broker->client, PORTD_FOREVER);
        us[i] = bench_now() - start;
        must(broker, code, "ping");
    }
}

void broker_put(void *subject, double *us, size_t n) {
    const struct broker *broker = subject;
    portd_id id;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        int code =
            portd_fd_to_semaphore(broker->client, broker->event_fd, PORTD_MODE_READ, PORTD_FOREVER, &id);
        us[i] = bench_now() - start;
        must(broker, code, "put");
        if (id != broker->semaphore)
            bench_fail("put: another semaphore");
    }
}

void broker_get(void *subject, double *us, size_t n) {
    const struct broker *broker = subject;
    portd_native handle;

    for (size_t i = 0; i < n; i++) {
        double start = bench_now();
        int code = portd_handle_dup(broker->client, broker->semaphore, PORTD_FOREVER, &handle);
        must(broker, code, "get");
        (void)close((int)handle);
        us[i] = bench_now() - start;
    }
}

static void pipe_write(const int ends[2]) {
    if (write(ends[1], "", 1) != 1)
        bench_fail("write");
}

static void pipe_drain(const int ends[2]) {
    char byte;

    if (read(ends[0], &byte, 1) != 1)
        bench_fail("read");
}

struct woken {
    double at; /* 0: not yet */
    int code;
};

static void on_ready(portd_client *client, const portd_result *result, void *data) {
    struct woken *woken = data;

    (void)client;
    woken->at = bench_now();
    woken->code = result->code;
}

void broker_wake(void *subject, double *us, size_t n) {
    const struct broker *broker = subject;

    for (size_t i = 0; i < n; i++) {
        struct woken woken = {0};
        must(broker,
             portd_wait_start(broker->client, &broker->evt, 1, 0, PORTD_FOREVER, on_ready, &woken, NULL),
             "wait");
        must(broker, portd_ping(broker->client, PORTD_FOREVER), "ping");
        if (woken.at > 0)
            bench_fail("wake: the wait ended before the write");
        double start = bench_now();
        pipe_write(broker->ends);
        while (woken.at <= 0)
            if (portd_poll(broker->client, PORTD_FOREVER) < 0)
                bench_fail("wake: poll");
        us[i] = woken.at - start;
        must(broker, woken.code, "wake");
        pipe_drain(broker->ends);
    }
}

void broker_wake_handle(void *subject, double *us, size_t n) {
    const struct broker *broker = subject;
    portd_client *client = broker->client;
    portd_native handle;
    portd_id semaphore;

    for (size_t i = 0; i < n; i++) {
        must(
            broker,
            portd_fd_to_semaphore(client, broker->handle_ends[0], PORTD_MODE_READ, PORTD_FOREVER, &semaphore),
            "the semaphore of a pipe");
        must(broker, portd_handle_dup(client, semaphore, PORTD_FOREVER, &handle), "its handle");
        must(broker, portd_ping(client, PORTD_FOREVER), "ping");
        struct pollfd look = {.fd = (int)handle, .events = POLLIN};
        if (poll(&look, 1, 0) != 0)
            bench_fail("wake_handle: ready before the write");
        double start = bench_now();
        pipe_write(broker->handle_ends);
        if (poll(&look, 1, -1) != 1)
            bench_fail("wake_handle: poll");
        us[i] = bench_now() - start;
        pipe_drain(broker->handle_ends);
        (void)close((int)handle);
        /* Answered when the broker's copy of the pipe is closed: no worker is busy when the next one is timed. */
        must(broker, portd_remove(client, semaphore, PORTD_FOREVER), "remove");
        must(broker, portd_release(client, &semaphore, 1, PORTD_FOREVER), "release");
    }
}

static void on_pong(portd_client *client, const portd_result *result, void *data) {
    size_t *pongs = data;

    (void)client;
    *pongs += result->code == 1;
}

void broker_pipeline(void *subject, double *us, size_t n) {
    const struct broker *broker = subject;

    for (size_t i = 0; i < n; i++) {
        size_t pongs = 0;
        double start = bench_now();
        for (int k = 0; k < BENCH_DEPTH; k++)
            must(broker, portd_ping_start(broker->client, on_pong, &pongs, NULL), "ping");
        while (pongs < BENCH_DEPTH)
            if (portd_poll(broker->client, PORTD_FOREVER) < 0)
                bench_fail("pipeline: poll");
        us[i] = bench_now() - start;
    }
}

/* Registers the semaphore of a new eventfd, which is returned. */
static int watch_one(portd_client *client) {
    portd_id id;
    int fd = eventfd(0, EFD_CLOEXEC);

    if (fd < 0)
        bench_fail("eventfd");
    if (portd_fd_to_semaphore(client, fd, PORTD_MODE_READ, PORTD_FOREVER, &id) != 1) {
        errno = 0;
        fprintf(stderr, "bench: watch: %s\n", portd_last_error(client));
        bench_fail("watch");
    }
    return fd;
}

void broker_watch(struct broker *broker, size_t n) {
    int *watched = realloc(broker->watched, (broker->n_watched + n) * sizeof(*watched));

    if (!watched)
        bench_fail("realloc");
    broker->watched = watched;
    for (size_t i = 0; i < n; i++)
        watched[broker->n_watched++] = watch_one(i % 2 ? broker->other : broker->client);
}

struct crowd *broker_crowd(const struct broker *broker, size_t n) {
    struct crowd *crowd = malloc(sizeof(*crowd) + n * sizeof(*crowd->fds));

    if (!crowd)
        bench_fail("malloc");
    crowd->client = broker_connect(broker);
    for (crowd->n = 0; crowd->n < n; crowd->n++)
        crowd->fds[crowd->n] = watch_one(crowd->client);
    return crowd;
}

void broker_crowd_leave(struct crowd *crowd) {
    portd_disconnect(crowd->client);
    crowd->client = NULL;
}

void broker_crowd_free(struct crowd *crowd) {
    if (crowd->client)
        broker_crowd_leave(crowd);
    for (size_t i = 0; i < crowd->n; i++)
        (void)close(crowd->fds[i]);
    free(crowd);
}
