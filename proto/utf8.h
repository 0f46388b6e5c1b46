/* utf8.h: where a UTF-8 character ends (Unicode 15, D92: no surrogates, no overlong forms). */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/* The bytes of the character at the start of text, of which there are `left` bytes; 0: none begins there. NUL is one as well. */
size_t utf8_character(const char *text, size_t left);

/* The bytes of the control character at the start of text, which ends with NUL or with a whole character; 0: none is there. Those are ASCII's
 * (NUL and DEL as well), the second set (C1), marks, embeddings and isolates for the direction of text, and two line breaks. */
size_t utf8_control(const char *text);

#endif
