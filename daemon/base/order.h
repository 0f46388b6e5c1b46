/* order.h: where in a long list something stands, or stood, without walking there.
 *
 * The list is the caller's. Its members have numbers that grow from each to the next, and new ones come to its end. This keeps one member of
 * at most ORDER_STRETCH: a tenth of a byte to half a byte for each of a long list. */
#ifndef ORDER_H
#define ORDER_H

#include <stddef.h>
#include <stdint.h>

enum { ORDER_STRETCH = 128 };

struct order {
    struct order_stretch *stretches;
    size_t n, capacity;
};

/* One of zeros has no members. Nothing is to be freed when the last one was removed, unless room was asked for and not used. */
void order_deinit(struct order *order);

/* Room for one more member, so that order_add cannot fail. 0 or -ENOMEM. */
int order_reserve(struct order *order);

/* At the end of the list. */
void order_add(struct order *order, uint64_t number, void *member);

/* The member leaves the list, in which `next` follows it (NULL: nothing does). */
void order_remove(struct order *order, uint64_t number, const void *member, void *next);

/* A member from which at most ORDER_STRETCH steps lead past that number: itself or one before it in the list, whether the number is
 * there or not. NULL: all members stand behind it, or there are none. */
void *order_seek(const struct order *order, uint64_t number);

#endif
