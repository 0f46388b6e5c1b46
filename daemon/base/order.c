/* order.c: an array of stretches of the list, in its order. No stretch is empty, and two short neighbours are joined, so their number stays
 * proportional to the list's length. */
#include "order.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT = ORDER_STRETCH / 2 };

struct order_stretch {
    uint64_t number; /* at most the first member's, above those of all members before it */
    void *first;
    size_t members;
};

void order_deinit(struct order *order) {
    free(order->stretches);
    *order = (struct order){0};
}

static int resize(struct order *order, size_t capacity) {
    struct order_stretch *stretches = realloc(order->stretches, capacity * sizeof *stretches);
    if (!stretches)
        return -ENOMEM;
    order->stretches = stretches;
    order->capacity = capacity;
    return 0;
}

int order_reserve(struct order *order) {
    if (order->n < order->capacity)
        return 0;
    return resize(order, order->capacity ? 2 * order->capacity : 1);
}

void order_add(struct order *order, uint64_t number, void *member) {
    struct order_stretch *last = order->n ? &order->stretches[order->n - 1] : NULL;
    if (last && last->members < ORDER_STRETCH) {
        last->members++;
        return;
    }
    assert(order->n < order->capacity);
    order->stretches[order->n++] = (struct order_stretch){number, member, 1};
}

/* How many stretches begin at or below that number. */
static size_t count_up_to(const struct order *order, uint64_t number) {
    size_t low = 0, high = order->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (order->stretches[middle].number <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void drop(struct order *order, size_t i) {
    order->n--;
    memmove(&order->stretches[i], &order->stretches[i + 1], (order->n - i) * sizeof *order->stretches);
    if (!order->n)
        order_deinit(order);
    else if (order->n < order->capacity / 4)
        (void)resize(order, order->capacity / 2); /* without memory it keeps its size */
}

/* Joins the stretch and the next one if both are short. */
static void join(struct order *order, size_t i) {
    if (i + 1 >= order->n || order->stretches[i].members + order->stretches[i + 1].members > SHORT)
        return;
    order->stretches[i].members += order->stretches[i + 1].members;
    drop(order, i + 1);
}

void order_remove(struct order *order, uint64_t number, const void *member, void *next) {
    size_t i = count_up_to(order, number);
    assert(i > 0);
    struct order_stretch *stretch = &order->stretches[--i];
    if (stretch->first == member)
        stretch->first = next;
    if (!--stretch->members) {
        drop(order, i);
        if (i > 0)
            join(order, i - 1);
        return;
    }
    join(order, i);
    if (i > 0)
        join(order, i - 1);
}

void *order_seek(const struct order *order, uint64_t number) {
    size_t i = count_up_to(order, number);
    return i ? order->stretches[i - 1].first : NULL;
}
