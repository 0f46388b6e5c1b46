/* delay_linux.c: a TCP connection over the loopback whose other end does not read, full to the brim, with
 * SO_LINGER. The last close of such a socket blocks until the data is gone or the time is over. The broker
 * has the last copy. */
#define _GNU_SOURCE

#include "delay.h"

#include "broker.h"
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_SECONDS = 30, PINGS_MAX = 1000000 };

/* Connects two sockets; nobody reads from ends[1]. */
static void connection_open(int ends[2]) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || ends[0] < 0 || bind(listener, (const struct sockaddr *)&name, size) < 0 ||
        listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&name, &size) < 0 ||
        connect(ends[0], (const struct sockaddr *)&name, size) < 0)
        bench_fail("a TCP connection");
    ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (ends[1] < 0)
        bench_fail("accept");
    (void)close(listener);
}

static int lingering_open(int *other) {
    static const uint8_t bytes[65536];
    const struct linger linger = {.l_onoff = 1, .l_linger = LINGER_SECONDS};
    int ends[2];

    connection_open(ends);
    if (setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
        bench_fail("SO_LINGER");
    while (send(ends[0], bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
    if (errno != EAGAIN)
        bench_fail("send");
    *other = ends[1];
    return ends[0];
}

static void on_removed(portd_client *client, const portd_result *result, void *data) {
    double *at = data;

    (void)client;
    if (result->code != 1)
        bench_fail("remove");
    *at = bench_now();
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* One close: pings of `other` from the request to remove until it is answered. */
static void measure_once(struct delay *delay, portd_client *owner, portd_client *other, struct floor *floor,
                         double *us) {
    portd_id evt;
    int far;
    int socket = lingering_open(&far);
    double removed = 0;

    if (portd_fd_to_evt(owner, socket, PORTD_MODE_READ, PORTD_SOCKET, PORTD_FOREVER, &evt) != 1)
        bench_fail("the event of a socket");
    (void)close(socket);
    double start = bench_now();
    if (portd_remove_start(owner, evt, on_removed, &removed, NULL) != 1 || portd_process(owner) < 0)
        bench_fail("remove");
    while (removed <= 0 && delay->pings < PINGS_MAX) {
        double sent = bench_now();
        if (portd_ping(other, PORTD_FOREVER) != 1)
            bench_fail("ping");
        us[delay->pings++] = bench_now() - sent;
        floor_rtt(floor, &sent, 1);
        if (sent > delay->floor_longest_us)
            delay->floor_longest_us = sent;
        if (portd_process(owner) < 0)
            bench_fail("process");
    }
    if (removed - start < delay->close_us)
        delay->close_us = removed - start;
    (void)close(far);
}

struct delay delay_measure(const char *program, struct floor *floor, size_t times) {
    struct delay delay = {.close_us = LINGER_SECONDS * 1e6};
    struct broker *broker = broker_start(program);
    portd_client *other = broker_connect(broker);
    double *us = malloc(PINGS_MAX * sizeof(*us));

    if (!us)
        bench_fail("malloc");
    for (size_t i = 0; i < times; i++)
        measure_once(&delay, broker_client(broker), other, floor, us);
    qsort(us, delay.pings, sizeof(*us), compare);
    delay.longest_us = us[delay.pings - 1];
    delay.p50_us = us[delay.pings / 2];
    free(us);
    portd_disconnect(other);
    broker_end(broker);
    return delay;
}
