/* utf8.c: finds UTF-8 characters, and control characters among them. */
#include "utf8.h"

#include <stdbool.h>

/* How many bytes follow the first byte of a character, or -1 if no character begins with it. low and high bound the second byte: these bounds
 * exclude overlong forms (E0, F0), surrogates (ED) and code points above U+10FFFF (F4). */
static int count_followers(unsigned char first, unsigned char *low, unsigned char *high) {
    *low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    *high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (first < 0x80)
        return 0;
    if (first < 0xC2)
        return -1;
    return first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : -1;
}

size_t utf8_character(const char *text, size_t left) {
    const unsigned char *at = (const unsigned char *)text;
    unsigned char low, high;
    int follow;

    if (!left)
        return 0;
    follow = count_followers(at[0], &low, &high);
    if (follow < 0 || (size_t)follow >= left)
        return 0;
    for (int i = 1; i <= follow; i++, low = 0x80, high = 0xBF)
        if (at[i] < low || at[i] > high)
            return 0;
    return 1 + (size_t)follow;
}

/* U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069. */
static bool turns_line(const unsigned char *at) {
    if (at[0] != 0xe2)
        return false;
    if (at[1] == 0x80)
        return (at[2] >= 0x8e && at[2] <= 0x8f) || (at[2] >= 0xa8 && at[2] <= 0xae);
    return at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
}

/* C2 80 to C2 9F are C1 in UTF-8, D8 9C is a mark for the direction of text. */
size_t utf8_control(const char *text) {
    const unsigned char *at = (const unsigned char *)text;

    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    if ((at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) || (at[0] == 0xd8 && at[1] == 0x9c))
        return 2;
    return turns_line(at) ? 3 : 0;
}
