/* offence_sockets_linux.c: offences by connections and sockets: many, malformed, lingering, costly for the kernel. */
#define _GNU_SOURCE

#include "bench.h"
#include "offender.h"
#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    NAMES = 256,
    SOME = 1000,
    MANY = 4700,
    WAITS = 56,
    PINGS = 256,
    FEW = 64,
    FIELDS = 1350, /* in 4 KiB */
    LINGERING = 1000,
    AT_ONCE = 8,
    COPIES = 6000, /* of the socket, each in every epoll */
    BAD = 50
};

static void must_open(const struct offender *offender, struct raw *raw) {
    if (!offender_open(offender, raw))
        bench_fail("offender: turned away");
}

/* Connections of one session, as many as there may be, each with a round of its own. */
static size_t crowd_open(const struct offender *offender, const struct raw *first, struct feed *feeds,
                         size_t n) {
    struct raw raw;
    size_t made = 0;

    while (made < n && offender_join(offender, &raw, first))
        feed_init(&feeds[made++], &raw);
    return made;
}

static void crowd_go_on(const struct offender *offender, struct feed *feeds, size_t n) {
    while (offender_goes_on(offender))
        for (size_t i = 0; i < n && offender_goes_on(offender); i++)
            (void)feed_turn(&feeds[i]);
}

/* Waits for 256 events that are not ready, 56 at once on each connection. */
void offence_turns(struct offender *offender) {
    size_t n = offender_size(offender, SOME);
    struct feed *feeds = calloc(n, sizeof(*feeds));
    uint64_t ids[NAMES];
    struct raw first;
    int ends[2];

    if (!feeds)
        bench_fail("calloc");
    must_open(offender, &first);
    for (int i = 0; i < NAMES; i++) {
        offender_pipe(ends);
        ids[i] = offender_evt(&first, ends[0], 100 + i);
        if (!ids[i])
            bench_fail("offender: an event was refused");
    }
    n = crowd_open(offender, &first, feeds, n);
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < WAITS; k++)
            feed_add_wait(&feeds[i], ids, NAMES, false, 0);
    offender_begin(offender, n);
    crowd_go_on(offender, feeds, n);
}

/* Not more than pings, and on all the connections that a uid may have. */
void offence_pings(struct offender *offender) {
    size_t n = offender_size(offender, MANY);
    struct feed *feeds = calloc(n, sizeof(*feeds));
    struct raw first;

    if (!feeds)
        bench_fail("calloc");
    must_open(offender, &first);
    n = crowd_open(offender, &first, feeds, n);
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < PINGS; k++)
            feed_add_ping(&feeds[i]);
    offender_begin(offender, n);
    crowd_go_on(offender, feeds, n);
}

/* As many fields as a request may have, of which the broker knows one. */
static void feed_add_fields(struct feed *feed) {
    static uint8_t one = 1;
    static ProtobufCMessageUnknownField fields[FIELDS];
    raw_request request = PORTD__V1__REQUEST__INIT;

    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = (ProtobufCMessageUnknownField){
            .tag = 99, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = &one};
    request.base.n_unknown_fields = FIELDS;
    request.base.unknown_fields = fields;
    feed_add(feed, &request);
}

/* What takes longest to unpack. */
void offence_fields(struct offender *offender) {
    static struct feed feeds[FEW];
    struct raw first;

    must_open(offender, &first);
    size_t n = crowd_open(offender, &first, feeds, FEW);
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < WAITS; k++)
            feed_add_fields(&feeds[i]);
    offender_begin(offender, n);
    crowd_go_on(offender, feeds, n);
}

/* ---- sockets that linger ---------------------------------------------------------------------------------------------- */

static int listener_open(struct sockaddr_in *name) {
    socklen_t size = sizeof(*name);
    int least = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) < 0 ||
        bind(fd, (const struct sockaddr *)name, size) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)name, &size) < 0)
        bench_fail("offender: a listener");
    return fd;
}

/* Full to the brim, and nobody ever reads: the last close takes an hour. */
static int lingering_open(const struct sockaddr_in *name) {
    static const uint8_t bytes[65536];
    const struct linger linger = {.l_onoff = 1, .l_linger = 3600};
    int least = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)) < 0 ||
        connect(fd, (const struct sockaddr *)name, sizeof(*name)) < 0)
        bench_fail("offender: a socket");
    while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
        bench_fail("offender: SO_LINGER");
    return fd;
}

/* A ping that has n of them attached. When its last byte comes the broker is the only one to have them, refuses, and closes. */
static bool throw(struct raw * raw, const struct sockaddr_in *name, int n) {
    uint8_t frame[RAW_HEADER + RAW_BODY_MAX];
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    int fds[AT_ONCE];
    size_t size;

    request.id = ++raw->id;
    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    size = raw_pack(frame, &request, (unsigned)n);
    for (int i = 0; i < n; i++)
        fds[i] = lingering_open(name);
    ssize_t sent = raw_send_some(raw, frame, size - 1, fds, (size_t)n);
    process_sleep(0.001);
    for (int i = 0; i < n; i++)
        (void)close(fds[i]);
    return sent == (ssize_t)size - 1 && raw_send_some(raw, frame + sent, 1, NULL, 0) == 1;
}

/* On a new connection for each frame, since one that has discards to wait for is not read. */
void offence_discards(struct offender *offender) {
    size_t wanted = offender_size(offender, LINGERING), n = 0;
    struct sockaddr_in name;
    struct raw raw;

    (void)listener_open(&name);
    for (; n < wanted && offender_open(offender, &raw); n += AT_ONCE)
        if (!throw(&raw, &name, AT_ONCE))
            break;
    offender_begin(offender, n);
    while (offender_goes_on(offender)) {
        if (!offender_open(offender, &raw)) {
            process_sleep(0.01);
            continue;
        }
        (void) throw(&raw, &name, AT_ONCE);
    }
}

/* ---- the log ---------------------------------------------------------------------------------------------------------- */

/* Frames without a body: each ends its connection, which is worth a line. */
void offence_log(struct offender *offender) {
    static const uint8_t header[RAW_HEADER];
    struct raw raw[BAD];

    offender_begin(offender, BAD);
    while (offender_goes_on(offender)) {
        for (int i = 0; i < BAD; i++)
            if (raw_connect(&raw[i], offender->address) == 0)
                (void)raw_send_some(&raw[i], header, sizeof(header), NULL, 0);
        for (int i = 0; i < BAD; i++)
            raw_close(&raw[i]);
    }
}

/* As fast as one process can. */
void offence_connects(struct offender *offender) {
    struct raw raw;

    offender_begin(offender, 1);
    while (offender_goes_on(offender)) {
        (void)raw_connect(&raw, offender->address);
        raw_close(&raw);
    }
}

/* ---- entries ---------------------------------------------------------------------------------------------------------- */

/* The end of a connection that is the client's, in many epolls under many numbers: whoever sends to it walks them all. */
static size_t entries_add(int fd, size_t wanted) {
    size_t n = 0;
    int copies[COPIES], n_copies = 0;

    for (; n_copies < COPIES && (size_t)n_copies < wanted; n_copies++)
        if ((copies[n_copies] = dup(fd)) < 0)
            break;
    while (n < wanted) {
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0)
            return n;
        for (int i = 0; i < n_copies && n < wanted; i++, n++) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLET};
            if (epoll_ctl(epoll, EPOLL_CTL_ADD, copies[i], &event) < 0)
                return n;
        }
    }
    return n;
}

void offence_entries(struct offender *offender) {
    struct raw raw;

    must_open(offender, &raw);
    size_t n = entries_add(raw.fd, offender_size(offender, OFFENDER_ENTRIES));
    offender_begin(offender, n);
    while (offender_goes_on(offender)) {
        if (raw_ping(&raw))
            bench_fail("offender: ping");
        process_sleep(0.05);
    }
}
