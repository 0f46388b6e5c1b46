/* text.c: string functions.
 *
 * portctl makes a few short strings and ends, so a failed allocation exits with the code for limits. Strings from the
 * broker may have been chosen by another user (the name of a client); text_clean keeps them from controlling the terminal.
 */
#include "text.h"

#include "failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void text_no_memory(void) {
    fputs("portctl: out of memory\n", stderr);
    exit(PORTCTL_LIMIT);
}

void *text_room(size_t n, size_t size) {
    void *room = calloc(n > 0 ? n : 1, size);

    if (room == NULL)
        text_no_memory();
    return room;
}

char *text_copy(const char *text) {
    size_t size = strlen(text) + 1;

    return memcpy(text_room(size, 1), text, size);
}

char *text_vprint(const char *format, va_list arguments) {
    va_list again;
    char *text;
    int n;

    va_copy(again, arguments);
    n = vsnprintf(NULL, 0, format, arguments);
    text = text_room(n < 0 ? 1 : (size_t)n + 1, 1);
    if (n > 0)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

char *text_print(const char *format, ...) {
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = text_vprint(format, arguments);
    va_end(arguments);
    return text;
}

/* ---- UTF-8 --------------------------------------------------------------------------------------------- */

/* The length of the UTF-8 character at p, and *character; 0: there is no valid one. */
static size_t character_length(const unsigned char *p, uint32_t *character) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80             ? 1
                    : (p[0] & 0xe0) == 0xc0 ? 2
                    : (p[0] & 0xf0) == 0xe0 ? 3
                    : (p[0] & 0xf8) == 0xf0 ? 4
                                            : 0;

    if (length < 2) {
        *character = p[0];
        return length;
    }
    *character = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *character = *character << 6 | (p[i] & 0x3fu);
    }
    if (*character < least[length] || *character > 0x10ffff || (*character >= 0xd800 && *character < 0xe000))
        return 0;
    return length;
}

/* Control characters; and marks, embeddings and isolates for the direction of text, and two line breaks. */
static bool is_control(uint32_t character) {
    bool turns = character == 0x61c || character == 0x200e || character == 0x200f ||
                 (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);

    return character < 0x20 || (character >= 0x7f && character < 0xa0) || turns;
}

char *text_clean(const char *text) {
    char *copy = text_room(strlen(text) + 1, 1), *to = copy;

    for (const char *from = text; *from != '\0';) {
        uint32_t character;
        size_t length = character_length((const unsigned char *)from, &character);

        if (length == 0 || is_control(character))
            *to++ = '?';
        else
            to = (char *)memcpy(to, from, length) + length;
        from += length > 0 ? length : 1;
    }
    return copy;
}

/* Whether JSON may have the character as it is, though a terminal would obey it. */
static bool is_escaped(uint32_t character) { return character >= 0x7f && is_control(character); }

char *text_escape_take(char *json) {
    enum { ESCAPE = 6 };
    uint32_t character;
    size_t n = 0, length;
    char *copy, *to;

    for (const char *at = json; *at != '\0'; at += length) {
        length = character_length((const unsigned char *)at, &character);
        if (length == 0)
            return json; /* jansson writes UTF-8 */
        n += is_escaped(character);
    }
    if (n == 0)
        return json;
    copy = to = text_room(strlen(json) + n * ESCAPE + 1, 1);
    for (const char *at = json; *at != '\0'; at += length) {
        length = character_length((const unsigned char *)at, &character);
        if (is_escaped(character))
            to += snprintf(to, ESCAPE + 1, "\\u%04x", (unsigned)character);
        else
            to = (char *)memcpy(to, at, length) + length;
    }
    free(json);
    return copy;
}

char *text_base64(const void *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = bytes;
    char *text = text_room((size + 2) / 3 * 4 + 1, 1), *to = text;

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned group = (unsigned)from[i] << 16 | (left > 1 ? (unsigned)from[i + 1] << 8 : 0) |
                         (left > 2 ? (unsigned)from[i + 2] : 0);

        *to++ = digits[group >> 18];
        *to++ = digits[group >> 12 & 63];
        *to++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[group & 63] : '=';
    }
    return text;
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool text_from_base64(const char *text, uint8_t **bytes, size_t *size) {
    size_t n = strcspn(text, "="), padding = strlen(text + n);
    uint8_t *to = text_room(n / 4 * 3 + 3, 1);
    unsigned group = 0;

    *bytes = to;
    *size = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = base64_digit(text[i]);

        if (digit < 0)
            return false;
        group = (group << 6 | (unsigned)digit) & 0xffffff;
        if (i % 4 > 0)
            to[(*size)++] = (uint8_t)(group >> (6 - i % 4 * 2));
    }
    /* The unused bits of the last digit must be 0. */
    if (n % 4 == 1 || (n % 4 > 1 && (group & (0xffu >> (n % 4 * 2))) != 0))
        return false;
    return padding == 0 || (strspn(text + n, "=") == padding && (n + padding) % 4 == 0 && padding < 3);
}

size_t text_width(const char *text) {
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void text_cut(char *text, size_t width) {
    size_t n = 0;

    if (width == 0 || text_width(text) <= width)
        return;
    for (;; text++) {
        if (((unsigned char)*text & 0xc0) == 0x80)
            continue;
        if (++n < width)
            continue;
        text[0] = '~';
        text[1] = '\0';
        return;
    }
}

/* ---- numbers and durations ----------------------------------------------------------------------------- */

/* Parses leading digits and returns the rest of the text; NULL: none, or more than `most`. */
static const char *read_digits(const char *text, uint64_t most, uint64_t *number) {
    const char *p = text;

    *number = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');

        if (*number > (most - digit) / 10)
            return NULL;
        *number = *number * 10 + digit;
    }
    return p == text ? NULL : p;
}

bool text_number(const char *text, uint64_t most, uint64_t *number) {
    uint64_t value;
    const char *end = read_digits(text, most, &value);

    if (end == NULL || *end != '\0' || value > most)
        return false;
    *number = value;
    return true;
}

bool text_size(const char *text, uint64_t *size) {
    const char *end = read_digits(text, UINT32_MAX, size);
    unsigned shift = 0;

    if (end == NULL || *size > UINT32_MAX)
        return false;
    if (strcmp(end, "KiB") == 0)
        shift = 10;
    else if (strcmp(end, "MiB") == 0)
        shift = 20;
    else if (*end != '\0')
        return false;
    *size <<= shift;
    return true;
}

static const struct unit {
    const char *name;
    int64_t us;
} units[] = {
    {"d", INT64_C(86400000000)}, {"h", INT64_C(3600000000)}, {"min", INT64_C(60000000)},
    {"s", INT64_C(1000000)},     {"ms", INT64_C(1000)},      {"us", INT64_C(1)},
};

enum { N_UNITS = sizeof(units) / sizeof(units[0]) };

bool text_duration(const char *text, int64_t *duration_us) {
    uint64_t number;
    const char *unit;

    if (strcmp(text, "infinity") == 0) {
        *duration_us = INT64_MAX;
        return true;
    }
    unit = read_digits(text, INT64_MAX, &number);
    if (unit == NULL)
        return false;
    if (*unit == '\0')
        unit = "s";
    for (int i = 0; i < N_UNITS; i++)
        if (strcmp(unit, units[i].name) == 0) {
            if (number > (uint64_t)(INT64_MAX / units[i].us))
                return false;
            *duration_us = (int64_t)number * units[i].us;
            return true;
        }
    return false;
}

char *text_from_duration(uint64_t duration_us) {
    for (int i = 0; i < N_UNITS - 1; i++) {
        uint64_t unit = (uint64_t)units[i].us, next = (uint64_t)units[i + 1].us;
        uint64_t whole = duration_us / unit, rest = duration_us % unit / next;

        if (whole == 0)
            continue;
        if (rest == 0)
            return text_print("%llu%s", (unsigned long long)whole, units[i].name);
        return text_print("%llu%s %llu%s", (unsigned long long)whole, units[i].name, (unsigned long long)rest,
                          units[i + 1].name);
    }
    return text_print("%lluus", (unsigned long long)duration_us);
}

char *text_from_time(uint64_t time_us) {
    time_t seconds = (time_t)(time_us / 1000000);
    const struct tm *local = localtime(&seconds);
    char day[32] = "";

    if (local == NULL || strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", local) == 0)
        return text_print("%llu", (unsigned long long)time_us);
    return text_print("%s.%06u", day, (unsigned)(time_us % 1000000));
}

/* ---- words that were probably meant -------------------------------------------------------------------- */

enum { WORD_MAX = 32 };

static size_t least_of(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Edit distance: insertions, deletions, substitutions, swaps of neighbours. Long words are far from all others. */
static size_t distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), table[WORD_MAX + 1][WORD_MAX + 1];

    if (n > WORD_MAX || m > WORD_MAX)
        return WORD_MAX;
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }
            table[i][j] = least_of(table[i - 1][j] + 1, table[i][j - 1] + 1,
                                   table[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                table[i - 2][j - 2] + 1 < table[i][j])
                table[i][j] = table[i - 2][j - 2] + 1;
        }
    return table[n][m];
}

const char *text_closest(const char *text, const char *const *words) {
    const char *closest = NULL;
    size_t length = strlen(text), least = length < 4 ? 2 : 3;

    for (; *words != NULL; words++) {
        bool begins = length > 0 && strncmp(text, *words, length) == 0;
        size_t far = begins ? 0 : distance(text, *words);

        if (far < least) {
            least = far;
            closest = *words;
        }
    }
    return closest;
}
