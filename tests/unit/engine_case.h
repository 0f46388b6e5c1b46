/* engine_case.h: what the tests of engine.h share. It is linked into each program beside the engine that the program tests. */
#ifndef ENGINE_CASE_H
#define ENGINE_CASE_H

#include "tests/support/test.h"

#include "daemon/readiness/engine.h"
#include "emulation.h"

#define ENGINE_CASE(name) cmocka_unit_test_setup_teardown(name, engine_before, engine_after)

#define ENGINE_MAIN(...)                                                                                     \
    int main(void) {                                                                                         \
        const struct CMUnitTest cases[] = {__VA_ARGS__};                                                     \
        emulation_begin();                                                                                   \
        return cmocka_run_group_tests(cases, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;                 \
    }

/* For a case that a kqueue with this fault cannot run. */
#define engine_skip_with(fault)                                                                              \
    do {                                                                                                     \
        if (emulation_fault(fault))                                                                          \
            test_skip(emulation_fault(fault));                                                               \
    } while (0)

enum { TOKEN = 0x1234567 };

/* The engine under test: a case begins with engine_begin and ends with engine_free. */
extern struct engine *engine;

int engine_before(void **state);
int engine_after(void **state);

void engine_begin(void);

/* What the engine tells of TOKEN now; 0 if it is silent. */
unsigned told(void);

/* The same, but waits for it: where the kernel tells a little later, as with connections and processes. */
unsigned told_in_time(void);

/* Whether the engine has nothing to wake up for, not even an event that it then drops. */
bool sleeps(void);

/* One-shot, for TOKEN. */
int arm(struct engine_watch *watch, int fd, unsigned interest);

unsigned probed(int fd, unsigned interest);

/* A pair whose first end can become readable by `excite`. */
struct pair {
    int fd;    /* -1: this system has no such kind */
    int other; /* -1: none */
    void (*excite)(struct pair *pair);
    bool writable; /* from the start */
};

/* Also waits for the children. */
void pair_close(struct pair *pair);

void excite_by_writing(struct pair *pair);

struct kind {
    const char *name;
    void (*make)(struct pair *pair);
};

/* The cases that each kind of descriptor must pass. */
void kinds_are_told_once(const struct kind *kinds, size_t n);
void kinds_are_told_when_readable_already(const struct kind *kinds, size_t n);
void kinds_are_told_of_room(const struct kind *kinds, size_t n);
void kinds_keep_their_flags(const struct kind *kinds, size_t n);

#endif
