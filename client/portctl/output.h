/* output.h: what portctl says. Answers go to standard output, as text or as JSON made from the same nodes;
 * talk and errors go to standard error. Functions that allocate end the program without memory. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum output_format { OUTPUT_TEXT, OUTPUT_SHORT, OUTPUT_PRETTY, OUTPUT_LINES };

struct output {
    const char *verb; /* NULL until it is known */
    enum output_format format;
    bool colour;       /* of standard output */
    bool error_colour; /* of standard error */
    bool legend;
    bool quiet;
    bool verbose;
    size_t width;        /* characters in a line of a table, 0 = no end */
    const char *columns; /* the user's choice, or NULL */
};

/* A value that is printed: an object, a list, or a part of one. Put into another one it belongs to that. */
struct node;
struct column;

struct node *node_object(void);
struct node *node_list(void);
struct node *node_of_text(const char *text);
struct node *node_of_number(int64_t number);
struct node *node_of_flag(bool flag);
struct node *node_of_nothing(void);
void node_free(struct node *node); /* of what is not printed */
void node_put(struct node *object, const char *key, struct node *value);
void node_text(struct node *object, const char *key, const char *text);
void node_number(struct node *object, const char *key, uint64_t number);
void node_flag(struct node *object, const char *key, bool flag);
void node_null(struct node *object, const char *key);
void node_append(struct node *list, struct node *value);
void node_append_text(struct node *list, const char *text);
void node_append_number(struct node *list, uint64_t number);

/* Each prints and frees the node. */

/* A list of objects: a table, or one array. */
void output_table(const struct output *output, const struct column *columns, struct node *list);
/* The same without heading and alignment, for scripts: the values of a line with one space between. */
void output_rows(const struct output *output, const struct column *columns, struct node *list);
/* A list of objects: for each a line per key, or one array. */
void output_objects(const struct output *output, const struct column *columns, struct node *list);
/* One object: a line per key, or one JSON object with "schema". */
void output_object(const struct output *output, const struct column *columns, struct node *object);
/* One object that is one value as text: that of `key`, or nothing when it is null. */
void output_value(const struct output *output, const char *key, struct node *object);

/* One object of a stream: always on a line of its own, which is written at once. False: it could not be, errno. */
bool output_event(struct node *object);

/* The same as a line of a table, or in JSON with the columns that were chosen. widths: of the columns so far; zeros at the beginning, and
 * then the heading comes first. */
void output_stream(const struct output *output, const struct column *columns, size_t *widths,
                   struct node *object);

/* A line of text; with JSON nothing. */
void output_line(const struct output *output, const char *line);

/* The same for lines that end with their newlines. */
void output_text(const struct output *output, const char *text);

bool output_is_text(const struct output *output);

/* On standard error. A note is for people: --quiet and --json silence it. A detail is told with --verbose
 * only. */
void output_error(const struct output *output, const char *code, int exit_code, const char *message,
                  const char *hint);
void output_note(const struct output *output, const char *format, ...);
void output_detail(const struct output *output, const char *format, ...);

/* Ends standard output. 0: everything has been written; else the errno, or -1 where the system did not say why. */
int output_finish(void);

#endif
