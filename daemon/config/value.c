/* value.c: parses and writes values. */
#include "value.h"

#include "daemon/base/log.h"
#include "doorway.h"
#include "proto/address.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t worth;
};

/* The one without a name is for reading only. */
static const struct unit times[] = {{"h", 3600000000}, {"min", 60000000}, {"s", 1000000},
                                    {"ms", 1000},      {"us", 1},         {"", 1000000}},
                         sizes[] = {{"G", 1u << 30}, {"M", 1u << 20}, {"K", 1u << 10}, {"", 1}};

static const struct unit *units_of(enum value_kind kind, size_t *n) {
    bool is_time = kind == VALUE_DURATION;
    *n = is_time ? sizeof times / sizeof *times : sizeof sizes / sizeof *sizes;
    return is_time ? times : sizes;
}

/* Digits, and where they end. False: there are none, or their number is above most. */
static bool parse_digits(const char *text, unsigned base, uint64_t most, uint64_t *number, const char **end) {
    const char *at = text;
    for (*number = 0; *at >= '0' && *at < '0' + (int)base; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (*number > (most - digit) / base || digit > most)
            return false;
        *number = *number * base + digit;
    }
    *end = at;
    return at != text;
}

static bool parse_whole(const char *text, unsigned base, uint64_t most, uint64_t *number) {
    const char *end;
    return parse_digits(text, base, most, number, &end) && !*end;
}

static bool parse_with_unit(enum value_kind kind, const char *text, uint64_t most, uint64_t *number) {
    const char *end;
    size_t n;
    const struct unit *units = units_of(kind, &n);
    if (!parse_digits(text, 10, most, number, &end))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        if (*number > most / units[i].worth)
            return false;
        *number *= units[i].worth;
        return true;
    }
    return false;
}

static bool parse_level(const char *text, uint64_t *number) {
    enum log_level level;
    if (log_level_parse(text, &level))
        return false;
    *number = level;
    return true;
}

static bool parse_switch(const char *text, uint64_t *number) {
    *number = strcmp(text, "yes") == 0;
    return *number || strcmp(text, "no") == 0;
}

static bool parse(enum value_kind kind, const char *text, uint64_t most, uint64_t *number) {
    switch (kind) {
    case VALUE_SIZE:
    case VALUE_DURATION:
        return parse_with_unit(kind, text, most, number);
    case VALUE_MODE:
        return parse_whole(text, 8, most, number);
    case VALUE_LEVEL:
        return parse_level(text, number);
    case VALUE_SWITCH:
        return parse_switch(text, number);
    case VALUE_NUMBER:
    case VALUE_ADDRESS:
    case VALUE_DOOR:
    case VALUE_POST:
    case VALUE_WORD:
    case VALUE_WORDS:
        break;
    }
    return parse_whole(text, 10, most, number);
}

/* What is expected. */
static void explain(enum value_kind kind, uint64_t least, uint64_t most, char why[VALUE_WHY]) {
    static const char *const whats[] = {[VALUE_NUMBER] = "a number",
                                        [VALUE_SIZE] = "bytes with K, M, G or no unit, such as 64K,",
                                        [VALUE_DURATION] =
                                            "a duration with us, ms, s, min or h, such as 30s,"};
    char from[VALUE_TEXT], to[VALUE_TEXT];
    if (kind == VALUE_MODE) {
        (void)snprintf(why, VALUE_WHY, "expected an octal file mode up to 0777, such as 0660");
        return;
    }
    if (kind == VALUE_LEVEL) {
        (void)snprintf(why, VALUE_WHY, "expected error, warning, info or debug");
        return;
    }
    if (kind == VALUE_SWITCH) {
        (void)snprintf(why, VALUE_WHY, "expected yes or no");
        return;
    }
    value_write(kind, least, from);
    value_write(kind, most, to);
    (void)snprintf(why, VALUE_WHY, "expected %s from %s to %s", whats[kind], from, to);
}

int value_parse(enum value_kind kind, const char *text, uint64_t least, uint64_t most, uint64_t *number,
                char why[VALUE_WHY]) {
    struct address address;
    if (value_is_address(kind)) {
        const char *fault = kind == VALUE_DOOR   ? doorway_check(text)
                            : kind == VALUE_POST ? doorway_check_post(text)
                                                 : address_parse(text, &address);
        *number = 0;
        if (fault)
            (void)snprintf(why, VALUE_WHY, "%s", fault);
        return fault ? -1 : 0;
    }
    if (parse(kind, text, most, number) && *number >= least)
        return 0;
    explain(kind, least, most, why);
    return -1;
}

void value_write(enum value_kind kind, uint64_t number, char text[VALUE_TEXT]) {
    size_t n, i = 0;
    const struct unit *units = units_of(kind, &n);
    if (kind == VALUE_LEVEL)
        (void)snprintf(text, VALUE_TEXT, "%s", log_level_word((enum log_level)number));
    else if (kind == VALUE_SWITCH)
        (void)snprintf(text, VALUE_TEXT, "%s", number ? "yes" : "no");
    else if (kind == VALUE_MODE)
        (void)snprintf(text, VALUE_TEXT, "%04" PRIo64, number);
    else if (!number || (kind != VALUE_SIZE && kind != VALUE_DURATION))
        (void)snprintf(text, VALUE_TEXT, "%" PRIu64, number);
    else {
        while (i + 1 < n && number % units[i].worth != 0)
            i++;
        (void)snprintf(text, VALUE_TEXT, "%" PRIu64 "%s", number / units[i].worth, units[i].name);
    }
}
