/* order.h: a sparse index of a long linked list, to find a position without walking the list.
 *
 * The caller owns the list. Its members have growing numbers, and new ones are appended. The index keeps one pointer for each stretch of at
 * most ORDER_STRETCH members: a tenth of a byte to half a byte per member of a long list. */
#ifndef ORDER_H
#define ORDER_H

#include <stddef.h>
#include <stdint.h>

enum { ORDER_STRETCH = 128 };

struct order {
    struct order_stretch *stretches;
    size_t n, capacity;
};

/* A zeroed order is empty. Removing the last member frees the memory, so this is needed only after an order_reserve that was not used. */
void order_deinit(struct order *order);

/* Makes room for one more member, so that the next order_add cannot fail. 0 or -ENOMEM. */
int order_reserve(struct order *order);

/* The caller appends the member to the list. */
void order_add(struct order *order, uint64_t number, void *member);

/* The caller removes the member from the list; next: the member after it, or NULL. */
void order_remove(struct order *order, uint64_t number, const void *member, void *next);

/* A member with that number or a lower one, from which at most ORDER_STRETCH steps lead past the number, whether the list contains it or
 * not. NULL: all members have higher numbers, or there are none. */
void *order_seek(const struct order *order, uint64_t number);

#endif
