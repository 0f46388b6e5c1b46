/* closer_case.h: what the tests of closer.h share: the real loop and real threads. */
#ifndef CLOSER_CASE_H
#define CLOSER_CASE_H

#include "tests/support/test.h"

#include "daemon/base/discard_queue.h"
#include "daemon/base/ring.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/offload.h"
#include "tests/support/native.h"

extern struct loop *loop;
extern struct offload *offload;
extern struct closer *closer;
extern size_t done_count;
extern const void *done_order[1000];

/* A case begins and ends with these. */
void begin(void);
void end(void);

/* Notes the context in done_order. */
void on_done(void *context);

/* Runs the loop until that many are done. */
void run_until(size_t count);

#endif
