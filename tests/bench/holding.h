/* holding.h: holds of a real broker that has a keeper. Each bench_run is on a struct holding. */
#ifndef HOLDING_H
#define HOLDING_H

#include "bench.h"

struct holding;

/* program: the portd that is measured. */
struct holding *holding_start(const char *program);
void holding_end(struct holding *holding);

bench_run holding_put; /* portd_put of an eventfd under a name, which is dropped after the clock is read */
bench_run holding_get; /* portd_get of what is held; the copy is closed */

#endif
