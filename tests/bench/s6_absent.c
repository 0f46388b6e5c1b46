/* s6_absent.c: where libs6 is not installed. */
#include "peer.h"

struct s6 *s6_start(void) {
    return NULL;
}

void s6_end(struct s6 *s6) { (void)s6; }

void s6_store(void *subject, double *us, size_t n) {
    (void)subject;
    (void)us;
    (void)n;
}

void s6_retrieve(void *subject, double *us, size_t n) {
    (void)subject;
    (void)us;
    (void)n;
}
