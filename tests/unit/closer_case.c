/* closer_case.c: closer_case.h. */
#include "closer_case.h"

enum { LIMIT = 4096 };

struct loop *loop;
struct offload *offload;
struct closer *closer;
size_t done_count;
static size_t stop_at;
const void *done_order[1000];

void on_done(void *context) {
    done_order[done_count++] = context;
    if (done_count == stop_at)
        loop_stop(loop);
}

void begin(void) {
    done_count = stop_at = 0;
    loop = loop_new();
    assert_non_null(loop);
    offload = offload_new(loop);
    assert_non_null(offload);
    closer = closer_new(loop, offload, LIMIT);
    assert_non_null(closer);
}

void end(void) {
    offload_free(offload);
    closer_free(closer);
    loop_free(loop);
}

void run_until(size_t count) {
    stop_at = count;
    if (done_count < count)
        assert_int_equal(loop_run(loop), 0);
    assert_int_equal(done_count, count);
}
