/* watched.c: two brokers side by side, one with few descriptors and one with many, so that their wakes can
 * be measured in turns. */
#include "watched.h"

#include "broker.h"
#include "process.h"
#include "row.h"

#define SETTLE_SECONDS 0.2

static double per_second_us(uint64_t ticks, double seconds) {
    return (double)ticks * process_tick_us() / seconds;
}

static void idle(struct watched *watched, const struct broker *broker, double seconds) {
    process_sleep(SETTLE_SECONDS); /* it may still be on its way to sleep */
    struct process_use before = process_look(broker_pid(broker));
    double start = bench_now();

    process_sleep(seconds);
    watched->idle_seconds = (bench_now() - start) / 1e6;
    struct process_use after = process_look(broker_pid(broker));
    watched->wakeups_per_second = (double)(after.switches - before.switches) / watched->idle_seconds;
    watched->cpu_us_per_second = per_second_us(after.ticks - before.ticks, watched->idle_seconds);
}

struct watched watched_measure(const char *program, size_t rounds, size_t iterations, double idle_seconds) {
    struct watched watched = {0};
    struct broker *few = broker_start(program), *many = broker_start(program);

    broker_watch(few, WATCHED_FEW);
    broker_watch(many, WATCHED_FEW); /* what the first ones touch is not theirs alone */
    uint64_t before = process_look(broker_pid(many)).anonymous;
    broker_watch(many, WATCHED_MANY - WATCHED_FEW);
    uint64_t after = process_look(broker_pid(many)).anonymous;
    watched.bytes_each = (double)(after - before) / (WATCHED_MANY - WATCHED_FEW);
    struct row row = {
        .name = "watched",
        .share = 1,
        .sides = {[ROW_FLOOR] = {"few", broker_wake, few}, [ROW_PORTD] = {"many", broker_wake, many}}};
    row_measure(&row, rounds, iterations);
    watched.few = row.figures[ROW_FLOOR].p50;
    watched.many = row.figures[ROW_PORTD].p50;
    watched.ratio = row_ratio(&row, ROW_PORTD);
    idle(&watched, many, idle_seconds);
    broker_end(many);
    broker_end(few);
    return watched;
}
