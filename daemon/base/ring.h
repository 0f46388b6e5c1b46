/* ring.h: an intrusive doubly linked list. A node can be removed without its head.
 *
 * The head is a node, too. A zeroed node is in no ring. Joining two rings takes constant time. */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring {
    struct ring *next, *prev;
};

static inline void ring_init(struct ring *head) { head->next = head->prev = head; }

static inline bool ring_is_empty(const struct ring *head) { return head->next == head; }

static inline bool ring_has(const struct ring *node) { return node->next != NULL; }

/* Adds a node that is in no ring at the end (ring_add_first: at the front). */
static inline void ring_add(struct ring *head, struct ring *node) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void ring_add_first(struct ring *head, struct ring *node) { ring_add(head->next, node); }

static inline void ring_remove(struct ring *node) {
    node->next->prev = node->prev;
    node->prev->next = node->next;
    node->next = node->prev = NULL;
}

/* The first node, or NULL. */
static inline struct ring *ring_first(struct ring *head) { return ring_is_empty(head) ? NULL : head->next; }

/* Moves all nodes of `from` to the end of `to`. */
static inline void ring_move_all(struct ring *to, struct ring *from) {
    if (ring_is_empty(from))
        return;
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    ring_init(from);
}

#endif
