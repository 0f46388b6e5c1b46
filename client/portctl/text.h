/* text.h: strings of our own. What they return is freed with free(); without memory they end the program. */
#ifndef TEXT_H
#define TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Says that there is no memory, and ends the program. */
_Noreturn void text_no_memory(void);

/* Zeroed room for n things of that size. */
void *text_room(size_t n, size_t size);

char *text_copy(const char *text);
char *text_print(const char *format, ...);
char *text_vprint(const char *format, va_list arguments);

/* A copy that a terminal can be given: control characters, and what is not UTF-8, are replaced by '?'. */
char *text_clean(const char *text);

/* The same bytes in base64. */
char *text_base64(const void *bytes, size_t size);

/* The other way round; "-" and "_" stand for "+" and "/" too, and "=" at the end may be left out. False: it is none. */
bool text_from_base64(const char *text, uint8_t **bytes, size_t *size);

/* Characters of UTF-8, taken as one column each. */
size_t text_width(const char *text);

/* Shortens text, in place, to `width` characters, the last of them "~" when something was cut. */
void text_cut(char *text, size_t width);

/* A decimal number and nothing else, at most `most`. */
bool text_number(const char *text, uint64_t most, uint64_t *number);

/* "250ms", "5s", "2h", "3" (seconds), "infinity" (INT64_MAX). Microseconds, or false. */
bool text_duration(const char *text, int64_t *duration_us);

/* The same the other way round, with the two largest units: "1h 5min". */
char *text_from_duration(uint64_t duration_us);

/* "2026-11-25T13:41:34.123456", of microseconds since 1970, by the local clock. */
char *text_from_time(uint64_t time_us);

/* Which of the words (the last one is NULL) was probably meant: it begins so, or is a letter or two away.
 * NULL: none. */
const char *text_closest(const char *text, const char *const *words);

#endif
