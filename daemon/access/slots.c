/* slots.c: arithmetic on the table of descriptors. */
#include "slots.h"

#include <assert.h>

void slots_init(struct slots *slots, size_t limit, size_t used) {
    slots->limit = limit;
    slots->used = used;
}

void slots_take(struct slots *slots, size_t n) { slots->used += n; }

void slots_give(struct slots *slots, size_t n) {
    assert(slots->used >= n);
    slots->used -= n;
}

bool slots_may_receive(const struct slots *slots) { return slots->used + SLOTS_RECEIVE <= slots->limit; }

bool slots_roomy(const struct slots *slots) { return slots->used + 2 * SLOTS_RECEIVE <= slots->limit; }

bool slots_may_keep(const struct slots *slots, size_t n_more) {
    return slots->used + n_more + SLOTS_KEEP <= slots->limit;
}

size_t slots_free(const struct slots *slots) {
    size_t busy = slots->used + SLOTS_KEEP;
    return busy < slots->limit ? slots->limit - busy : 0;
}
