/* timers.c: a binary min-heap; the children of place n are at 2n and 2n + 1. */
#include "timers.h"

#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { CAPACITY_STEP = 16 };

void timers_deinit(struct timers *timers) {
    free(timers->heap);
    *timers = (struct timers){0};
}

int timers_learn(struct timers *timers) {
    if (timers->known == timers->capacity) {
        size_t capacity = timers->capacity + timers->capacity / 2 + CAPACITY_STEP;
        struct loop_timer **heap = realloc(timers->heap, capacity * sizeof(struct loop_timer *));
        if (!heap)
            return -ENOMEM;
        timers->heap = heap;
        timers->capacity = capacity;
    }
    timers->known++;
    return 0;
}

void timers_forget(struct timers *timers) {
    assert(timers->known > timers->used);
    timers->known--;
}

static struct loop_timer *at(const struct timers *timers, size_t place) { return timers->heap[place - 1]; }

static void put(struct timers *timers, size_t place, struct loop_timer *timer) {
    timers->heap[place - 1] = timer;
    timer->place = place;
}

static void sift_up(struct timers *timers, size_t place, struct loop_timer *timer) {
    for (; place > 1 && timer->deadline < at(timers, place / 2)->deadline; place /= 2)
        put(timers, place, at(timers, place / 2));
    put(timers, place, timer);
}

static void sift_down(struct timers *timers, size_t place, struct loop_timer *timer) {
    for (size_t child; (child = 2 * place) <= timers->used; place = child) {
        if (child < timers->used && at(timers, child + 1)->deadline < at(timers, child)->deadline)
            child++;
        if (timer->deadline <= at(timers, child)->deadline)
            break;
        put(timers, place, at(timers, child));
    }
    put(timers, place, timer);
}

void timers_add(struct timers *timers, struct loop_timer *timer) {
    assert(!timer->place && timers->used < timers->known);
    sift_up(timers, ++timers->used, timer);
}

void timers_remove(struct timers *timers, struct loop_timer *timer) {
    size_t place = timer->place;
    struct loop_timer *last = at(timers, timers->used);

    assert(place && at(timers, place) == timer);
    timers->used--;
    timer->place = 0;
    if (last == timer)
        return;
    if (place > 1 && last->deadline < at(timers, place / 2)->deadline)
        sift_up(timers, place, last);
    else
        sift_down(timers, place, last);
}

struct loop_timer *timers_first(const struct timers *timers) {
    return timers->used ? timers->heap[0] : NULL;
}
