/* bulk.h: many bytes from a pipe to /dev/null: by a plain loop of read and write, by portctl with a copy of the descriptor, by
 * portctl through the broker, by socat. Each bench_run moves BULK_MIB as often as asked; the start of the program is included in
 * the time. The subject is a struct bulk. */
#ifndef BULK_H
#define BULK_H

#include "bench.h"

enum { BULK_MIB = 128 };

struct bulk;
struct broker;

/* portctl: the program. */
struct bulk *bulk_start(struct broker *broker, const char *portctl);
void bulk_end(struct bulk *bulk);

bench_run bulk_floor;
bench_run bulk_handover;
bench_run bulk_through;
bench_run bulk_socat;

#endif
