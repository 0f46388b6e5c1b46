/* text.h: string functions. Returned strings are freed with free(); out of memory they exit. */
#ifndef TEXT_H
#define TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints that there is no memory, and exits. */
_Noreturn void text_no_memory(void);

/* calloc. */
void *text_room(size_t n, size_t size);

char *text_copy(const char *text);
char *text_print(const char *format, ...);
char *text_vprint(const char *format, va_list arguments);

/* A copy that is safe to print: control characters and invalid UTF-8 are replaced by '?'. */
char *text_clean(const char *text);

/* Takes JSON and returns it with the control characters escaped (\uXXXX) that JSON does not demand to escape. */
char *text_escape_take(char *json);

/* The same bytes in base64. */
char *text_base64(const void *bytes, size_t size);

/* The reverse; "-" and "_" are accepted for "+" and "/", and "=" at the end is optional. False: not base64. */
bool text_from_base64(const char *text, uint8_t **bytes, size_t *size);

/* The number of UTF-8 characters, counted as one column each. */
size_t text_width(const char *text);

/* Truncates text in place to `width` characters; if it was longer, the last one is "~". */
void text_cut(char *text, size_t width);

/* Parses a decimal number of at most `most`. False: the text is anything else. */
bool text_number(const char *text, uint64_t most, uint64_t *number);

/* "4096", "64KiB", "1MiB". False: the text is anything else. */
bool text_size(const char *text, uint64_t *size);

/* "250ms", "5s", "2h", "3" (seconds), "infinity" (INT64_MAX). Microseconds, or false. */
bool text_duration(const char *text, int64_t *duration_us);

/* The reverse, with the two largest units: "1h 5min". */
char *text_from_duration(uint64_t duration_us);

/* "2026-11-25T13:41:34.123456", of microseconds since 1970, by the local clock. */
char *text_from_time(uint64_t time_us);

/* The word (the last one is NULL) that begins with the text, or is within two edits of it; NULL: none. */
const char *text_closest(const char *text, const char *const *words);

#endif
