/* main_linux.c: bench. Measures every row, prints it, and says whether a must was missed. */
#define _GNU_SOURCE

#include "broker.h"
#include "bulk.h"
#include "delay.h"
#include "floor.h"
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

enum { PIPELINE_SHARE = 20, HANDLE_SHARE = 4, DELAY_TIMES = 10, BULK_ROUNDS_SHARE = 4 };

static const char usage[] =
    "usage: bench [--json] [--check] [--rounds N] [--iterations N] [--idle SECONDS] [--only ROW]\n"
    "             [--neighbours[=PATTERN]] [--seconds N] [--share N] [--portctl PORTCTL] PORTD\n"
    "\n"
    "  --json          one JSON object instead of a table\n"
    "  --check         end with 1 when a must is missed\n"
    "  --rounds N      rounds of each side of a row, default 20\n"
    "  --iterations N  in a round, default 1000\n"
    "  --idle SECONDS  how long the idle broker is watched, default 3\n"
    "  --only ROW      that row alone, for profiling: nothing is printed but its figures\n"
    "  --neighbours[=PATTERN]  that section alone, or one pattern of it\n"
    "  --seconds N     of each pattern of neighbours, default 1\n"
    "  --share N       their sizes divided by N\n"
    "  --portctl PATH  moves the bytes of the rows bulk_*, which are left out without it\n"
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

enum { ROW_RTT, ROW_PUT, ROW_GET, ROW_WAKE, ROW_WAKE_HANDLE, ROWS_LISTED, ROW_PIPELINE = ROWS_LISTED, ROWS };

/* Sides that both are the floor, portd or a peer; a peer that is NULL does not take part. */
static struct side side(const char *name, bench_run *run, void *subject) {
    return subject ? (struct side){name, run, subject} : (struct side){0};
}

static void rows_fill(struct row rows[ROWS], struct floor *floor, struct broker *broker, struct redis *redis,
                      struct s6 *s6) {
    rows[ROW_RTT] = (struct row){.name = "rtt",
                                 .work = "request and reply",
                                 .share = 1,
                                 .must = 1.3,
                                 .aim = 1.15,
                                 .sides = {{"floor", floor_rtt, floor},
                                           {"portd", broker_rtt, broker},
                                           side("redis PING", redis_ping, redis)}};
    rows[ROW_PUT] = (struct row){.name = "put",
                                 .work = "request carrying a descriptor",
                                 .share = 1,
                                 .must = 1.3,
                                 .aim = 1.1,
                                 .sides = {{"floor", floor_put, floor},
                                           {"portd", broker_put, broker},
                                           side("s6-fdholder store", s6_store, s6)}};
    rows[ROW_GET] = (struct row){.name = "get",
                                 .work = "reply carrying a descriptor",
                                 .share = 1,
                                 .must = 1.3,
                                 .aim = 1.1,
                                 .sides = {{"floor", floor_get, floor},
                                           {"portd", broker_get, broker},
                                           side("s6-fdholder retrieve", s6_retrieve, s6)}};
    rows[ROW_WAKE] =
        (struct row){.name = "wake",
                     .work = "wake of a waiting client",
                     .share = 1,
                     .must = 1.3,
                     .aim = 1.15,
                     .sides = {{"floor", floor_wake, floor}, {"portd", broker_wake, broker}, {0}}};
    rows[ROW_WAKE_HANDLE] = (struct row){
        .name = "wake_handle",
        .work = "wake through a pollable handle",
        .share = HANDLE_SHARE,
        .must = 1.2,
        .aim = 1.1,
        .sides = {{"floor", floor_wake_handle, floor}, {"portd", broker_wake_handle, broker}, {0}}};
    rows[ROW_PIPELINE] =
        (struct row){.name = "pipeline64",
                     .work = "64 requests in flight",
                     .share = PIPELINE_SHARE,
                     .sides = {{"floor", floor_pipeline, floor}, {"portd", broker_pipeline, broker}, {0}}};
}

static void bulk_measure(struct row rows[BULK_ROWS], struct broker *broker, const struct options *options) {
    size_t rounds = options->rounds / BULK_ROUNDS_SHARE ? options->rounds / BULK_ROUNDS_SHARE : 1;
    struct bulk *bulk = bulk_start(broker, options->portctl);
    struct side socat =
        process_installed("socat") ? (struct side){"socat", bulk_socat, bulk} : (struct side){0};

    rows[0] = (struct row){
        .name = "bulk_handover",
        .work = "bytes of a port by a copy of its descriptor",
        .share = options->iterations,
        .sides = {{"read and write", bulk_floor, bulk}, {"portctl cat", bulk_handover, bulk}, socat}};
    rows[1] = (struct row){.name = "bulk_through",
                           .work = "bytes of a port through the broker",
                           .share = options->iterations,
                           .sides = {{"read and write", bulk_floor, bulk},
                                     {"portctl cat --through-broker", bulk_through, bulk},
                                     socat}};
    for (size_t i = 0; i < BULK_ROWS; i++)
        row_measure(&rows[i], rounds, options->iterations);
    bulk_end(bulk);
}

/* The others have nobody in them then. */
static void measure_one(struct row rows[ROWS], const struct options *options) {
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &rows[i];
        if (strcmp(row->name, options->only) != 0)
            continue;
        row_measure(row, options->rounds, options->iterations);
        printf("%s: floor %.2f portd %.2f ratio %.3f\n", row->name, row->figures[ROW_FLOOR].p50,
               row->figures[ROW_PORTD].p50, row_ratio(row, ROW_PORTD));
        return;
    }
    errno = 0;
    bench_fail("no such row");
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

int main(int argc, char **argv) {
    struct options options = options_parse(argc, argv);
    struct row rows[ROWS];
    char version[32];

    int cpu = process_pin();
    if (options.neighbours)
        return neighbours_only(&options);
    struct floor *floor = floor_start();
    struct broker *broker = broker_start(options.program);
    struct redis *redis = options.only ? NULL : redis_start();
    struct s6 *s6 = options.only ? NULL : s6_start();
    rows_fill(rows, floor, broker, redis, s6);
    if (options.only) {
        measure_one(rows, &options);
        return 0;
    }
    version_read(broker, version, sizeof(version));
    for (size_t i = 0; i < ROWS; i++)
        row_measure(&rows[i], options.rounds, options.iterations);
    double peer = redis_pipelined(redis);
    struct row bulk[BULK_ROWS];
    if (options.portctl)
        bulk_measure(bulk, broker, &options);
    s6_end(s6);
    redis_end(redis);
    broker_end(broker);
    bool many = process_limit_files(WATCHED_FILES);
    struct watched watched = {0};
    if (many)
        watched = watched_measure(options.program, options.rounds, options.iterations, options.idle);
    struct delay delay = delay_measure(options.program, floor, DELAY_TIMES);
    static struct neighbours neighbours;
    bool several = neighbours_fill(&neighbours, &options);
    floor_end(floor);
    const struct results results = {.version = version,
                                    .cpu = cpu,
                                    .rounds = options.rounds,
                                    .iterations = options.iterations,
                                    .rows = rows,
                                    .n_rows = ROWS_LISTED,
                                    .pipeline = &rows[ROW_PIPELINE],
                                    .pipeline_peer = peer,
                                    .pipeline_peer_name = "redis-benchmark -P 64",
                                    .bulk = options.portctl ? bulk : NULL,
                                    .watched = many ? &watched : NULL,
                                    .delay = &delay,
                                    .neighbours = several ? &neighbours : NULL};
    (options.json ? report_json : report_table)(&results);
    return options.check && report_missed(&results) > 0;
}
