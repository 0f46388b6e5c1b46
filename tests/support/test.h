/* test.h: a thin layer over cmocka for all tests in C. Include it before anything else.
 *
 * A case is a function `static void name(void **state)`; a file ends with the list of its cases:
 *
 *     TEST_MAIN(TEST_CASE(channel_cuts_frames), TEST_CASE(channel_keeps_half_a_frame))
 *
 * Around each case the open descriptors of the process are compared: a case that leaves one open, or closes
 * one that is not its own, fails with the list of both. A case starts and ends with the same descriptors,
 * also where it asserts that something fails. Assertions are cmocka's (assert_int_equal and so on);
 * test_skip() ends a case that this machine cannot run. A failed assertion leaves the case at once, so its
 * descriptors are then reported, too: read the first message. */
#ifndef TEST_H
#define TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* tests look at the platform from outside and may use all of it */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>

#define TEST_CASE(name) cmocka_unit_test_setup_teardown(name, test_before, test_after)

#define TEST_MAIN(...)                                                                                       \
    int main(void) {                                                                                         \
        const struct CMUnitTest cases[] = {__VA_ARGS__};                                                     \
        return cmocka_run_group_tests(cases, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;                 \
    }

/* Ends the case as skipped, with the reason in the output. */
#define test_skip(reason) (print_message("skipped: %s\n", reason), skip())

enum { TEST_FDS = 4096 }; /* numbers above are not looked at */

static inline unsigned char *test_fds_before(void) {
    static unsigned char before[TEST_FDS];

    return before;
}

/* Marks the open descriptors of this process, except the one used to read the directory. */
static inline void test_fds_look(unsigned char open_fds[TEST_FDS]) {
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;

    memset(open_fds, 0, TEST_FDS);
    if (!folder)
        fail_msg("/proc/self/fd cannot be read: %s", strerror(errno));
    while ((entry = readdir(folder))) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && fd >= 0 && fd < TEST_FDS && fd != dirfd(folder))
            open_fds[fd] = 1;
    }
    closedir(folder);
}

/* The number of open descriptors of this process, for cases that count in the middle. */
static inline size_t test_fds_count(void) {
    unsigned char open_fds[TEST_FDS];
    size_t n = 0;

    test_fds_look(open_fds);
    for (size_t i = 0; i < TEST_FDS; i++)
        n += open_fds[i];
    return n;
}

static inline int test_before(void **state) {
    *state = NULL;
    test_fds_look(test_fds_before());
    return 0;
}

static inline int test_after(void **state) {
    unsigned char after[TEST_FDS];
    int different = 0;

    (void)state;
    test_fds_look(after);
    for (int fd = 0; fd < TEST_FDS; fd++) {
        char link[32], name[256] = "?";
        if (after[fd] == test_fds_before()[fd])
            continue;
        different = -1;
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = after[fd] ? readlink(link, name, sizeof(name) - 1) : 0;
        if (n > 0)
            name[n] = '\0';
        print_error(after[fd] ? "descriptor %d was left open: %s\n" : "descriptor %d was closed\n", fd, name);
    }
    return different;
}

#endif
