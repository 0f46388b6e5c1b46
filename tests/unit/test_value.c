/* test_value.c: what each kind of value takes, refuses and is written as. */
#include "tests/support/test.h"

#include "daemon/base/log.h"
#include "daemon/config/key.h"
#include "daemon/config/value.h"

#define MOST INT64_MAX

static void values_are_read(void **state) {
    static const struct {
        enum value_kind kind;
        const char *text;
        uint64_t number;
    } good[] = {
        {VALUE_NUMBER, "0", 0},
        {VALUE_NUMBER, "4000000", 4000000},
        {VALUE_NUMBER, "0017", 17},
        {VALUE_NUMBER, "9223372036854775807", INT64_MAX},
        {VALUE_SIZE, "0", 0},
        {VALUE_SIZE, "1023", 1023},
        {VALUE_SIZE, "64K", 65536},
        {VALUE_SIZE, "80M", 80u << 20},
        {VALUE_SIZE, "2G", UINT64_C(2) << 30},
        {VALUE_SIZE, "8589934591G", UINT64_C(8589934591) << 30},
        {VALUE_DURATION, "0", 0},
        {VALUE_DURATION, "7", 7000000},
        {VALUE_DURATION, "1us", 1},
        {VALUE_DURATION, "250ms", 250000},
        {VALUE_DURATION, "60s", 60000000},
        {VALUE_DURATION, "5min", 300000000},
        {VALUE_DURATION, "2h", UINT64_C(7200000000)},
        {VALUE_MODE, "0", 0},
        {VALUE_MODE, "660", 0660},
        {VALUE_MODE, "00777", 0777},
        {VALUE_LEVEL, "error", LOG_LEVEL_ERROR},
        {VALUE_LEVEL, "debug", LOG_LEVEL_DEBUG},
        {VALUE_ADDRESS, "unix:/run/x.sock", 0},
    };
    char why[VALUE_WHY];
    uint64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (value_parse(good[i].kind, good[i].text, 0, MOST, &number, why))
            fail_msg("%s: %s", good[i].text, why);
        assert_int_equal(number, good[i].number);
    }
}

static void other_texts_are_refused_with_an_example(void **state) {
    static const struct {
        enum value_kind kind;
        const char *text, *why;
    } bad[] = {
        {VALUE_NUMBER, "", "expected a number from 2 to 90"},
        {VALUE_NUMBER, "x", "expected a number from 2 to 90"},
        {VALUE_NUMBER, "-5", "expected a number from 2 to 90"},
        {VALUE_NUMBER, "+5", "expected a number from 2 to 90"},
        {VALUE_NUMBER, " 5", "expected a number from 2 to 90"},
        {VALUE_NUMBER, "5 ", "expected a number from 2 to 90"},
        {VALUE_NUMBER, "5K", "expected a number from 2 to 90"},
        {VALUE_NUMBER, "0x5", "expected a number from 2 to 90"},
        {VALUE_NUMBER, "1", "expected a number from 2 to 90"},
        {VALUE_NUMBER, "91", "expected a number from 2 to 90"},
        {VALUE_NUMBER, "18446744073709551618", "expected a number from 2 to 90"},
        {VALUE_SIZE, "K", "expected bytes with K, M, G or no unit, such as 64K, from 2 to 90"},
        {VALUE_SIZE, "5k", "expected bytes with K, M, G or no unit, such as 64K, from 2 to 90"},
        {VALUE_SIZE, "5 K", "expected bytes with K, M, G or no unit, such as 64K, from 2 to 90"},
        {VALUE_SIZE, "18014398509481985K",
         "expected bytes with K, M, G or no unit, such as 64K, from 2 to 90"},
        {VALUE_DURATION, "5m", "expected a duration with us, ms, s, min or h, such as 30s, from 2us to 90us"},
        {VALUE_DURATION, "1s", "expected a duration with us, ms, s, min or h, such as 30s, from 2us to 90us"},
        {VALUE_DURATION, "5124095576030432h",
         "expected a duration with us, ms, s, min or h, such as 30s, from 2us to 90us"},
        {VALUE_MODE, "8", "expected an octal file mode up to 0777, such as 0660"},
        {VALUE_MODE, "0o7", "expected an octal file mode up to 0777, such as 0660"},
        {VALUE_MODE, "1777", "expected an octal file mode up to 0777, such as 0660"},
        {VALUE_LEVEL, "loud", "expected error, warning, info or debug"},
        {VALUE_LEVEL, "Debug", "expected error, warning, info or debug"},
        {VALUE_ADDRESS, "unix:x", "the path after unix: must be absolute"},
        {VALUE_ADDRESS, "", "an address starts with unix: or fd:, on Windows with npipe:"},
    };
    char why[VALUE_WHY];
    uint64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!value_parse(bad[i].kind, bad[i].text, 2, 90, &number, why))
            fail_msg("%s is taken", bad[i].text);
        assert_string_equal(why, bad[i].why);
    }
}

static void a_value_is_written_as_it_is_read(void **state) {
    static const struct {
        enum value_kind kind;
        uint64_t number;
        const char *text;
    } shortest[] = {
        {VALUE_NUMBER, 4096, "4096"},
        {VALUE_SIZE, 0, "0"},
        {VALUE_SIZE, 1025, "1025"},
        {VALUE_SIZE, 65536, "64K"},
        {VALUE_SIZE, 1u << 30, "1G"},
        {VALUE_DURATION, 0, "0"},
        {VALUE_DURATION, 1, "1us"},
        {VALUE_DURATION, 90000000, "90s"},
        {VALUE_DURATION, 120000000, "2min"},
        {VALUE_DURATION, 1500, "1500us"},
        {VALUE_MODE, 0, "0000"},
        {VALUE_MODE, 0640, "0640"},
        {VALUE_LEVEL, LOG_LEVEL_WARNING, "warning"},
    };
    char text[VALUE_TEXT], why[VALUE_WHY];
    uint64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof shortest / sizeof *shortest; i++) {
        value_write(shortest[i].kind, shortest[i].number, text);
        assert_string_equal(text, shortest[i].text);
        assert_int_equal(value_parse(shortest[i].kind, text, 0, MOST, &number, why), 0);
        assert_int_equal(number, shortest[i].number);
    }
}

/* Its bounds fit into a text, what is built in is one of its values, and no two have a name. */
static void the_table_is_sound(void **state) {
    const struct key *key;
    char text[VALUE_TEXT], why[VALUE_WHY];
    uint64_t number;

    (void)state;
    for (size_t i = 0; (key = key_at(i)); i++) {
        assert_ptr_equal(key_find(key->section, key->name), key);
        if (key->initial)
            assert_int_equal(value_parse(key->kind, key->initial, key->least, key->most, &number, why), 0);
        assert_true(key->least <= key->most);
        if (value_is_address(key->kind))
            continue;
        value_write(key->kind, key->most, text);
        assert_int_equal(value_parse(key->kind, text, key->least, key->most, &number, why), 0);
        assert_int_equal(number, key->most);
        assert_true(!key->is_flag || key->section == KEY_TOP);
    }
}

static void a_name_that_is_nearly_one_is_told(void **state) {
    static const struct {
        enum key_section section;
        const char *name, *hint;
    } hints[] = {
        {KEY_TOP, "log-levl", "; did you mean \"log-level\"?"},
        {KEY_TOP, "log_level", "; did you mean \"log-level\"?"},
        {KEY_TOP, "loglevel", "; did you mean \"log-level\"?"},
        {KEY_TOP, "Listen", "; did you mean \"listen\"?"},
        {KEY_TOP, "qouta", "; did you mean \"quota\"?"},
        {KEY_TOP, "usr", "; did you mean \"user\"?"},
        {KEY_TOP, "users", "; it stands in the section \"rule\""},
        {KEY_TOP, "sessions", "; it stands in the section \"quota\" or \"user\""},
        {KEY_QUOTA, "session", "; did you mean \"sessions\"?"},
        {KEY_QUOTA, "mode", "; it stands outside of the sections"},
        {KEY_USER, "listen", "; it stands outside of the sections"},
        {KEY_USER, "password", ""},
        {KEY_TOP, "x", ""},
        {KEY_TOP, "", ""},
        {KEY_TOP, "log-level-log-level-log-level-log-level", ""},
    };
    char hint[KEY_HINT];

    (void)state;
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        key_suggest(hints[i].section, hints[i].name, hint);
        assert_string_equal(hint, hints[i].hint);
    }
}

TEST_MAIN(TEST_CASE(values_are_read), TEST_CASE(other_texts_are_refused_with_an_example),
          TEST_CASE(a_value_is_written_as_it_is_read), TEST_CASE(the_table_is_sound),
          TEST_CASE(a_name_that_is_nearly_one_is_told))
