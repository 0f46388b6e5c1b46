/* engine_case.h: what the tests of engine.h share. It is linked into each program beside the engine that the program tests. What differs between
 * systems is in engine_system.c, on Windows in engine_system_win.c. */
#ifndef ENGINE_CASE_H
#define ENGINE_CASE_H

#include "tests/support/test.h"

#include "daemon/readiness/engine.h"
#include "emulation.h"

#define ENGINE_CASE(name) cmocka_unit_test_setup_teardown(name, engine_before, engine_after)

#define ENGINE_MAIN(...)                                                                                     \
    int main(void) {                                                                                         \
        struct CMUnitTest cases[] = {__VA_ARGS__};                                                           \
        emulation_begin();                                                                                   \
        return TEST_RUN(cases);                                                                              \
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

/* The same of a descriptor that is kept and was told already: at once where the kernel watches it, a moment later where a wait for it is registered anew. */
unsigned told_again(void);

/* Whether the engine has nothing to wake up for, not even an event that it then drops. */
bool sleeps(void);

/* One-shot, for TOKEN. */
int arm(struct engine_watch *watch, os_fd fd, unsigned interest);

unsigned probed(os_fd fd, unsigned interest);

/* A pair whose first end can become readable by `excite`. */
struct pair {
    os_fd fd;    /* OS_FD_NONE: this system has no such kind */
    os_fd other; /* OS_FD_NONE: none */
    void (*excite)(struct pair *pair);
    bool writable;   /* from the start */
    bool is_one_way; /* it cannot be watched for writing */
};

/* Also waits for the children. */
void pair_close(struct pair *pair);

void excite_by_writing(struct pair *pair);

/* Also of a socket. */
void fd_close(os_fd fd);

/* What its holders share, and no engine may change. */
unsigned fd_flags(os_fd fd);

/* Until it is allowed again this process gets no new descriptors. (On Windows it does.) */
void fds_forbid(bool forbid);

/* Waits until it is readable, without an engine. */
void fd_await(os_fd fd);

struct kind {
    const char *name;
    void (*make)(struct pair *pair);
};

/* The kinds that this program tests; the last has no name. */
extern const struct kind engine_kinds[];

/* The cases that each of them must pass. */
void every_kind_is_told_once_when_it_becomes_readable(void **state);
void every_kind_is_told_when_it_is_readable_already(void **state);
void writing_is_told_where_there_is_room(void **state);
void the_flags_of_the_open_file_are_not_changed(void **state);

#define ENGINE_CASES_OF_KINDS                                                                                \
    ENGINE_CASE(every_kind_is_told_once_when_it_becomes_readable),                                           \
        ENGINE_CASE(every_kind_is_told_when_it_is_readable_already),                                         \
        ENGINE_CASE(writing_is_told_where_there_is_room),                                                    \
        ENGINE_CASE(the_flags_of_the_open_file_are_not_changed)

/* The engine refuses to watch an open file, which is always ready. */
void assert_unsupported(os_fd fd);

#endif
