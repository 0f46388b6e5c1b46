/* test_metrics.c: the table of metrics: each counter is listed once, under names that every reader accepts. */
#include "tests/support/test.h"

#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "proto/status.h"
#include "tests/support/schema.h"

static bool is_name(const char *text) {
    if (*text < 'a' || *text > 'z')
        return false;
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), size = strlen(end);

    return length >= size && strcmp(text + length - size, end) == 0;
}

static void families_have_names_and_help(void **state) {
    (void)state;
    for (int i = 0; i < METRICS_FAMILIES; i++) {
        const struct metrics_words *words = &metrics_words[i];
        assert_true(is_name(words->name));
        assert_true(strlen(words->help) > 10);
        assert_int_equal(words->help[strlen(words->help) - 1], '.');
        if (words->label)
            assert_true(is_name(words->label));
        assert_true((words->unit == METRICS_BYTES) == ends_with(words->name, "_bytes"));
        /* Readers of OpenMetrics put these behind names. */
        assert_false(ends_with(words->name, "_total") || ends_with(words->name, "_info"));
        for (int other = 0; other < i; other++)
            assert_string_not_equal(metrics_words[other].name, words->name);
    }
}

static void rows_of_a_family_differ_by_its_label(void **state) {
    (void)state;
    for (enum metric metric = 0; metric < METRICS; metric++) {
        const char *label = metrics_label(metric);
        if (metrics_is_gap(metric)) {
            assert_null(label);
            continue;
        }
        assert_true((label != NULL) == (metrics_words[metrics_family(metric)].label != NULL));
        for (enum metric other = 0; other < metric; other++) {
            if (metrics_family(other) != metrics_family(metric) || metrics_is_gap(other))
                continue;
            assert_non_null(label);
            assert_string_not_equal(metrics_label(other), label);
        }
    }
}

/* They stand together, so that they can be told together. */
static void rows_of_a_family_are_neighbours(void **state) {
    (void)state;
    for (enum metric metric = 1; metric < METRICS; metric++)
        assert_true(metrics_family(metric) >= metrics_family(metric - 1));
}

static void causes_and_codes_have_the_words_of_the_schema(void **state) {
    (void)state;
    for (int cause = PORTD__V1__CAUSE__CAUSE_NONE; cause <= PORTD__V1__CAUSE__CAUSE_RESYNC; cause++) {
        enum metric metric = (enum metric)((int)METRIC_POSTS_NONE + cause);
        if (!metrics_is_gap(metric))
            assert_string_equal(metrics_label(metric), status_cause((Portd__V1__Cause)cause));
    }
    for (int code = PORTD__V1__CODE__CODE_NONE; code <= PORTD__V1__CODE__CODE_GARBLED; code++) {
        enum metric metric = (enum metric)((int)METRIC_REFUSALS_NONE + code);
        if (!metrics_is_gap(metric))
            schema_expect_word(metrics_label(metric),
                               protobuf_c_enum_descriptor_get_value(&portd__v1__code__descriptor, code),
                               "CODE_", '_');
    }
}

static void adding_adds_and_setting_sets(void **state) {
    uint64_t before = metrics_values[METRIC_TURNS], next = metrics_values[METRIC_TURNS + 1];

    (void)state;
    metrics_add(METRIC_TURNS, 1);
    metrics_add(METRIC_TURNS, 41);
    assert_int_equal(metrics_values[METRIC_TURNS], before + 42);
    assert_int_equal(metrics_values[METRIC_TURNS + 1], next);
    metrics_set(METRIC_TURNS, 7);
    assert_int_equal(metrics_values[METRIC_TURNS], 7);
}

static void drop(enum log_level level, const char *line) {
    (void)level;
    (void)line;
}

static void complaints_are_counted_whether_they_are_written_or_not(void **state) {
    uint64_t errors = metrics_values[METRIC_COMPLAINTS_ERROR];
    uint64_t warnings = metrics_values[METRIC_COMPLAINTS_WARNING];

    (void)state;
    log_open(drop, LOG_LEVEL_ERROR);
    log_write(LOG_LEVEL_ERROR, "an error");
    log_write(LOG_LEVEL_WARNING, "a warning");
    log_write(LOG_LEVEL_INFO, "no complaint");
    log_open(NULL, LOG_LEVEL_INFO);
    log_write(LOG_LEVEL_WARNING, "another");
    assert_int_equal(metrics_values[METRIC_COMPLAINTS_ERROR], errors + 1);
    assert_int_equal(metrics_values[METRIC_COMPLAINTS_WARNING], warnings + 2);
}

TEST_MAIN(TEST_CASE(families_have_names_and_help), TEST_CASE(rows_of_a_family_differ_by_its_label),
          TEST_CASE(rows_of_a_family_are_neighbours),
          TEST_CASE(causes_and_codes_have_the_words_of_the_schema), TEST_CASE(adding_adds_and_setting_sets),
          TEST_CASE(complaints_are_counted_whether_they_are_written_or_not))
