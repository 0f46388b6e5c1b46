/* text.h: copies of texts. */
#ifndef TEXT_H
#define TEXT_H

/* The caller frees it. NULL without memory. */
char *text_copy(const char *text);

#endif
