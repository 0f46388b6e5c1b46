/* scan.c: one pass over the text. */
#include "scan.h"

#include "proto/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct scan {
    char *at, *end;
    const char *start; /* of the line */
    unsigned line;
    unsigned opened[SCAN_DEPTH]; /* lines of open braces */
    unsigned depth;
    bool in_word; /* the character before belongs to a word or text */
    bool quoted;  /* the last token is a text in quotes */
    char *why;
};

static int refuse(struct scan *scan, const char *why) {
    (void)snprintf(scan->why, SCAN_WHY, "%s", why);
    return -1;
}

static int refuse_character(struct scan *scan, size_t size) {
    (void)snprintf(scan->why, SCAN_WHY, "\"%.*s\" can only stand in quotes", (int)size, scan->at);
    return -1;
}

/* 0, or the size of the character there, which is none that nobody sees. -1: refused. */
static int character(struct scan *scan) {
    size_t size = utf8_character(scan->at, (size_t)(scan->end - scan->at));
    if (!size)
        return refuse(scan, "this is not UTF-8");
    if (*scan->at != '\t' && utf8_control(scan->at))
        return refuse(scan, "a control character cannot stand in this file");
    return (int)size;
}

static bool begins(const struct scan *scan, const char *with) {
    size_t size = strlen(with);
    return (size_t)(scan->end - scan->at) >= size && memcmp(scan->at, with, size) == 0;
}

/* Ends of lines are "\n" or "\r\n"; a "\r" becomes a blank. */
static bool at_line_end(struct scan *scan) {
    if (begins(scan, "\r\n"))
        *scan->at++ = ' ';
    return scan->at == scan->end || *scan->at == '\n';
}

static int skip_comment(struct scan *scan) {
    while (!at_line_end(scan)) {
        int size = character(scan);
        if (size < 0)
            return -1;
        memset(scan->at, ' ', (size_t)size);
        scan->at += size;
    }
    return 0;
}

/* After the opening quote. In "..." a backslash stands before another one or a quote, in '...' it may stand for itself. */
static int skip_text(struct scan *scan, char quote) {
    while (!at_line_end(scan) && *scan->at != quote) {
        int size = character(scan);
        if (size < 0)
            return -1;
        if (quote == '"' && begins(scan, "${"))
            return refuse(scan, "\"${\" can only stand in single quotes: variables are not looked up");
        if (*scan->at == '\\' && scan->at + 1 < scan->end && (scan->at[1] == quote || scan->at[1] == '\\'))
            size = 2;
        else if (*scan->at == '\\' && quote == '"')
            return refuse(scan,
                          "a backslash in a text stands before \\ or \": write two, or use single quotes");
        scan->at += size;
    }
    if (scan->at == scan->end || *scan->at != quote)
        return refuse(scan, "the quote that begins here does not end on this line");
    scan->at++;
    return 0;
}

static int brace(struct scan *scan) {
    if (*scan->at == '}') {
        if (!scan->depth)
            return refuse(scan, "this } closes nothing");
        scan->depth--;
        return 0;
    }
    if (scan->depth == SCAN_DEPTH)
        return refuse(scan, "sections are nested too deeply");
    scan->opened[scan->depth++] = scan->line;
    return 0;
}

/* Marks of the grammar, which end a word. */
static int mark(struct scan *scan) {
    char mark = *scan->at;
    if (mark == '=' && scan->quoted)
        return refuse(scan, "a key stands without quotes");
    if ((mark == '{' || mark == '}') && brace(scan))
        return -1;
    scan->in_word = scan->quoted = false;
    scan->at++;
    return 0;
}

static int word(struct scan *scan) {
    static const char eaten[] =
        "*+|$`\\;<>&!?^%~[]"; /* by the lexer, or kept for later, or meant for a shell */
    int size = character(scan);
    if (size < 0)
        return -1;
    if (strchr(eaten, *scan->at))
        return refuse_character(scan, (size_t)size);
    if (begins(scan, "//") || begins(scan, "/*"))
        return refuse(scan, "comments begin with #; a value with // or /* stands in quotes");
    if (scan->in_word && scan->quoted)
        return refuse(scan, "a blank stands after a text in quotes");
    scan->in_word = true;
    scan->quoted = false;
    scan->at += size;
    return 0;
}

static int end_line(struct scan *scan) {
    if (scan->at - scan->start > SCAN_LINE)
        return refuse(scan, "this line is longer than 4096 bytes");
    if (scan->at == scan->end)
        return 0;
    scan->in_word = false;
    scan->line++;
    scan->start = ++scan->at;
    return 0;
}

static int step(struct scan *scan) {
    char c = *scan->at;
    if (at_line_end(scan))
        return end_line(scan);
    if (c == ' ' || c == '\t') {
        scan->in_word = false;
        scan->at++;
        return 0;
    }
    if ((c == '#' || c == '"' || c == '\'') && scan->in_word)
        return refuse(scan, c == '#' ? "a blank stands before a comment; a value with # stands in quotes"
                                     : "a quote in the middle of a word: put all of it into quotes");
    if (c == '#')
        return skip_comment(scan);
    if (c == '"' || c == '\'') {
        scan->at++;
        scan->in_word = scan->quoted = true;
        return skip_text(scan, c);
    }
    return c && strchr("{}=(),", c) ? mark(scan) : word(scan);
}

int scan_text(char *text, size_t size, unsigned *line, char why[SCAN_WHY]) {
    static const char mark_of_order[] = "\xef\xbb\xbf"; /* what some editors of Windows begin a file with */
    struct scan scan = {.at = text, .end = text + size, .start = text, .line = 1, .why = why};
    int error = 0;
    if (begins(&scan, mark_of_order))
        memset(text, ' ', sizeof mark_of_order - 1);
    while (!error && scan.at < scan.end)
        error = step(&scan);
    if (!error)
        error = end_line(&scan);
    *line = scan.line;
    if (!error && scan.depth) {
        *line = scan.opened[scan.depth - 1];
        error = refuse(&scan, "the { here is never closed");
    }
    return error;
}
