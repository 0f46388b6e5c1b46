/* counted.h: the broker under callgrind, which counts the instructions that it executes: the same number on a busy machine as on
 * an idle one.
 *
 * Callgrind writes its counts and starts from 0 whenever the broker enters the handler of the call `position`, which no work here
 * uses. So a mark is a request like others: what was sent before it on that connection is counted before it, what is sent after
 * its reply is counted after it. Nothing waits for time to pass, and nothing measures from outside. Of system calls, only the C
 * library's part is counted. */
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
