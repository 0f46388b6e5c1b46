/* test_log_stderr.c: what log_stderr writes in a process of its own, and that it waits for no reader. */
#include "tests/support/test.h"

#include "daemon/base/log.h"
#include "daemon/base/metrics.h"

#include <sys/stat.h>
#include <sys/wait.h>

/* What log_stderr writes in a process whose stderr is a pipe; with `journal` the environment says that this
 * is the journal. */
static void written(bool journal, char *text, size_t size) {
    int ends[2];
    size_t length = 0;
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct stat status;
        char stream[64];
        if (dup2(ends[1], STDERR_FILENO) < 0 || fstat(STDERR_FILENO, &status))
            _exit(1);
        (void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev,
                       (uintmax_t)status.st_ino + (journal ? 0 : 1));
        setenv("JOURNAL_STREAM", stream, 1);
        log_open(log_stderr, LOG_LEVEL_DEBUG);
        log_write(LOG_LEVEL_ERROR, "one");
        log_write(LOG_LEVEL_WARNING, "two");
        log_write(LOG_LEVEL_INFO, "three");
        log_write(LOG_LEVEL_DEBUG, "four");
        log_close();
        _exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)n;
    text[length] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void stderr_has_levels_for_people_and_priorities_for_the_journal(void **state) {
    char text[512];

    (void)state;
    written(false, text, sizeof(text));
    assert_string_equal(text, "portd: error: one\nportd: warning: two\nportd: three\nportd: debug: four\n");
    written(true, text, sizeof(text));
    assert_string_equal(text, "<3>one\n<4>two\n<6>three\n<7>four\n");
}

/* ---- a reader that has stopped ---------------------------------------------------------------------------------------- */

enum { FLOOD = 20000 };

/* Floods a pipe that nobody reads until it has said so, then ends as the broker does. */
static void flood(int out, int done) {
    if (dup2(out, STDERR_FILENO) < 0)
        _exit(1);
    log_open(log_stderr, LOG_LEVEL_INFO);
    for (int i = 0; i < FLOOD; i++)
        log_write(LOG_LEVEL_INFO, "line %d", i);
    if (write(done, "", 1) != 1)
        _exit(2);
    log_close();
    _exit(metrics_values[METRIC_LOG_LEFT_OUT_UNREAD] > 0 ? 0 : 3);
}

/* Lines that came in order, and those that a line in their place tells of. */
static size_t lines_accounted_for(FILE *file) {
    char line[256];
    size_t next = 0, n;

    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "portd: line %zu", &n) == 1) {
            assert_int_equal(n, next);
            next++;
        } else {
            assert_int_equal(sscanf(line, "portd: warning: %zu lines were dropped", &n), 1);
            next += n;
        }
    }
    return next;
}

static void a_reader_that_has_stopped_is_not_waited_for(void **state) {
    int ends[2], done[2], status;
    char byte;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        flood(ends[1], done[1]);
    close(done[1]);
    close(ends[1]);
    assert_int_equal(read(done[0], &byte, 1), 1); /* nothing was read until now */
    close(done[0]);
    FILE *file = fdopen(ends[0], "r");
    assert_non_null(file);
    assert_int_equal(lines_accounted_for(file), FLOOD);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* The child cannot end before it has given up on the reader, who never reads. */
static void the_end_waits_no_longer_than_it_says(void **state) {
    int ends[2], done[2], status;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        flood(ends[1], done[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(done[i]);
    }
}

/* Somebody else who shares stderr has made it non-blocking: lines are neither lost nor cut. */
static void a_stderr_that_does_not_block_loses_nothing(void **state) {
    int ends[2], status;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (dup2(ends[1], STDERR_FILENO) < 0)
            _exit(1);
        log_open(log_stderr, LOG_LEVEL_INFO);
        for (int i = 0; i < 1000; i++)
            log_write(LOG_LEVEL_INFO, "line %d", i);
        log_close();
        _exit(0);
    }
    close(ends[1]);
    FILE *file = fdopen(ends[0], "r");
    assert_non_null(file);
    assert_int_equal(lines_accounted_for(file), 1000);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Nobody can ever read it: the process is neither ended by a signal nor held up. */
static void a_stderr_without_a_reader_harms_nobody(void **state) {
    int ends[2], status;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        if (dup2(ends[1], STDERR_FILENO) < 0)
            _exit(1);
        log_open(log_stderr, LOG_LEVEL_INFO);
        for (int i = 0; i < FLOOD; i++)
            log_write(LOG_LEVEL_INFO, "line %d", i);
        log_close();
        log_write(LOG_LEVEL_INFO, "after the end");
        log_close();
        _exit(0);
    }
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

TEST_MAIN(TEST_CASE(stderr_has_levels_for_people_and_priorities_for_the_journal),
          TEST_CASE(a_reader_that_has_stopped_is_not_waited_for),
          TEST_CASE(the_end_waits_no_longer_than_it_says),
          TEST_CASE(a_stderr_that_does_not_block_loses_nothing),
          TEST_CASE(a_stderr_without_a_reader_harms_nobody))
