/* test_status.c: every code of the schema has a text, and text that is not UTF-8 is refused. */
#include "tests/support/test.h"

#include "proto/status.h"
#include "tests/support/schema.h"

static void every_code_has_a_text(void **state) {
    const ProtobufCEnumDescriptor *codes = &portd__v1__code__descriptor;

    (void)state;
    for (unsigned i = 0; i < codes->n_values; i++) {
        const char *text = status_text((Portd__V1__Code)codes->values[i].value);
        assert_true(strlen(text) > 10 && strcmp(text, "unknown code") != 0);
    }
    assert_string_equal(status_text((Portd__V1__Code)9999), "unknown code");
    assert_string_equal(status_text((Portd__V1__Code)-1), "unknown code");
}

static void every_cause_kind_and_event_has_a_name(void **state) {
    const ProtobufCEnumDescriptor *causes = &portd__v1__cause__descriptor;
    const ProtobufCEnumDescriptor *kinds = &portd__v1__kind__descriptor;
    const ProtobufCEnumDescriptor *events = &portd__v1__notice__event__descriptor;

    (void)state;
    for (unsigned i = 0; i < causes->n_values; i++)
        schema_expect_word(status_cause((Portd__V1__Cause)causes->values[i].value), &causes->values[i],
                           "CAUSE_", '-');
    for (unsigned i = 0; i < kinds->n_values; i++)
        schema_expect_word(status_kind((Portd__V1__Kind)kinds->values[i].value), &kinds->values[i], "KIND_",
                           '-');
    for (unsigned i = 0; i < events->n_values; i++)
        schema_expect_word(status_event((Portd__V1__Notice__Event)events->values[i].value),
                           &events->values[i], "EVENT_", '-');
    assert_string_equal(status_event((Portd__V1__Notice__Event)12), "?");
    assert_string_equal(status_event((Portd__V1__Notice__Event)-1), "?");
    assert_string_equal(status_cause((Portd__V1__Cause)12), "?");
    assert_string_equal(status_cause((Portd__V1__Cause)-5), "?");
    assert_string_equal(status_kind((Portd__V1__Kind)6), "?");
    assert_string_equal(status_kind((Portd__V1__Kind)INT32_MIN), "?");
}

static void errno_becomes_the_nearest_code(void **state) {
    static const struct {
        int error;
        Portd__V1__Code code;
    } rows[] = {
        {0, PORTD__V1__CODE__CODE_NONE},
        {-EINVAL, PORTD__V1__CODE__CODE_INVALID},
        {-EBADF, PORTD__V1__CODE__CODE_INVALID},
        {-EACCES, PORTD__V1__CODE__CODE_DENIED},
        {-ENOENT, PORTD__V1__CODE__CODE_NOT_FOUND},
        {-EMFILE, PORTD__V1__CODE__CODE_LIMIT},
        {-ENOMEM, PORTD__V1__CODE__CODE_LIMIT},
        {-ENOSYS, PORTD__V1__CODE__CODE_UNSUPPORTED},
        {-ETIMEDOUT, PORTD__V1__CODE__CODE_TIMEOUT},
        {-ECANCELED, PORTD__V1__CODE__CODE_CANCELLED},
        {-EIO, PORTD__V1__CODE__CODE_SYSTEM},
        {-99999, PORTD__V1__CODE__CODE_SYSTEM},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(status_of_errno(rows[i].error), rows[i].code);
}

static void well_formed_text_is_accepted(void **state) {
    static const char *const texts[] = {
        "",
        "plain",
        "\x01\x7F",
        "\xC2\x80\xDF\xBF",
        "\xE0\xA0\x80\xEC\xBF\xBF\xEE\x80\x80\xEF\xBF\xBF",
        "\xED\x80\x80\xED\x9F\xBF",
        "\xF0\x90\x80\x80\xF3\xBF\xBF\xBF\xF4\x8F\xBF\xBF",
        "\xE2\x82\xAC and \xF0\x9F\x98\x80",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_true(status_utf8(texts[i]));
}

static void ill_formed_text_is_refused(void **state) {
    static const char *const texts[] = {
        "\x80",             /* a follower alone */
        "\xC0\x80",         /* overlong NUL */
        "\xC1\xBF",         /* overlong */
        "\xC2",             /* cut off */
        "\xC2\x41",         /* not followed */
        "\xC2\xC2\x80",     /* likewise */
        "\xE0\x9F\xBF",     /* overlong */
        "\xE2\x82",         /* cut off */
        "\xED\xA0\x80",     /* surrogates */
        "\xED\xBF\xBF",     /* likewise */
        "\xF0\x8F\xBF\xBF", /* overlong */
        "\xF0\x9F\x98",     /* cut off */
        "\xF4\x90\x80\x80", /* beyond U+10FFFF */
        "\xF5\x80\x80\x80", /* likewise */
        "\xFE",
        "\xFF",
        "good until \xE2\x28\xA1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(status_utf8(texts[i]));
}

/* Every code point and its encoding, against the definition. */
static void each_code_point_is_judged_right(void **state) {
    (void)state;
    for (uint32_t point = 1; point < 0x120000; point++) {
        char text[5] = {0};
        if (point < 0x80) {
            text[0] = (char)point;
        } else if (point < 0x800) {
            text[0] = (char)(0xC0 | point >> 6);
            text[1] = (char)(0x80 | (point & 0x3F));
        } else if (point < 0x10000) {
            text[0] = (char)(0xE0 | point >> 12);
            text[1] = (char)(0x80 | (point >> 6 & 0x3F));
            text[2] = (char)(0x80 | (point & 0x3F));
        } else {
            text[0] = (char)(0xF0 | point >> 18);
            text[1] = (char)(0x80 | (point >> 12 & 0x3F));
            text[2] = (char)(0x80 | (point >> 6 & 0x3F));
            text[3] = (char)(0x80 | (point & 0x3F));
        }
        bool good = point < 0x110000 && (point < 0xD800 || point > 0xDFFF);
        if (status_utf8(text) != good)
            fail_msg("U+%04X is judged wrong", (unsigned)point);
    }
}

TEST_MAIN(TEST_CASE(every_code_has_a_text), TEST_CASE(every_cause_kind_and_event_has_a_name),
          TEST_CASE(errno_becomes_the_nearest_code), TEST_CASE(well_formed_text_is_accepted),
          TEST_CASE(ill_formed_text_is_refused), TEST_CASE(each_code_point_is_judged_right))
