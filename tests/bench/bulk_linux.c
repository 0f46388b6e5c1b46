/* bulk_linux.c: the writer is a child process that writes in pieces of the pipe's size. */
#define _GNU_SOURCE

#include "bulk.h"

#include "broker.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 65536 };

struct bulk {
    struct broker *broker;
    const char *portctl;
};

struct bulk *bulk_start(struct broker *broker, const char *portctl) {
    struct bulk *bulk = malloc(sizeof(*bulk));

    if (!bulk)
        bench_fail("malloc");
    *bulk = (struct bulk){broker, portctl};
    if (setenv("PORTD_ADDRESS", broker_address(broker), 1) < 0 ||
        setenv("PORTD_SESSION", portd_session_token(broker_client(broker)), 1) < 0)
        bench_fail("setenv");
    return bulk;
}

void bulk_end(struct bulk *bulk) { free(bulk); }

static void write_all(int to) {
    static char bytes[PIECE];

    for (size_t left = (size_t)BULK_MIB << 20; left > 0;) {
        ssize_t n = write(to, bytes, left < PIECE ? left : PIECE);
        if (n <= 0)
            _exit(1);
        left -= (size_t)n;
    }
    _exit(0);
}

static pid_t writer_start(int ends[2]) {
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        bench_fail("pipe2");
    pid = process_fork();
    if (pid == 0) {
        (void)close(ends[0]);
        write_all(ends[1]);
    }
    (void)close(ends[1]);
    return pid;
}

/* The reader has ended, and so must the writer have, with all that it had to write. */
static void writer_end(pid_t pid, int status, const char *who) {
    errno = 0;
    if (status != 0 || process_wait(pid) != 0)
        bench_fail(who);
}

static void copy_all(int from) {
    static char bytes[PIECE];
    int to = open("/dev/null", O_WRONLY | O_CLOEXEC);
    ssize_t n;

    while ((n = read(from, bytes, PIECE)) > 0)
        if (write(to, bytes, (size_t)n) != n)
            _exit(1);
    _exit(n < 0);
}

void bulk_floor(void *subject, double *us, size_t n) {
    (void)subject;
    for (size_t i = 0; i < n; i++) {
        int ends[2];
        double start = bench_now();
        pid_t writer = writer_start(ends), reader = process_fork();
        if (reader == 0)
            copy_all(ends[0]);
        (void)close(ends[0]);
        writer_end(writer, process_wait(reader), "the floor's copy");
        us[i] = bench_now() - start;
    }
}

void bulk_socat(void *subject, double *us, size_t n) {
    char *argv[] = {"socat", "-u", "-b", "65536", "STDIN", "STDOUT", NULL};

    (void)subject;
    for (size_t i = 0; i < n; i++) {
        int ends[2];
        double start = bench_now();
        pid_t writer = writer_start(ends), reader = process_start(argv, ends[0], -1);
        (void)close(ends[0]);
        writer_end(writer, process_wait(reader), "socat");
        us[i] = bench_now() - start;
    }
}

static void cat(struct bulk *bulk, double *us, size_t n, const char *option) {
    portd_client *client = broker_client(bulk->broker);

    for (size_t i = 0; i < n; i++) {
        char id[24];
        portd_id port;
        int ends[2];
        double start = bench_now();
        pid_t writer = writer_start(ends);
        if (portd_fd_to_port(client, ends[0], "bulk", PORTD_READ, PORTD_FOREVER, &port, NULL) != 1)
            bench_fail(portd_last_error(client));
        (void)close(ends[0]);
        (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)port);
        const char *arguments[] = {bulk->portctl, "cat", id, option, NULL};
        char *argv[sizeof(arguments) / sizeof(*arguments)];
        memcpy(argv, arguments, sizeof(argv));
        pid_t reader = process_start(argv, -1, -1);
        writer_end(writer, process_wait(reader), "portctl cat");
        us[i] = bench_now() - start;
        if (portd_port_close(client, port, PORTD_FOREVER) != 1 ||
            portd_release(client, &port, 1, PORTD_FOREVER) != 1)
            bench_fail(portd_last_error(client));
    }
}

void bulk_handover(void *subject, double *us, size_t n) { cat(subject, us, n, NULL); }

void bulk_through(void *subject, double *us, size_t n) { cat(subject, us, n, "--through-broker"); }
