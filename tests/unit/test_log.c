/* test_log.c: which lines come, what they look like, and the sink that writes to stderr. */
#include "tests/support/test.h"

#include "daemon/base/log.h"

#include <sys/stat.h>
#include <sys/wait.h>

static char last[8192];
static enum log_level last_level;
static size_t lines;

static void listen_to(enum log_level level, const char *line) {
    lines++;
    last_level = level;
    (void)snprintf(last, sizeof(last), "%s", line);
    errno = EIO;
}

static void begin(enum log_level level) {
    lines = 0;
    last[0] = '\0';
    log_open(listen_to, level);
}

static void lines_above_the_level_do_not_come(void **state) {
    (void)state;
    begin(LOG_LEVEL_WARNING);
    log_write(LOG_LEVEL_INFO, "quiet");
    log_write(LOG_LEVEL_DEBUG, "quiet");
    assert_int_equal(lines, 0);
    log_write(LOG_LEVEL_WARNING, "number=%d name=%s", 5, "x");
    assert_int_equal(lines, 1);
    assert_int_equal(last_level, LOG_LEVEL_WARNING);
    assert_string_equal(last, "number=5 name=x");
    log_write(LOG_LEVEL_ERROR, "loud");
    assert_int_equal(lines, 2);
}

static void without_a_sink_nothing_happens(void **state) {
    (void)state;
    begin(LOG_LEVEL_DEBUG);
    log_open(NULL, LOG_LEVEL_DEBUG);
    log_write(LOG_LEVEL_ERROR, "nobody");
    assert_int_equal(lines, 0);
}

static void errno_is_kept(void **state) {
    (void)state;
    begin(LOG_LEVEL_INFO);
    errno = EXDEV;
    log_write(LOG_LEVEL_INFO, "line");
    assert_int_equal(errno, EXDEV);
}

static void control_characters_are_escaped(void **state) {
    (void)state;
    begin(LOG_LEVEL_INFO);
    log_write(LOG_LEVEL_INFO, "%s", "a\nb\033[31m\x7f\xc2\x9b\xc3\xa9");
    assert_string_equal(last, "a\\x0ab\\x1b[31m\\x7f\\xc2\x9b\xc3\xa9");
}

static void a_long_line_is_cut_between_characters(void **state) {
    char text[4096];

    (void)state;
    begin(LOG_LEVEL_INFO);
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        log_write(LOG_LEVEL_INFO, "%s", text);
        size_t length = strlen(last);
        assert_true(length > 900 && length < 1024);
        assert_string_equal(last + length - 6, " [cut]");
        assert_memory_equal(last + length - 9, "\xe2\x82\xac", 3);
    }
}

static void many_control_characters_fit(void **state) {
    char text[4096];

    (void)state;
    begin(LOG_LEVEL_INFO);
    memset(text, 1, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    log_write(LOG_LEVEL_INFO, "%s", text);
    assert_true(strlen(last) > 3000);
    assert_string_equal(last + strlen(last) - 6, " [cut]");
}

static void words_for_levels(void **state) {
    static const char *const words[] = {"error", "warning", "info", "debug"};
    enum log_level level;

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(log_level_parse(words[i], &level), 0);
        assert_int_equal(level, i);
    }
    assert_int_equal(log_level_parse("warn", &level), -1);
    assert_int_equal(log_level_parse("", &level), -1);
    assert_int_equal(log_level_parse("ERROR", &level), -1);
}

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

TEST_MAIN(TEST_CASE(lines_above_the_level_do_not_come), TEST_CASE(without_a_sink_nothing_happens),
          TEST_CASE(errno_is_kept), TEST_CASE(control_characters_are_escaped),
          TEST_CASE(a_long_line_is_cut_between_characters), TEST_CASE(many_control_characters_fit),
          TEST_CASE(words_for_levels), TEST_CASE(stderr_has_levels_for_people_and_priorities_for_the_journal))
