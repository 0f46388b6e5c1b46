/* faults.h: a page of memory shared by the test and the library that it preloads into the broker.
 *
 * While it is armed, every call that may fail is counted, over all threads; the one whose number is `fail` fails, once, without
 * being made, and its name is recorded. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

/* Names the file that is mapped. */
#define FAULTS_ENVIRONMENT "PORTD_TEST_FAULTS"

struct faults {
    atomic_bool armed;
    atomic_uint_fast64_t count; /* since it was armed */
    atomic_uint_fast64_t fail;  /* 0: none */
    atomic_int error;           /* that it failed with */
    char name[32];              /* of the call that has failed */
};

#endif
