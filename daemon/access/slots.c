/* slots.c: arithmetic on the table of descriptors. */
#include "slots.h"

#include <assert.h>

void slots_init(struct slots *slots, size_t limit, size_t used) {
    slots->limit = limit;
    slots->used = used;
    slots->wasted = 0;
}

void slots_take(struct slots *slots, size_t n) { slots->used += n; }

void slots_give(struct slots *slots, size_t n) {
    assert(slots->used >= n);
    slots->used -= n;
}

void slots_waste(struct slots *slots, size_t n) { slots->wasted += n; }

void slots_give_wasted(struct slots *slots, size_t n) {
    assert(slots->wasted >= n);
    slots->wasted -= n;
    slots_give(slots, n);
}

bool slots_may_waste(const struct slots *slots, size_t n) {
    return slots->wasted + n <= SLOTS_WASTE || slots->used + n + SLOTS_KEEP <= slots->limit + SLOTS_RECEIVE;
}

bool slots_may_receive(const struct slots *slots) { return slots->used + SLOTS_RECEIVE <= slots->limit; }

bool slots_roomy(const struct slots *slots) { return slots->used + 2 * SLOTS_RECEIVE <= slots->limit; }

/* What counts against what may be kept. */
static size_t kept(const struct slots *slots) {
    return slots->used - (slots->wasted < SLOTS_WASTE ? slots->wasted : SLOTS_WASTE);
}

bool slots_may_keep(const struct slots *slots, size_t n_more) {
    return kept(slots) + n_more + SLOTS_KEEP <= slots->limit;
}

size_t slots_free(const struct slots *slots) {
    size_t busy = kept(slots) + SLOTS_KEEP;
    return busy < slots->limit ? slots->limit - busy : 0;
}
