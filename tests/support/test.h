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
 * descriptors are then reported, too: read the first message.
 *
 * PORTD_LEFT_OUT names a file with the cases that are skipped, which scripts/platforms makes of tests/platforms.tsv, and CMake for Windows. Each line has
 * a program, a case or `*` for all of its cases, and the reason, with a tab between them. */
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
#include <fcntl.h>

#include "tests/support/open_fds.h"

#define TEST_CASE(name) cmocka_unit_test_setup_teardown(name, test_before, test_after)

/* What main returns. cases: an array. portd_test defines TEST_NAME. */
#define TEST_RUN(cases)                                                                                      \
    (test_leave_out(cases, sizeof(cases) / sizeof(*(cases)), TEST_NAME),                                     \
     cmocka_run_group_tests(cases, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE)

#define TEST_MAIN(...)                                                                                       \
    int main(void) {                                                                                         \
        struct CMUnitTest cases[] = {__VA_ARGS__};                                                           \
        return TEST_RUN(cases);                                                                              \
    }

/* Ends the case as skipped, with the reason in the output. */
#define test_skip(reason) (print_message("skipped: %s\n", reason), skip())

static inline void test_left_out(void **state) { test_skip((const char *)*state); }

/* Ends the program if the file cannot be read or has a case that the program does not have. */
static inline void test_leave_out(struct CMUnitTest *cases, size_t n, const char *program) {
    static char line[512];
    const char *path = getenv("PORTD_LEFT_OUT");
    FILE *file = path ? fopen(path, "r") : NULL;

    if (path && !file) {
        print_error("%s: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
    }
    while (file && fgets(line, sizeof(line), file)) {
        const char *of = strtok(line, "\t"), *name = strtok(NULL, "\t"), *reason = strtok(NULL, "\r\n");
        bool found = false;
        if (!reason || strcmp(of, program) != 0)
            continue;
        for (size_t i = 0; i < n; i++) {
            if (strcmp(name, "*") != 0 && strcmp(name, cases[i].name) != 0)
                continue;
            found = true;
            cases[i] = (struct CMUnitTest){cases[i].name, test_left_out, NULL, NULL, strdup(reason)};
        }
        if (!found) {
            print_error("%s: %s has no case %s\n", path, program, name);
            exit(EXIT_FAILURE);
        }
    }
    if (file)
        (void)fclose(file);
}

static inline unsigned char *test_fds_before(void) {
    static unsigned char before[TEST_FDS];

    return before;
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
        char name[256];
        if (after[fd] == test_fds_before()[fd])
            continue;
        different = -1;
        if (after[fd])
            print_error("descriptor %d was left open: %s\n", fd, test_fds_name(fd, name, sizeof(name)));
        else
            print_error("descriptor %d was closed\n", fd);
    }
    return different;
}

#endif
