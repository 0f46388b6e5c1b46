/* output.c: portctl's output, as text or as JSON.
 *
 * A verb builds its output once, from nodes, and has a table of columns for the text form; JSON has all members. So the two
 * forms agree, and a key in JSON is the name of a column. Nodes are jansson values; only this file uses jansson.
 *
 * JSON: keys are snake_case, numbers are integers below 2^53, a missing value is null. A list is one array, or with
 * --json=lines one object per line. A name chosen by another user cannot control the terminal: control characters are
 * replaced in text and escaped in JSON.
 *
 * Standard output is written through stdio and checked once, in output_finish: a full disk or a closed pipe is an error.
 */
#include "output.h"

#include "column.h"
#include "table.h"
#include "text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA = 1 };

/* ---- nodes --------------------------------------------------------------------------------------------- */

static struct node *made(json_t *value) {
    if (value == NULL)
        text_no_memory();
    return (struct node *)(void *)value;
}

static json_t *value_of(struct node *node) { return (json_t *)(void *)node; }

/* Text that is not UTF-8 (a path, for example) has no JSON form: invalid bytes are replaced. */
static json_t *string_of(const char *text) {
    json_t *string = json_string(text);

    if (string == NULL) {
        char *clean = text_clean(text);

        string = json_string(clean);
        free(clean);
    }
    return value_of(made(string));
}

struct node *node_object(void) {
    return made(json_object());
}

struct node *node_list(void) {
    return made(json_array());
}

struct node *node_of_text(const char *text) {
    return made(string_of(text));
}

struct node *node_of_number(int64_t number) {
    return made(json_integer(number));
}

struct node *node_of_flag(bool flag) {
    return made(json_boolean(flag));
}

struct node *node_of_nothing(void) {
    return made(json_null());
}

void node_free(struct node *node) { json_decref(value_of(node)); }

void node_put(struct node *object, const char *key, struct node *value) {
    if (json_object_set_new(value_of(object), key, value_of(value)) != 0)
        text_no_memory();
}

void node_text(struct node *object, const char *key, const char *text) {
    node_put(object, key, node_of_text(text));
}

void node_number(struct node *object, const char *key, uint64_t number) {
    node_put(object, key, node_of_number((int64_t)number));
}

void node_flag(struct node *object, const char *key, bool flag) { node_put(object, key, node_of_flag(flag)); }

void node_null(struct node *object, const char *key) { node_put(object, key, node_of_nothing()); }

void node_append(struct node *list, struct node *value) {
    if (json_array_append_new(value_of(list), value_of(value)) != 0)
        text_no_memory();
}

void node_append_text(struct node *list, const char *text) { node_append(list, node_of_text(text)); }

void node_append_number(struct node *list, uint64_t number) {
    node_append(list, node_of_number((int64_t)number));
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

/* A copy of an object with the chosen columns only. */
static json_t *pick(const struct output *output, const struct column *columns, json_t *object) {
    const struct column *chosen[COLUMNS_MAX];
    struct node *picked;
    size_t n;

    if (output->columns == NULL)
        return json_incref(object);
    picked = node_object();
    n = column_choose(output->columns, columns, true, chosen, NULL);
    for (size_t i = 0; i < n; i++) {
        json_t *value = json_object_get(object, chosen[i]->key);

        if (value != NULL)
            node_put(picked, chosen[i]->key, made(json_incref(value)));
    }
    return value_of(picked);
}

/* Freed by the caller. */
static char *json_of(const json_t *value, size_t flags) {
    char *text = json_dumps(value, flags);

    if (text == NULL)
        text_no_memory();
    return text_escape_take(text);
}

static void write_json(enum output_format format, FILE *file, const json_t *value) {
    char *text = json_of(value, format == OUTPUT_PRETTY ? JSON_INDENT(2) : JSON_COMPACT);

    fputs(text, file);
    fputc('\n', file);
    free(text);
}

static void write_json_list(const struct output *output, const struct column *columns, json_t *list) {
    struct node *picked = node_list();
    json_t *object;
    size_t i;

    json_array_foreach(list, i, object) {
        node_append(picked, made(pick(output, columns, object)));
        if (output->format == OUTPUT_LINES)
            write_json(output->format, stdout, json_array_get(value_of(picked), i));
    }
    if (output->format != OUTPUT_LINES)
        write_json(output->format, stdout, value_of(picked));
    json_decref(value_of(picked));
}

static void write_json_object(const struct output *output, const struct column *columns, json_t *object) {
    struct node *whole = node_object();
    json_t *picked = columns == NULL ? json_incref(object) : pick(output, columns, object);

    node_number(whole, "schema", SCHEMA);
    if (json_object_update(value_of(whole), picked) != 0)
        text_no_memory();
    write_json(output->format, stdout, value_of(whole));
    json_decref(picked);
    json_decref(value_of(whole));
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static char *cell_text(const json_t *value, enum column_form form) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_string_value(value)[0] == '\0' ? text_copy("-") : text_clean(json_string_value(value));
    case JSON_INTEGER:
        if (form == COLUMN_DURATION)
            return text_from_duration((uint64_t)json_integer_value(value));
        if (form == COLUMN_TIME)
            return text_from_time((uint64_t)json_integer_value(value));
        return text_print("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_TRUE:
        return text_copy("yes");
    case JSON_FALSE:
        return text_copy("no");
    default:
        return text_copy("-");
    }
}

static char *cell_of(const json_t *object, const struct column *column) {
    const json_t *value = json_object_get(object, column->key);

    return value == NULL ? text_copy("-") : cell_text(value, column->form);
}

static void write_table(const struct output *output, const struct column *columns, json_t *list) {
    const struct column *chosen[COLUMNS_MAX];
    size_t n = column_choose(output->columns, columns, false, chosen, NULL), i;
    struct table table;
    json_t *object;

    table_init(&table, n);
    for (size_t c = 0; output->legend && c < n; c++)
        table_add_take(&table, column_heading(chosen[c], true));
    json_array_foreach(list, i, object) {
        for (size_t c = 0; c < n; c++)
            table_add_take(&table, cell_of(object, chosen[c]));
    }
    table_write(&table, stdout, output->width, output->colour && output->legend);
    table_deinit(&table);
}

static void write_rows(const struct output *output, const struct column *columns, json_t *list) {
    const struct column *chosen[COLUMNS_MAX];
    size_t n = column_choose(output->columns, columns, false, chosen, NULL), i;
    json_t *object;

    json_array_foreach(list, i, object) {
        for (size_t c = 0; c < n; c++) {
            char *cell = cell_of(object, chosen[c]);

            printf("%s%c", cell, c + 1 < n ? ' ' : '\n');
            free(cell);
        }
    }
}

/* A list inside an object: one line per element, the first one labelled. */
static void add_list_lines(struct table *table, const struct column *column, json_t *list) {
    json_t *element;
    size_t i;

    json_array_foreach(list, i, element) {
        table_add_take(table, column_heading(column, false));
        table_add_take(table, cell_text(element, column->form));
    }
}

static void write_lines(const struct output *output, const struct column *columns, json_t *object) {
    const struct column *chosen[COLUMNS_MAX];
    size_t n = column_choose(output->columns, columns, true, chosen, NULL);
    struct table table;

    table_init(&table, 2);
    for (size_t c = 0; c < n; c++) {
        json_t *value = json_object_get(object, chosen[c]->key);

        if (value == NULL)
            continue;
        if (json_is_array(value)) {
            add_list_lines(&table, chosen[c], value);
            continue;
        }
        table_add_take(&table, column_heading(chosen[c], false));
        table_add_take(&table, cell_text(value, chosen[c]->form));
    }
    table_write(&table, stdout, output->width, false);
    table_deinit(&table);
}

/* ---- what verbs call ----------------------------------------------------------------------------------- */

bool output_is_text(const struct output *output) { return output->format == OUTPUT_TEXT; }

void output_table(const struct output *output, const struct column *columns, struct node *list) {
    if (output_is_text(output))
        write_table(output, columns, value_of(list));
    else
        write_json_list(output, columns, value_of(list));
    json_decref(value_of(list));
}

void output_rows(const struct output *output, const struct column *columns, struct node *list) {
    if (output_is_text(output))
        write_rows(output, columns, value_of(list));
    else
        write_json_list(output, columns, value_of(list));
    json_decref(value_of(list));
}

void output_objects(const struct output *output, const struct column *columns, struct node *list) {
    json_t *object;
    size_t i;

    if (output_is_text(output)) {
        json_array_foreach(value_of(list), i, object) {
            if (i > 0)
                putchar('\n');
            write_lines(output, columns, object);
        }
    } else {
        write_json_list(output, columns, value_of(list));
    }
    json_decref(value_of(list));
}

void output_object(const struct output *output, const struct column *columns, struct node *object) {
    if (output_is_text(output))
        write_lines(output, columns, value_of(object));
    else
        write_json_object(output, columns, value_of(object));
    json_decref(value_of(object));
}

void output_line(const struct output *output, const char *line) {
    if (output_is_text(output))
        puts(line);
}

void output_text(const struct output *output, const char *text) {
    if (output_is_text(output))
        fputs(text, stdout);
}

bool output_event(struct node *object) {
    char *text = json_of(value_of(object), JSON_COMPACT);
    bool done;

    json_decref(value_of(object));
    done = fputs(text, stdout) >= 0 && putchar('\n') != EOF && fflush(stdout) == 0;
    free(text);
    return done;
}

void output_stream_begin(const struct output *output, const struct column *columns, const size_t *least,
                         size_t *widths) {
    const struct column *chosen[COLUMNS_MAX];
    size_t n = column_choose(output->columns, columns, false, chosen, NULL);
    bool legend = output_is_text(output) && output->legend;
    char *headings[COLUMNS_MAX];

    for (size_t c = 0; c < n; c++) {
        widths[c] = least[chosen[c] - columns];
        headings[c] = legend ? column_heading(chosen[c], true) : NULL;
    }
    if (legend)
        table_write_row(widths, headings, n, stdout, output->width);
}

void output_stream(const struct output *output, const struct column *columns, size_t *widths,
                   struct node *object) {
    const struct column *chosen[COLUMNS_MAX];
    size_t n = column_choose(output->columns, columns, false, chosen, NULL);
    char *cells[COLUMNS_MAX];

    if (output_is_text(output)) {
        for (size_t c = 0; c < n; c++)
            cells[c] = cell_of(value_of(object), chosen[c]);
        table_write_row(widths, cells, n, stdout, output->width);
    } else {
        output_event(made(pick(output, columns, value_of(object))));
    }
    json_decref(value_of(object));
}

void output_value(const struct output *output, const char *key, struct node *object) {
    const json_t *value = json_object_get(value_of(object), key);

    if (!output_is_text(output)) {
        write_json_object(output, NULL, value_of(object));
    } else if (value != NULL && !json_is_null(value)) {
        char *cell = cell_text(value, COLUMN_PLAIN);

        puts(cell);
        free(cell);
    }
    json_decref(value_of(object));
}

/* ---- talk ---------------------------------------------------------------------------------------------- */

static void write_talk(const struct output *output, const char *colour, const char *word, const char *text) {
    char *clean = text_clean(text);

    if (output->error_colour)
        fprintf(stderr, "\033[%sm%s:\033[0m %s\n", colour, word, clean);
    else
        fprintf(stderr, "%s: %s\n", word, clean);
    free(clean);
}

void output_error(const struct output *output, const char *code, int exit_code, const char *message,
                  const char *hint) {
    struct node *whole, *error;

    fflush(stdout);
    if (output_is_text(output)) {
        write_talk(output, "1;31", "portctl", message);
        if (hint != NULL && hint[0] != '\0')
            write_talk(output, "1", "hint", hint);
        return;
    }
    whole = node_object();
    error = node_object();
    node_text(error, "code", code);
    node_number(error, "exit", (uint64_t)exit_code);
    node_text(error, "message", message);
    if (hint != NULL && hint[0] != '\0')
        node_text(error, "hint", hint);
    node_put(whole, "error", error);
    write_json(OUTPUT_SHORT, stderr, value_of(whole));
    json_decref(value_of(whole));
}

static void say(const struct output *output, const char *format, va_list arguments) {
    char *text = text_vprint(format, arguments);

    if (output_is_text(output)) {
        write_talk(output, "1", "portctl", text);
    } else {
        struct node *note = node_object();

        node_text(note, "note", text);
        write_json(OUTPUT_SHORT, stderr, value_of(note));
        json_decref(value_of(note));
    }
    free(text);
}

void output_note(const struct output *output, const char *format, ...) {
    va_list arguments;

    if (output->quiet || !output_is_text(output))
        return;
    va_start(arguments, format);
    say(output, format, arguments);
    va_end(arguments);
}

void output_detail(const struct output *output, const char *format, ...) {
    va_list arguments;

    if (!output->verbose)
        return;
    va_start(arguments, format);
    say(output, format, arguments);
    va_end(arguments);
}

bool output_flush(void) { return fflush(stdout) == 0 && !ferror(stdout); }

int output_finish(void) {
    int failed = ferror(stdout);

    errno = 0;
    if (fflush(stdout) == 0 && !failed && fclose(stdout) == 0)
        return 0;
    return errno != 0 ? errno : -1;
}
