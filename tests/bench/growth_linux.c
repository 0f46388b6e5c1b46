/* growth_linux.c: the rows. A state that can be entered and left is so within the rounds of one broker, since two brokers differ
 * by a few per cent merely by where their memory is. */
#define _GNU_SOURCE

#include "growth.h"

#include "broker.h"
#include "floor.h"
#include "growth_waits.h"
#include "process.h"

#include "tests/support/client_raw.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IDLE_ROUNDS_SHARE = 2, WARMING_UP = 200, WAKE_SHARE = 4, PARK_SHARE = 8, SLEEPY_SECONDS = 60 };

static size_t size_of(const struct growth_setting *setting, size_t n) {
    return n / setting->share > 0 ? n / setting->share : 1;
}

static size_t rounds_of(const struct growth_setting *setting, size_t share) {
    return setting->rounds / share > 0 ? setting->rounds / share : 1;
}

static const struct must growth_must = {1.5, 1.5}, nothing_must = {1.03, 1.03};

/* ---- waits ------------------------------------------------------------------------------------------- */

static void measure_queue(struct row *row, const struct growth_setting *setting, bool one) {
    struct broker *broker = broker_start(setting->program);
    struct queue *few = queue_new(broker, size_of(setting, GROWTH_FEW), one),
                 *many = queue_new(broker, size_of(setting, GROWTH_MANY), one);
    bench_run *run = one ? queue_wake_one : queue_park;

    row->sides[ROW_FLOOR] = (struct side){"few", run, few};
    row->sides[ROW_PORTD] = (struct side){"many", run, many};
    row_measure(row, setting->rounds, setting->iterations);
    queue_free(many);
    queue_free(few);
    broker_end(broker);
}

static void measure_park(struct row *row, const struct growth_setting *setting) {
    measure_queue(row, setting, false);
}

static void measure_wake_one(struct row *row, const struct growth_setting *setting) {
    measure_queue(row, setting, true);
}

/* ---- a timed wait ------------------------------------------------------------------------------------ */

struct timed {
    struct broker *broker;
    portd_client *other;
    int ends[2];
    portd_id evt;
};

static void on_end(portd_client *client, const portd_result *result, void *data) {
    bool *ended = data;

    (void)client;
    (void)result;
    *ended = true;
}

static void ping(portd_client *client) {
    if (portd_ping(client, PORTD_FOREVER) != 1)
        bench_fail("ping");
}

static void rtt_beside_timed(void *subject, double *us, size_t n) {
    const struct timed *timed = subject;
    portd_request *request;
    bool ended = false;

    if (portd_wait_start(timed->other, &timed->evt, 1, 0, portd_now() + SLEEPY_SECONDS * 1000000LL, on_end,
                         &ended, &request) != 1)
        bench_fail("wait");
    ping(timed->other);
    broker_rtt(timed->broker, us, n);
    if (ended)
        bench_fail("the timed wait has ended");
    portd_cancel(request);
    while (!ended)
        if (portd_poll(timed->other, PORTD_FOREVER) < 0)
            bench_fail("poll");
    ping(timed->other);
}

static void measure_timed(struct row *row, const struct growth_setting *setting) {
    struct timed timed = {.broker = broker_start(setting->program)};

    timed.other = broker_connect(timed.broker);
    if (pipe2(timed.ends, O_CLOEXEC) < 0 || portd_fd_to_evt(timed.other, timed.ends[0], PORTD_MODE_READ,
                                                            PORTD_FD, PORTD_FOREVER, &timed.evt) != 1)
        bench_fail("the event of a timed wait");
    row->sides[ROW_FLOOR] = (struct side){"without", broker_rtt, timed.broker};
    row->sides[ROW_PORTD] = (struct side){"with", rtt_beside_timed, &timed};
    row_measure(row, setting->rounds, setting->iterations);
    portd_disconnect(timed.other);
    (void)close(timed.ends[0]);
    (void)close(timed.ends[1]);
    broker_end(timed.broker);
}

/* ---- idle connections -------------------------------------------------------------------------------- */

struct idle {
    struct broker *broker;
    size_t n, others;
    struct raw *connections;
    bool there;
};

static size_t connections_of(struct broker *broker) {
    portd_list *list;

    if (portd_get_status(broker_client(broker), PORTD_FOREVER, &list) != 1)
        bench_fail("status");
    size_t n = portd_list_status(list)->connections;
    portd_list_free(list);
    return n;
}

static void idle_come(struct idle *idle) {
    for (size_t i = 0; !idle->there && i < idle->n; i++)
        if (raw_open(&idle->connections[i], broker_address(idle->broker)) != 0)
            bench_fail("an idle connection");
    idle->there = true;
}

static void idle_go(struct idle *idle) {
    if (!idle->there)
        return;
    for (size_t i = 0; i < idle->n; i++)
        raw_close(&idle->connections[i]);
    idle->there = false;
    while (connections_of(idle->broker) > idle->others)
        process_sleep(0.001);
}

static void rtt_warm(struct broker *broker, double *us, size_t n) {
    double ignored;

    for (size_t i = 0; i < WARMING_UP; i++)
        broker_rtt(broker, &ignored, 1);
    broker_rtt(broker, us, n);
}

static void rtt_without(void *subject, double *us, size_t n) {
    struct idle *idle = subject;

    idle_go(idle);
    rtt_warm(idle->broker, us, n);
}

static void rtt_beside_idle(void *subject, double *us, size_t n) {
    struct idle *idle = subject;

    idle_come(idle);
    rtt_warm(idle->broker, us, n);
}

static void measure_idle(struct row *row, const struct growth_setting *setting) {
    struct idle idle = {.broker = broker_start(setting->program), .n = size_of(setting, GROWTH_CONNECTIONS)};

    idle.others = connections_of(idle.broker);
    idle.connections = calloc(idle.n, sizeof(*idle.connections));
    if (!idle.connections)
        bench_fail("calloc");
    row->sides[ROW_FLOOR] = (struct side){"without", rtt_without, &idle};
    row->sides[ROW_PORTD] = (struct side){"with", rtt_beside_idle, &idle};
    row_measure(row, rounds_of(setting, IDLE_ROUNDS_SHARE), setting->iterations);
    idle_go(&idle);
    free(idle.connections);
    broker_end(idle.broker);
}

/* ---- all --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *work;
    size_t share;
    const struct must *must;
    void (*measure)(struct row *row, const struct growth_setting *setting);
} growths[GROWTH_ROWS] = {
    [GROWTH_PARK] = {"park", "one more wait for an event that 100 and 10,000 wait for", PARK_SHARE,
                     &growth_must, measure_park},
    [GROWTH_WAKE_ONE] = {"wake_one", "waking one of 100 and of 10,000", WAKE_SHARE, &growth_must,
                         measure_wake_one},
    [GROWTH_TIMED] = {"timed_wait", "rtt while a wait of somebody has a limit", 1, &nothing_must,
                      measure_timed},
    [GROWTH_IDLE] = {"idle_connections", "rtt beside 5,000 idle connections", 1, &nothing_must, measure_idle},
};

static void measure(struct row *row, size_t i, const struct growth_setting *setting) {
    *row = (struct row){.name = growths[i].name,
                        .work = growths[i].work,
                        .share = growths[i].share,
                        .must = *growths[i].must};
    growths[i].measure(row, setting);
}

bool growth_measure_one(struct row *row, const char *name, const struct growth_setting *setting) {
    for (size_t i = 0; i < GROWTH_ROWS; i++)
        if (strcmp(growths[i].name, name) == 0) {
            measure(row, i, setting);
            return true;
        }
    return false;
}

void growth_measure(struct growth *growth, const struct growth_setting *setting) {
    for (size_t i = 0; i < GROWTH_ROWS; i++)
        measure(&growth->rows[i], i, setting);
}
