/* utf8.h: where a UTF-8 character ends (Unicode 15, D92: no surrogates, no overlong forms). */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/* The bytes of the character at the start of text, of which there are `left` bytes; 0: none begins there. NUL is one as well. */
size_t utf8_character(const char *text, size_t left);

#endif
