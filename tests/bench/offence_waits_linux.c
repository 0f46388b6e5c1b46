/* offence_waits_linux.c: offences by waits. */
#define _GNU_SOURCE

#include "bench.h"
#include "offender.h"
#include "process.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    NAMES = 256,
    WAITS = 56,
    ALL_WAITS = 1000,
    WAITERS = 16000,
    WRAPS = 60000,
    READS = 8000,
    ERRORS = 2000
};

static void must_open(const struct offender *offender, struct raw *raw) {
    if (!offender_open(offender, raw))
        bench_fail("offender: turned away");
}

/* Waits for 256 of the ports of one number, for a millisecond, on two connections. */
void offence_wraps(struct offender *offender) {
    size_t wanted = offender_size(offender, WRAPS), n;
    uint64_t *ids = calloc(wanted, sizeof(*ids));
    struct raw raw[2];
    struct feed feeds[2];
    int ends[2];

    if (!ids)
        bench_fail("calloc");
    offender_pipe(ends);
    must_open(offender, &raw[0]);
    n = offender_wrap(&raw[0], ends[0], 7, NULL, ids, wanted);
    if (n == 0 || !offender_join(offender, &raw[1], &raw[0]))
        bench_fail("offender: no ports");
    for (int k = 0; k < 2; k++) {
        feed_init(&feeds[k], &raw[k]);
        for (int i = 0; i < WAITS; i++)
            feed_add_wait(&feeds[k], ids, n < NAMES ? n : NAMES, false, 1000);
    }
    offender_begin(offender, n);
    while (offender_goes_on(offender))
        for (int k = 0; k < 2; k++)
            (void)feed_turn(&feeds[k]);
}

/* How often a byte comes and goes while somebody waits: as often as there is time for. */
static void toggle(const struct offender *offender, const int ends[2], struct feed *feed) {
    char byte;

    while (offender_goes_on(offender)) {
        if (write(ends[1], "x", 1) != 1)
            continue;
        process_sleep(0.001);
        (void)!read(ends[0], &byte, 1);
        (void)feed_turn(feed);
    }
}

/* None of these is ever answered: one of the 256 goes up and down. */
void offence_wait_all(struct offender *offender) {
    size_t n = offender_size(offender, ALL_WAITS);
    uint64_t ids[NAMES];
    int ends[NAMES][2];
    struct raw raw;
    struct feed feed;

    must_open(offender, &raw);
    for (int i = 0; i < NAMES; i++) {
        offender_pipe(ends[i]);
        ids[i] = offender_evt(&raw, ends[i][0], 100 + i);
        if (!ids[i])
            bench_fail("offender: an event was refused");
    }
    feed_init(&feed, &raw);
    for (size_t i = 0; i < n; i++)
        feed_add_wait(&feed, ids, NAMES, true, -1);
    feed_park(&feed);
    offender_begin(offender, n);
    toggle(offender, ends[0], &feed);
}

/* All are answered by one byte, which then goes, and all wait again. */
void offence_waiters(struct offender *offender) {
    size_t n = offender_size(offender, WAITERS);
    struct raw raw;
    struct feed feed;
    uint64_t id;
    int ends[2];
    char byte;

    must_open(offender, &raw);
    offender_pipe(ends);
    id = offender_evt(&raw, ends[0], 1);
    feed_init(&feed, &raw);
    for (size_t i = 0; i < n; i++)
        feed_add_wait(&feed, &id, 1, false, -1);
    offender_begin(offender, n);
    while (offender_goes_on(offender)) {
        feed_park(&feed);
        if (write(ends[1], "x", 1) != 1)
            break;
        feed_round(offender, &feed);
        (void)!read(ends[0], &byte, 1);
    }
}

/* Who comes later waits less, about as much as a request takes: so all are over at the same moment. */
void offence_timers(struct offender *offender) {
    enum { AHEAD_US = 300000, REQUEST_US = 3 };
    size_t n = offender_size(offender, WAITERS);
    struct raw raw;
    struct feed feed;
    uint64_t id;
    int ends[2];

    must_open(offender, &raw);
    offender_pipe(ends);
    id = offender_evt(&raw, ends[0], 1);
    feed_init(&feed, &raw);
    for (size_t i = 0; i < n; i++)
        feed_add_wait(&feed, &id, 1, false, AHEAD_US - (int64_t)i * REQUEST_US);
    offender_begin(offender, n);
    while (offender_goes_on(offender))
        feed_round(offender, &feed);
}

static void feed_add_read(struct feed *feed, uint64_t port) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Read read = PORTD__V1__READ__INIT;

    read.id = port;
    read.most = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_READ;
    request.read = &read;
    feed_add(feed, &request);
}

/* Each byte is for one of them, and wakes all. */
void offence_parked_reads(struct offender *offender) {
    size_t n = offender_size(offender, READS);
    uint64_t *ids = calloc(n, sizeof(*ids));
    struct raw raw;
    struct feed feed;
    int ends[2];

    if (!ids)
        bench_fail("calloc");
    must_open(offender, &raw);
    offender_pipe(ends);
    n = offender_wrap(&raw, ends[0], 7, NULL, ids, n);
    feed_init(&feed, &raw);
    for (size_t i = 0; i < n; i++)
        feed_add_read(&feed, ids[i]);
    feed_park(&feed);
    offender_begin(offender, n);
    while (offender_goes_on(offender)) {
        (void)!write(ends[1], "x", 1);
        process_sleep(0.001);
        (void)feed_turn(&feed);
    }
}

/* poll tells of its error for ever, and a read does not take it. -1: refused. */
static int error_queue_open(void) {
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
    char byte;

    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) < 0 ||
        connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0 || send(fd, "x", 1, 0) != 1)
        bench_fail("offender: a socket with an error queue");
    (void)recv(fd, &byte, 1, MSG_DONTWAIT);
    return fd;
}

static uint64_t wrap_socket(struct raw *raw, int fd, int64_t number) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapSocket wrap = PORTD__V1__WRAP_SOCKET__INIT;
    uint64_t id = 0;

    wrap.number = number;
    request.method_case = PORTD__V1__REQUEST__METHOD_SOCKET_TO_PORT;
    request.socket_to_port = &wrap;
    raw_reply *reply = raw_ask_fds(raw, &request, &fd, 1);
    if (reply && reply->result_case == PORTD__V1__REPLY__RESULT_SOCKET_TO_PORT)
        id = reply->socket_to_port->input;
    raw_free(reply);
    return id;
}

/* It does nothing any more while it is measured. */
void offence_error_queue(struct offender *offender) {
    size_t n = 0, wanted = offender_size(offender, ERRORS);
    int fd = error_queue_open();
    struct raw raw;
    struct feed feed;
    uint64_t id;

    must_open(offender, &raw);
    feed_init(&feed, &raw);
    while (n < wanted && (id = wrap_socket(&raw, fd, 5 + (int64_t)n)) != 0) {
        feed_add_read(&feed, id);
        n++;
    }
    feed_park(&feed);
    offender_begin(offender, n);
    process_sleep(offender->seconds);
}
