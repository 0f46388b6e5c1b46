/* row.c: alternating rounds, and their medians. */
#include "row.h"

#include <stdlib.h>

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static struct figure figure_of(double *us, size_t n) {
    qsort(us, n, sizeof(*us), compare);
    return (struct figure){
        .p10 = us[n / 10], .p50 = us[n / 2], .p99 = us[n - 1 - n / 100], .min = us[0], .known = true};
}

static double median(double *values, size_t n) {
    qsort(values, n, sizeof(*values), compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Times and ratios have a median each. own and base are the rounds of the side and of its base. */
static struct figure figure_merge(const struct figure *own, const struct figure *base, size_t n,
                                  double *room) {
    struct figure merged = {.known = true};

    for (size_t i = 0; i < n; i++)
        room[i] = own[i].p10;
    merged.p10 = median(room, n);
    for (size_t i = 0; i < n; i++)
        room[i] = own[i].p50;
    merged.p50 = median(room, n);
    for (size_t i = 0; i < n; i++)
        room[i] = own[i].p99;
    merged.p99 = median(room, n);
    for (size_t i = 0; i < n; i++)
        room[i] = own[i].min;
    merged.min = median(room, n);
    for (size_t i = 0; i < n; i++)
        room[i] = own[i].p50 / base[i].p50;
    merged.ratio = median(room, n);
    for (size_t i = 0; i < n; i++)
        room[i] = own[i].p10 / base[i].p10;
    merged.ratio_p10 = median(room, n);
    return merged;
}

static void *room_for(size_t n, size_t size) {
    void *room = calloc(n, size);

    if (!room)
        bench_fail("calloc");
    return room;
}

void row_measure(struct row *row, size_t rounds, size_t iterations) {
    size_t n = iterations / row->share > 0 ? iterations / row->share : 1;
    double *us = room_for(n > rounds ? n : rounds, sizeof(*us));
    struct figure *found = room_for(ROW_SIDES * rounds, sizeof(*found));

    for (size_t round = 0; round <= rounds; round++)
        for (size_t turn = 0; turn < ROW_SIDES; turn++) {
            size_t side =
                round % 2 ? ROW_SIDES - 1 - turn : turn; /* whoever is first is so every other time */
            if (!row->sides[side].run)
                continue;
            row->sides[side].run(row->sides[side].subject, us, n);
            if (round > 0)
                found[side * rounds + round - 1] = figure_of(us, n);
        }
    for (size_t side = 0; side < ROW_SIDES; side++)
        if (row->sides[side].run)
            row->figures[side] = figure_merge(found + side * rounds, found + row->base * rounds, rounds, us);
    free(found);
    free(us);
}

double row_ratio(const struct row *row, size_t side) { return row->figures[side].ratio; }

bool row_missed(const struct row *row) {
    double must = bench_must(row->must);

    return must > 0 && row_ratio(row, ROW_PORTD) > must;
}
