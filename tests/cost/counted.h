/* counted.h: the broker under callgrind, which counts the instructions that it executes: the same on a busy machine as on an idle one.
 *
 * Callgrind writes down and begins anew whenever the broker enters the handler of the call `position`, which no work here asks for. So a
 * mark is a request like others: what was sent before it on that connection is counted before it, what is sent when it is answered behind.
 * Nothing waits for time to pass, and nobody looks from outside. System calls are counted with what the C library does for them alone. */
#ifndef COUNTED_H
#define COUNTED_H

#include "tests/system/batch.h"

#define COUNTED_CASE(name) cmocka_unit_test_setup_teardown(name, fixture_before_bare, counted_after)

int counted_after(void **state);

/* Starts the broker, once in a case. Returns its fixture. */
const struct fixture *counted_start(void);

/* The same; its process may have so many descriptors. */
const struct fixture *counted_start_limited(unsigned descriptors);

/* Instructions since the last mark, or the start, without what a mark itself costs. The guest is one that has no mark under way. */
uint64_t counted_mark(struct raw *raw);

/* So much of what the work makes the broker do. */
uint64_t counted_work(struct raw *raw, void (*work)(void *data), void *data);

#endif
