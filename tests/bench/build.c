/* build.c: the build type, fixed when this is compiled. */
#include "bench.h"

#include <string.h>

static const char profiled[] = "release-pgo";

const char *bench_build(void) { return BENCH_BUILD; }

double bench_must(struct must must) {
    return strcmp(bench_build(), profiled) == 0 ? must.profiled : must.plain;
}
