/* test_log.c: which lines are written, their format, and how many. */
#include "tests/support/test.h"

#include "daemon/base/log.h"
#include "daemon/base/log_limit.h"
#include "daemon/base/metrics.h"

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
    assert_string_equal(last, "a\\x0ab\\x1b[31m\\x7f\\xc2\\x9b\xc3\xa9");
}

/* Those that turn the text after them around, so that the end of a field could be shown as its beginning, and line breaks. */
static void characters_that_turn_a_line_are_escaped(void **state) {
    (void)state;
    begin(LOG_LEVEL_INFO);
    log_write(LOG_LEVEL_INFO, "%s", "a\xe2\x80\xaez\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8f\xe2\x80\xa8\xd8\x9c");
    assert_string_equal(
        last, "a\\xe2\\x80\\xaez\\xe2\\x81\\xa6\\xe2\\x81\\xa9\\xe2\\x80\\x8f\\xe2\\x80\\xa8\\xd8\\x9c");
    /* Their neighbours are characters like others: a dash, a bullet, a per mille sign. */
    log_write(LOG_LEVEL_INFO, "%s",
              "\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xd8\x9b\xe2");
    assert_string_equal(last, "\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xd8\x9b\xe2");
}

static void what_a_client_chose_is_one_value(void **state) {
    char quoted[LOG_QUOTED(20)];

    (void)state;
    assert_string_equal(log_quote(quoted, sizeof quoted, "tmux"), "\"tmux\"");
    assert_string_equal(log_quote(quoted, sizeof quoted, ""), "\"\"");
    assert_string_equal(log_quote(quoted, sizeof quoted, "a;uid=0 x=\" y\\"), "\"a;uid=0 x=\\\" y\\\\\"");
    assert_string_equal(
        log_quote(quoted, sizeof quoted, "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""),
        "\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\"");
    assert_string_equal(log_quote(quoted, 6, "abcdef"), "\"abc\"");
    assert_string_equal(log_quote(quoted, 6, "ab\"def"), "\"ab\"");
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

/* ---- how much --------------------------------------------------------------------------------------------------------- */

static void cause_lines(uint32_t uid, size_t n) {
    for (size_t i = 0; i < n; i++)
        log_write_about(LOG_TOPIC_CONNECTION, uid, LOG_LEVEL_INFO, "line %zu", i);
}

static void what_a_uid_causes_is_limited_and_summed_up(void **state) {
    uint64_t before = metrics_values[METRIC_LOG_LEFT_OUT_SUMMED];

    (void)state;
    begin(LOG_LEVEL_INFO);
    assert_true(log_due() == LOG_NEVER);
    cause_lines(2001, LOG_LIMIT_LINES);
    assert_int_equal(lines, LOG_LIMIT_LINES);
    assert_true(log_due() == LOG_NEVER);
    cause_lines(2001, 4312);
    assert_int_equal(lines, LOG_LIMIT_LINES);
    assert_int_equal(metrics_values[METRIC_LOG_LEFT_OUT_SUMMED] - before, 4312);
    cause_lines(2002, 2); /* another one's, and another topic, have their own */
    log_write_about(LOG_TOPIC_STRANGER, 2001, LOG_LEVEL_WARNING, "away");
    assert_int_equal(lines, LOG_LIMIT_LINES + 3);
    log_sum_up(log_due() - 1);
    assert_int_equal(lines, LOG_LIMIT_LINES + 3);
    log_sum_up(log_due());
    assert_int_equal(lines, LOG_LIMIT_LINES + 4);
    assert_string_equal(last, "connection ended: 4312 more in 10 s; uid=2001");
    assert_int_equal(last_level, LOG_LEVEL_INFO);
    assert_true(log_due() == LOG_NEVER);
}

static void the_end_sums_up_what_is_not_due(void **state) {
    (void)state;
    begin(LOG_LEVEL_INFO);
    for (size_t i = 0; i < LOG_LIMIT_LINES + 1; i++)
        log_write_about(LOG_TOPIC_WORKER, LOG_NOBODY, LOG_LEVEL_WARNING, "none");
    log_close();
    assert_string_equal(last, "cannot start a worker thread: 1 more in 10 s");
    assert_int_equal(last_level, LOG_LEVEL_WARNING);
}

static void lines_of_the_operator_are_not_limited(void **state) {
    (void)state;
    begin(LOG_LEVEL_INFO);
    for (size_t i = 0; i < 1000; i++)
        log_write(LOG_LEVEL_INFO, "line");
    assert_int_equal(lines, 1000);
}

static void lines_above_the_level_use_nothing_up(void **state) {
    (void)state;
    begin(LOG_LEVEL_INFO);
    for (size_t i = 0; i < 100; i++)
        log_write_about(LOG_TOPIC_CONNECTION, 1, LOG_LEVEL_DEBUG, "quiet");
    assert_true(log_due() == LOG_NEVER);
    cause_lines(1, 1);
    assert_int_equal(lines, 1);
}

/* However many uids there are, the lines are bounded, and those that share a place are told of together. */
static void many_uids_share_what_is_left(void **state) {
    enum { UIDS = 10000 };
    size_t most = (LOG_LIMIT_PAIRS + 1) * LOG_LIMIT_LINES;

    (void)state;
    begin(LOG_LEVEL_INFO);
    for (uint32_t uid = 0; uid < UIDS; uid++)
        cause_lines(uid, LOG_LIMIT_LINES + 1);
    assert_int_equal(lines, most);
    log_close();
    assert_int_equal(lines, most + LOG_LIMIT_PAIRS + 1);
    char wanted[96];
    (void)snprintf(wanted, sizeof(wanted), "connection ended: %d more in 10 s of further uids",
                   (UIDS - LOG_LIMIT_PAIRS) * (LOG_LIMIT_LINES + 1) - LOG_LIMIT_LINES);
    assert_string_equal(last, wanted);
}

static void a_while_that_is_over_leaves_its_place(void **state) {
    struct log_limit limit;
    struct log_limit_entry sum;
    bool several;

    (void)state;
    log_limit_init(&limit);
    for (int64_t now = 1; now < 10 * (int64_t)LOG_LIMIT_US; now += LOG_LIMIT_US) {
        for (uint32_t uid = 0; uid < LOG_LIMIT_PAIRS; uid++)
            for (unsigned i = 0; i <= LOG_LIMIT_LINES; i++)
                assert_int_equal(
                    log_limit_pass(&limit, LOG_TOPIC_SESSION, uid, LOG_LEVEL_DEBUG, now + (int64_t)uid),
                    i < LOG_LIMIT_LINES);
        for (uint32_t uid = 0; uid < LOG_LIMIT_PAIRS; uid++) {
            int64_t ends = now + LOG_LIMIT_US + (int64_t)uid;
            assert_false(log_limit_sum(&limit, ends - 1, &sum, &several));
            assert_true(log_limit_sum(&limit, ends, &sum, &several));
            assert_false(several);
            assert_int_equal(sum.uid, uid);
            assert_int_equal(sum.left_out, 1);
        }
        now += LOG_LIMIT_PAIRS;
    }
    assert_true(limit.due == LOG_NEVER || !log_limit_sum(&limit, limit.due, &sum, &several));
}

TEST_MAIN(TEST_CASE(lines_above_the_level_do_not_come), TEST_CASE(without_a_sink_nothing_happens),
          TEST_CASE(errno_is_kept), TEST_CASE(control_characters_are_escaped),
          TEST_CASE(characters_that_turn_a_line_are_escaped), TEST_CASE(what_a_client_chose_is_one_value),
          TEST_CASE(a_long_line_is_cut_between_characters), TEST_CASE(many_control_characters_fit),
          TEST_CASE(words_for_levels), TEST_CASE(what_a_uid_causes_is_limited_and_summed_up),
          TEST_CASE(the_end_sums_up_what_is_not_due), TEST_CASE(lines_of_the_operator_are_not_limited),
          TEST_CASE(lines_above_the_level_use_nothing_up), TEST_CASE(many_uids_share_what_is_left),
          TEST_CASE(a_while_that_is_over_leaves_its_place))
