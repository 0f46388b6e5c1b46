/* ending.c: a connection that has the session and its semaphores is lost; pings go on until the broker no longer counts them, and
 * a little longer. */
#include "ending.h"

#include "broker.h"
#include "floor.h"

enum { PINGS_A_LOOK = 32, AFTERWARDS_US = 200000 /* what is counted no more may still be closed */ };

static void longer(double *longest, double us) {
    if (us > *longest)
        *longest = us;
}

/* Objects and descriptors of all sessions. Asking is a request that may be held up, as a ping is. */
static size_t held(struct broker *broker, double *longest) {
    portd_list *list;

    double start = bench_now();
    if (portd_get_status(broker_client(broker), PORTD_FOREVER, &list) != 1)
        bench_fail("status");
    longer(longest, bench_now() - start);
    const portd_status *status = portd_list_status(list);
    size_t n = status->objects + status->descriptors;
    portd_list_free(list);
    return n;
}

static struct ending measure_once(struct broker *broker, struct floor *floor, size_t objects) {
    struct ending ending = {.objects = objects};
    double us = 0, gone = 0;
    size_t others = held(broker, &us);

    struct crowd *crowd = broker_crowd(broker, objects);
    double start = bench_now();
    broker_crowd_leave(crowd);
    while (gone <= 0 || bench_now() - gone < AFTERWARDS_US) {
        for (int i = 0; i < PINGS_A_LOOK; i++, ending.pings++) {
            broker_rtt(broker, &us, 1);
            longer(&ending.longest_us, us);
            floor_rtt(floor, &us, 1);
            longer(&ending.floor_longest_us, us);
        }
        if (gone <= 0 && held(broker, &ending.longest_us) <= others)
            gone = bench_now();
    }
    ending.took_us = gone - start;
    broker_crowd_free(crowd);
    return ending;
}

struct ending ending_measure(const char *program, struct floor *floor, size_t objects) {
    struct ending best = {0};

    for (size_t i = 0; i < ENDING_TIMES; i++) {
        struct broker *broker = broker_start(program);
        struct ending ending = measure_once(broker, floor, objects);
        if (i == 0 || ending.longest_us < best.longest_us)
            best = ending;
        broker_end(broker);
    }
    return best;
}
