/* scan.h: refuses what libConfuse would take silently, or not survive, before it sees the text.
 *
 * Its lexer drops characters that it has no rule for, puts variables of the environment into texts, takes a file whose last brace is missing,
 * remembers an unclosed comment or text for the next file, and counts comments as lines. What is left after this is words, texts in quotes on one line,
 * `{ } = ( ) ,` and white space; comments are blanked out, so the numbers of lines are right. */
#ifndef SCAN_H
#define SCAN_H

#include <stddef.h>

enum {
    SCAN_LINE = 4096, /* the longest line: what libConfuse needs for a word is not checked by it (file.c) */
    SCAN_DEPTH = 2,   /* of braces */
    SCAN_WHY = 160
};

/* Blanks out comments, in place. The text ends with a NUL after size bytes. 0; or -1, the line, and why not. */
int scan_text(char *text, size_t size, unsigned *line, char why[SCAN_WHY]);

#endif
