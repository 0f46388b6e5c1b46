/* offence_requests_linux.c: offences by requests: long replies, long refusals, long ends. */
#define _GNU_SOURCE

#include "bench.h"
#include "offender.h"
#include "process.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OBJECTS = 60000,
    NAME = 255,
    SESSIONS = 4000,
    WAITS = 16384,
    MONITORS = 64,
    UNREAD = 200,
    ROUND = 64,
    MARGIN = 16 /* connections that are left for what comes later */
};

static void must_open(const struct offender *offender, struct raw *raw) {
    if (!offender_open(offender, raw))
        bench_fail("offender: turned away");
}

static void feed_add_list(struct feed *feed, uint64_t after) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;

    list.after = after;
    request.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    request.list = &list;
    feed_add(feed, &request);
}

static void feed_add_show(struct feed *feed, uint64_t *ids, size_t n) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Show show = PORTD__V1__SHOW__INIT;

    show.ids = ids;
    show.n_ids = n;
    request.method_case = PORTD__V1__REQUEST__METHOD_SHOW;
    request.show = &show;
    feed_add(feed, &request);
}

/* Pages from all over the list, and some by id. Names are short enough for a page of 256. */
void offence_lists(struct offender *offender) {
    size_t wanted = offender_size(offender, OBJECTS), n;
    uint64_t *ids = calloc(wanted, sizeof(*ids));
    struct raw raw;
    struct feed feed;
    char name[128];
    int ends[2];

    if (!ids)
        bench_fail("calloc");
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    must_open(offender, &raw);
    offender_pipe(ends);
    n = offender_wrap(&raw, ends[0], 7, name, ids, wanted);
    feed_init(&feed, &raw);
    for (size_t i = 0; i < ROUND && n > 0; i++) {
        feed_add_list(&feed, i == 0 ? 0 : ids[i * n / ROUND]);
        feed_add_show(&feed, ids + i * n / ROUND, n - i * n / ROUND < 256 ? n - i * n / ROUND : 256);
    }
    offender_begin(offender, n);
    while (offender_goes_on(offender) && !feed.ended)
        feed_round(offender, &feed);
}

/* A session with a time to live stays when its connection goes. False: refused. */
static bool leave_session(const struct offender *offender) {
    Portd__V1__Hello hello = raw_hello_make();
    struct raw raw;

    hello.ttl_us = 3600 * UINT64_C(1000000);
    bool made = raw_connect(&raw, offender->address) == 0 && raw_hello_with(&raw, &hello, NULL, 0) == 0;
    raw_close(&raw);
    return made;
}

/* The uid's waits are used up, and more are asked for: each refusal says who has most. */
void offence_refusals(struct offender *offender) {
    struct raw holders[2], raw;
    struct feed held[2], feed;
    size_t n = 0, wanted = offender_size(offender, SESSIONS);
    uint64_t id;
    int ends[2];

    while (n < wanted && leave_session(offender))
        n++;
    offender_pipe(ends);
    for (int k = 0; k < 2; k++) {
        must_open(offender, &holders[k]);
        id = offender_evt(&holders[k], ends[0], 1);
        feed_init(&held[k], &holders[k]);
        for (size_t i = 0; i < WAITS; i++)
            feed_add_wait(&held[k], &id, 1, false, -1);
        feed_park(&held[k]);
    }
    must_open(offender, &raw);
    id = offender_evt(&raw, ends[0], 1);
    feed_init(&feed, &raw);
    for (size_t i = 0; i < ROUND; i++)
        feed_add_wait(&feed, &id, 1, false, -1);
    offender_begin(offender, n);
    while (offender_goes_on(offender) && !feed.ended) {
        for (int k = 0; k < 2; k++)
            (void)feed_turn(&held[k]);
        feed_round(offender, &feed);
    }
}

/* One session is ended by its connection, the other by the end of the process. */
void offence_session_end(struct offender *offender) {
    size_t wanted = offender_size(offender, OBJECTS), n = 0;
    struct raw raw[2];
    int ends[2];

    offender_pipe(ends);
    for (int k = 0; k < 2; k++) {
        must_open(offender, &raw[k]);
        n += offender_wrap(&raw[k], ends[0], 7, NULL, NULL, wanted / 2);
    }
    offender_begin(offender, n);
    process_sleep(offender->seconds / 2);
    raw_close(&raw[0]);
    process_sleep(offender->seconds / 2);
}

static void feed_add_monitor(struct feed *feed) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Monitor monitor = PORTD__V1__MONITOR__INIT;

    request.method_case = PORTD__V1__REQUEST__METHOD_MONITOR;
    request.monitor = &monitor;
    feed_add(feed, &request);
}

/* Each object that comes and goes wakes all of them. */
void offence_monitors(struct offender *offender) {
    size_t n = 0, wanted = offender_size(offender, MONITORS);
    static struct raw raw[MONITORS];
    static struct feed feeds[MONITORS];
    struct raw busy;
    int ends[2];

    must_open(offender, &busy);
    offender_pipe(ends);
    for (; n < wanted && offender_open(offender, &raw[n]); n++) {
        feed_init(&feeds[n], &raw[n]);
        feed_add_monitor(&feeds[n]);
    }
    offender_begin(offender, n);
    while (offender_goes_on(offender)) {
        uint64_t id = offender_evt(&busy, ends[0], 3);
        if (!id || raw_remove(&busy, id))
            break;
        for (size_t i = 0; i < n; i++)
            (void)feed_turn(&feeds[i]);
    }
}

/* Long answers discard queue up until the broker reads no more; then the next connection does the same, and then all again. */
void offence_unread(struct offender *offender) {
    size_t n = 0, wanted = offender_size(offender, UNREAD), objects;
    static struct raw raw[UNREAD];
    static uint8_t frame[RAW_HEADER + RAW_BODY_MAX];
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;
    int ends[2];

    offender_pipe(ends);
    must_open(offender, &raw[n++]);
    objects = offender_wrap(&raw[0], ends[0], 7, "a port that is listed and never looked at", NULL, 256);
    while (objects > 0 && n < wanted && offender_join(offender, &raw[n], &raw[0]))
        n++;
    request.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    request.list = &list;
    offender_begin(offender, n);
    for (uint64_t id = 1 << 20; offender_goes_on(offender); id++) {
        request.id = id;
        size_t size = raw_pack(frame, &request, 0);
        for (size_t i = 0; i < n; i++) {
            ssize_t sent = raw_send_some(&raw[i], frame, size, NULL, 0);
            if (sent >= 0 && (size_t)sent < size &&
                raw_send(&raw[i], frame + sent, size - (size_t)sent, NULL, 0))
                break;
        }
    }
}
