/* schema.h: the words that portd writes for the enums of portd.proto. */
#ifndef SCHEMA_H
#define SCHEMA_H

#include "tests/support/test.h"

#include "portd.pb-c.h"

/* The word is the value's name in the schema without the prefix, in small letters, with this separator: '-'; in codes '_'. */
static inline void schema_expect_word(const char *word, const ProtobufCEnumValue *value, const char *prefix,
                                      char separator) {
    char expected[64];
    size_t length = strlen(prefix);

    assert_memory_equal(value->name, prefix, length);
    (void)snprintf(expected, sizeof(expected), "%s", value->name + length);
    for (char *at = expected; *at; at++)
        *at = (char)(*at == '_' ? separator : *at + ('a' - 'A'));
    assert_string_equal(word, expected);
}

#endif
