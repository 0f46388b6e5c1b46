/* output.h: portctl's output. Results go to standard output, as text or as JSON made from the same nodes; notes and errors
 * go to standard error. Functions that allocate exit when out of memory. */
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
    size_t width;        /* characters in a line of a table; 0: no limit */
    const char *columns; /* the user's choice, or NULL */
};

/* A value to print: an object, a list, or a part of one. A node put into another is owned by it. */
struct node;
struct column;

struct node *node_object(void);
struct node *node_list(void);
struct node *node_of_text(const char *text);
struct node *node_of_number(int64_t number);
struct node *node_of_flag(bool flag);
struct node *node_of_nothing(void);
void node_free(struct node *node); /* only for nodes that are not printed */
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
/* The same without heading and alignment, for scripts: values separated by one space. */
void output_rows(const struct output *output, const struct column *columns, struct node *list);
/* A list of objects: one line per key for each, or one array. */
void output_objects(const struct output *output, const struct column *columns, struct node *list);
/* One object: one line per key, or one JSON object with "schema". */
void output_object(const struct output *output, const struct column *columns, struct node *object);
/* One object whose text form is the value of `key` alone; nothing if that is null. */
void output_value(const struct output *output, const char *key, struct node *object);

/* One object of a stream, always as one line, written at once. False: it cannot be written; errno. */
bool output_event(struct node *object);

/* The same as a line of a table, or in JSON with the chosen columns. output_stream_begin prints the heading and sets the widths of the
 * columns: at least the given ones, which are in the order of `columns`. */
void output_stream_begin(const struct output *output, const struct column *columns, const size_t *least,
                         size_t *widths);
void output_stream(const struct output *output, const struct column *columns, size_t *widths,
                   struct node *object);

/* A line of text; with JSON nothing. */
void output_line(const struct output *output, const char *line);

/* The same for lines that end with their newlines. */
void output_text(const struct output *output, const char *text);

bool output_is_text(const struct output *output);

/* To standard error. A note is for people: not with --quiet or --json. A detail: only with --verbose. */
void output_error(const struct output *output, const char *code, int exit_code, const char *message,
                  const char *hint);
void output_note(const struct output *output, const char *format, ...);
void output_detail(const struct output *output, const char *format, ...);

/* Whether everything so far has been written to standard output. */
bool output_flush(void);

/* Flushes and closes standard output. 0: everything has been written; else the errno, or -1 if it is unknown. */
int output_finish(void);

#endif
