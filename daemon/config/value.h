/* value.h: the kinds of values, in flags, in the environment and in files alike. */
#ifndef VALUE_H
#define VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_kind {
    VALUE_NUMBER,   /* 4000 */
    VALUE_SIZE,     /* bytes: 64K, 80M */
    VALUE_DURATION, /* us: 250ms, 5min; seconds without a unit */
    VALUE_MODE,     /* octal: 0660 */
    VALUE_LEVEL,    /* enum log_level: a word */
    VALUE_SWITCH,   /* yes or no: 1 or 0 */
    VALUE_ADDRESS,  /* a text; its number is 0 */
    VALUE_DOOR,     /* the same, of a socket file, */
    VALUE_POST,     /* and of one for datagrams */
    VALUE_WORD,     /* a text that rules check (grant.h), */
    VALUE_WORDS     /* and several, in braces, with commas */
};

static inline bool value_is_address(enum value_kind kind) {
    return kind == VALUE_ADDRESS || kind == VALUE_DOOR || kind == VALUE_POST;
}

enum { VALUE_TEXT = 32, VALUE_WHY = 160 };

/* 0 and *number, which is from least to most; or -1 and why not: what is expected, and an example. */
int value_parse(enum value_kind kind, const char *text, uint64_t least, uint64_t most, uint64_t *number,
                char why[VALUE_WHY]);

/* The shortest text that value_parse reads as that number. Not for texts. */
void value_write(enum value_kind kind, uint64_t number, char text[VALUE_TEXT]);

#endif
