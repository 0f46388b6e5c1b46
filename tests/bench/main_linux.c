/* main_linux.c: bench. Measures every row, prints it, and says whether a required bound was missed. */
#define _GNU_SOURCE

#include "broker.h"
#include "bulk.h"
#include "delay.h"
#include "floor.h"
#include "holding.h"
#include "peer.h"
#include "process.h"
#include "report.h"
#include "watched.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIPELINE_SHARE = 20,
    HANDLE_SHARE = 4,
    DELAY_TIMES = 10,
    BULK_ROUNDS_SHARE = 4,
    ENDING_OBJECTS = 18000
};

static const char usage[] =
    "usage: bench [--json] [--check] [--rounds N] [--iterations N] [--idle SECONDS] [--only ROW]\n"
    "             [--neighbours[=PATTERN]] [--seconds N] [--share N] [--portctl PORTCTL] [--no-wakeup] "
    "PORTD\n"
    "\n"
    "  --json          one JSON object instead of a table\n"
    "  --check         end with 1 when a must is missed\n"
    "  --rounds N      rounds of each side of a row, default 20\n"
    "  --iterations N  in a round, default 1000\n"
    "  --idle SECONDS  how long the idle broker is watched, default 3\n"
    "  --only ROW      that row alone, for profiling: nothing is printed but its figures\n"
    "  --neighbours[=PATTERN]  that section alone, or one pattern of it\n"
    "  --seconds N     of each pattern of neighbours, default 1\n"
    "  --share N       their sizes, and those of the growth rows, divided by N\n"
    "  --portctl PATH  moves the bytes of the rows bulk_*, which are left out without it\n"
    "  --no-wakeup     the clients connect with the option no_wakeup\n"
    "  PORTD           the broker to measure\n";

struct options {
    bool json, check;
    size_t rounds, iterations;
    double idle;
    const char *only;
    bool neighbours;
    const char *pattern; /* NULL: all */
    double seconds;
    size_t share;
    const char *portctl;
    const char *program;
};

static size_t number_of(const char *text) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*end || value == 0 || value > 10000000) {
        fputs(usage, stderr);
        exit(2);
    }
    return value;
}

static double seconds_of(const char *text) {
    char *end;
    double value = strtod(text, &end);

    if (*end || !(value > 0 && value <= 3600)) {
        fputs(usage, stderr);
        exit(2);
    }
    return value;
}

static struct options options_parse(int argc, char **argv) {
    static const struct option table[] = {
        {"json", no_argument, NULL, 'j'},
        {"check", no_argument, NULL, 'c'},
        {"rounds", required_argument, NULL, 'r'},
        {"iterations", required_argument, NULL, 'i'},
        {"idle", required_argument, NULL, 's'},
        {"only", required_argument, NULL, 'o'},
        {"neighbours", optional_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 't'},
        {"share", required_argument, NULL, 'd'},
        {"portctl", required_argument, NULL, 'p'},
        {"no-wakeup", no_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.rounds = 20, .iterations = 1000, .idle = 3, .seconds = 1, .share = 1};
    int which;

    while ((which = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        switch (which) {
        case 'j':
            options.json = true;
            break;
        case 'c':
            options.check = true;
            break;
        case 'r':
            options.rounds = number_of(optarg);
            break;
        case 'i':
            options.iterations = number_of(optarg);
            break;
        case 's':
            options.idle = (double)number_of(optarg);
            break;
        case 'o':
            options.only = optarg;
            break;
        case 'n':
            options.neighbours = true;
            options.pattern = optarg;
            break;
        case 't':
            options.seconds = seconds_of(optarg);
            break;
        case 'd':
            options.share = number_of(optarg);
            break;
        case 'w':
            broker_no_wakeup = true;
            break;
        case 'p':
            options.portctl = optarg;
            break;
        default:
            fputs(usage, which == 'h' ? stdout : stderr);
            exit(which == 'h' ? 0 : 2);
        }
    }
    if (optind + 1 != argc) {
        fputs(usage, stderr);
        exit(2);
    }
    options.program = argv[optind];
    return options;
}

enum { ROW_RTT, ROW_PUT, ROW_GET, ROW_WAKE, ROW_WAKE_HANDLE, ROW_PIPELINE, ROW_HOLD_PUT, ROW_HOLD_GET, ROWS };

/* Whom the rows are measured beside; whoever is not installed is NULL. */
struct peers {
    struct redis *redis;
    struct s6 *s6;
    struct dbus *dbus_broker, *dbus_daemon;
};

/* A peer that is NULL does not take part. */
static struct side side(const char *name, bench_run *run, void *subject) {
    return subject ? (struct side){name, run, subject} : (struct side){0};
}

static const struct row listed[ROWS] = {
    [ROW_RTT] = {.name = "rtt", .work = "request and reply", .share = 1, .must = {1.15, 1.21}, .aim = 1.10},
    [ROW_PUT] = {.name = "put",
                 .work = "request carrying a descriptor",
                 .share = 1,
                 .must = {1.21, 1.25},
                 .aim = 1.15},
    [ROW_GET] =
        {.name = "get", .work = "reply carrying a descriptor", .share = 1, .must = {1.19, 1.23}, .aim = 1.12},
    [ROW_WAKE] =
        {.name = "wake", .work = "wake of a waiting client", .share = 1, .must = {1.15, 1.18}, .aim = 1.08},
    [ROW_WAKE_HANDLE] = {.name = "wake_handle",
                         .work = "wake through a pollable handle",
                         .share = HANDLE_SHARE,
                         .must = {1.12, 1.12},
                         .aim = 1.06},
    [ROW_PIPELINE] = {.name = "pipeline64",
                      .work = "64 requests in flight",
                      .share = PIPELINE_SHARE,
                      .must = {2.9, 3.2},
                      .aim = 2.0},
    [ROW_HOLD_PUT] = {.name = "hold_put",
                      .work = "a descriptor that the keeper has, too",
                      .share = 1,
                      .must = {1.21, 1.25},
                      .aim = 1.15},
    [ROW_HOLD_GET] =
        {.name = "hold_get", .work = "a copy of what is held", .share = 1, .must = {1.19, 1.23}, .aim = 1.12},
};

static void rows_fill(struct row rows[ROWS], struct floor *floor, struct broker *broker,
                      struct holding *holding, const struct peers *peers) {
    static bench_run *const runs[ROWS][2] = {
        [ROW_RTT] = {floor_rtt, broker_rtt},
        [ROW_PUT] = {floor_put, broker_put},
        [ROW_GET] = {floor_get, broker_get},
        [ROW_WAKE] = {floor_wake, broker_wake},
        [ROW_WAKE_HANDLE] = {floor_wake_handle, broker_wake_handle},
        [ROW_PIPELINE] = {floor_pipeline, broker_pipeline},
        [ROW_HOLD_PUT] = {floor_hold_put, holding_put},
        [ROW_HOLD_GET] = {floor_get, holding_get},
    };

    memcpy(rows, listed, sizeof(listed));
    for (size_t i = 0; i < ROWS; i++) {
        rows[i].sides[ROW_FLOOR] = (struct side){"floor", runs[i][0], floor};
        rows[i].sides[ROW_PORTD] =
            (struct side){"portd", runs[i][1], i < ROW_HOLD_PUT ? (void *)broker : holding};
    }
    rows[ROW_RTT].sides[ROW_PEER] = side("redis PING", redis_ping, peers->redis);
    rows[ROW_RTT].sides[ROW_PEER + 1] = side("dbus-broker Ping", dbus_ping, peers->dbus_broker);
    rows[ROW_RTT].sides[ROW_PEER + 2] = side("dbus-daemon Ping", dbus_ping, peers->dbus_daemon);
    rows[ROW_PUT].sides[ROW_PEER] = side("s6-fdholder store", s6_store, peers->s6);
    rows[ROW_GET].sides[ROW_PEER] = side("s6-fdholder retrieve", s6_retrieve, peers->s6);
    rows[ROW_HOLD_PUT].sides[ROW_PEER] = rows[ROW_PUT].sides[ROW_PEER];
    rows[ROW_HOLD_GET].sides[ROW_PEER] = rows[ROW_GET].sides[ROW_PEER];
}

static struct peers peers_start(void) {
    return (struct peers){.redis = redis_start(),
                          .s6 = s6_start(),
                          .dbus_broker = dbus_broker_start(),
                          .dbus_daemon = dbus_daemon_start()};
}

static void peers_end(const struct peers *peers) {
    dbus_end(peers->dbus_daemon);
    dbus_end(peers->dbus_broker);
    s6_end(peers->s6);
    redis_end(peers->redis);
}

/* All of them, or the one of that name. */
static void bulk_measure(struct row rows[BULK_ROWS], struct broker *broker, const struct options *options) {
    size_t rounds = options->rounds / BULK_ROUNDS_SHARE ? options->rounds / BULK_ROUNDS_SHARE : 1;
    struct bulk *bulk = bulk_start(broker, options->portctl);
    bool peer = process_installed("socat");
    struct side socat = peer ? (struct side){"socat", bulk_socat, bulk} : (struct side){0};
    size_t base = peer ? ROW_PEER : ROW_FLOOR;

    rows[BULK_HANDOVER] = (struct row){
        .name = "bulk_handover",
        .work = "bytes of a port by a copy of its descriptor",
        .share = options->iterations,
        .base = base,
        .sides = {{"read and write", bulk_floor, bulk}, {"portctl cat", bulk_handover, bulk}, socat}};
    rows[BULK_THROUGH] = (struct row){.name = "bulk_through",
                                      .work = "bytes of a port through the broker",
                                      .share = options->iterations,
                                      .base = base,
                                      .sides = {{"read and write", bulk_floor, bulk},
                                                {"portctl cat --through-broker", bulk_through, bulk},
                                                socat}};
    if (peer) { /* 0.6 of socat's bytes, and as many */
        rows[BULK_THROUGH].must = (struct must){1 / BULK_MUST, 1 / BULK_MUST};
        rows[BULK_THROUGH].aim = 1;
    }
    for (size_t i = 0; i < BULK_ROWS; i++)
        if (!options->only || strcmp(options->only, rows[i].name) == 0)
            row_measure(&rows[i], rounds, options->iterations);
    bulk_end(bulk);
}

static void only_print(const struct row *row) {
    const struct figure *own = &row->figures[ROW_PORTD];

    printf("%s: %s %.2f %s %.2f ratio %.3f p10 %.3f\n", row->name, row->sides[ROW_FLOOR].name,
           row->figures[ROW_FLOOR].p50, row->sides[ROW_PORTD].name, own->p50, own->ratio, own->ratio_p10);
}

static struct growth_setting growth_setting_of(const struct options *options) {
    return (struct growth_setting){options->program, options->rounds, options->iterations, options->share};
}

/* Of those with that name. */
static bool only_among(const struct row *rows, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0) {
            only_print(&rows[i]);
            return true;
        }
    return false;
}

/* The others have nobody in them then. */
static void measure_one(struct row rows[ROWS], struct broker *broker, const struct options *options) {
    struct row bulk[BULK_ROWS];
    struct row growth;

    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, options->only) == 0)
            row_measure(&rows[i], options->rounds, options->iterations);
    if (only_among(rows, ROWS, options->only))
        return;
    if (options->portctl) {
        bulk_measure(bulk, broker, options);
        if (only_among(bulk, BULK_ROWS, options->only))
            return;
    }
    (void)process_limit_files(WATCHED_FILES);
    errno = 0;
    const struct growth_setting setting = growth_setting_of(options);
    if (!growth_measure_one(&growth, options->only, &setting))
        bench_fail("no such row");
    only_print(&growth);
}

/* Offenders and the broker may have as many files as the hard limit says. */
static bool neighbours_fill(struct neighbours *neighbours, const struct options *options) {
    (void)process_limit_files(WATCHED_FILES);
    return neighbours_measure(neighbours, options->program, options->seconds, options->share,
                              options->pattern);
}

static int neighbours_only(const struct options *options) {
    static struct neighbours neighbours;
    bool measured = neighbours_fill(&neighbours, options);
    size_t missed = 0;

    report_neighbours(measured ? &neighbours : NULL);
    for (size_t i = 0; i < neighbours.n; i++)
        missed += neighbours_missed(&neighbours.rows[i]);
    return options->check && missed > 0;
}

static void version_read(struct broker *broker, char *version, size_t size) {
    portd_list *list;

    if (portd_get_status(broker_client(broker), PORTD_FOREVER, &list) != 1)
        bench_fail("status");
    (void)snprintf(version, size, "%s", portd_list_status(list)->broker);
    portd_list_free(list);
}

/* What wants more files than a process usually may have. */
static void many_measure(struct results *results, struct floor *floor, const struct options *options) {
    static struct watched watched;
    static struct growth growth;
    static struct ending ending;

    if (!process_limit_files(WATCHED_FILES))
        return;
    watched = watched_measure(options->program, options->rounds, options->iterations, options->idle);
    const struct growth_setting setting = growth_setting_of(options);
    growth_measure(&growth, &setting);
    ending = ending_measure(options->program, floor,
                            options->share > ENDING_OBJECTS ? 1 : ENDING_OBJECTS / options->share);
    results->watched = &watched;
    results->growth = &growth;
    results->ending = &ending;
}

/* Brokers that are measured one after the other, each with the machine for itself. */
static void rest_measure(struct results *results, struct floor *floor, const struct options *options) {
    static struct delay delay;
    static struct neighbours neighbours;

    many_measure(results, floor, options);
    delay = delay_measure(options->program, floor, DELAY_TIMES);
    results->delay = &delay;
    if (neighbours_fill(&neighbours, options))
        results->neighbours = &neighbours;
}

int main(int argc, char **argv) {
    struct options options = options_parse(argc, argv);
    struct row rows[ROWS], bulk[BULK_ROWS];
    struct results results = {
        .rounds = options.rounds, .iterations = options.iterations, .rows = rows, .n_rows = ROWS};
    struct peers peers = {0};
    char version[32];

    results.cpu = process_pin();
    process_batch(true);
    if (options.neighbours)
        return neighbours_only(&options);
    struct floor *floor = floor_start();
    struct broker *broker = broker_start(options.program);
    struct holding *holding = holding_start(options.program);
    if (!options.only)
        peers = peers_start();
    rows_fill(rows, floor, broker, holding, &peers);
    if (options.only) {
        measure_one(rows, broker, &options);
        holding_end(holding);
        broker_end(broker);
        floor_end(floor);
        return 0;
    }
    version_read(broker, version, sizeof(version));
    results.version = version;
    for (size_t i = 0; i < ROWS; i++)
        row_measure(&rows[i], options.rounds, options.iterations);
    results.pipeline = &rows[ROW_PIPELINE];
    results.pipeline_peer = redis_pipelined(peers.redis);
    results.pipeline_peer_name = "redis-benchmark -P 64";
    if (options.portctl) {
        bulk_measure(bulk, broker, &options);
        results.bulk = bulk;
    }
    peers_end(&peers);
    holding_end(holding);
    broker_end(broker);
    rest_measure(&results, floor, &options);
    floor_end(floor);
    (options.json ? report_json : report_table)(&results);
    return options.check && report_missed(&results) > 0;
}
