/* help.c: the help, made from the table of verbs.
 *
 * The parser uses the same table, so the help shows what is accepted. With --json the help is the table in JSON, for tools
 * and for the checks of the manual.
 */
#include "help.h"

#include "failure.h"
#include "options.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT_EXAMPLES = 2, LINE_WIDTH = 79 };

/* ---- pieces of text ------------------------------------------------------------------------------------ */

static void print_heading(const struct output *output, FILE *file, const char *heading) {
    fprintf(file, file == stdout && output->colour ? "\n\033[1m%s\033[0m\n" : "\n%s\n", heading);
}

/* Prints text of several lines, each indented. */
static void print_indented(FILE *file, const char *text) {
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        fprintf(file, length > 0 ? "  %.*s\n" : "\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void print_options(FILE *file, const struct option_row *rows) {
    for (; rows->name != NULL; rows++) {
        char letter = options_letter(rows);
        bool optional = rows->argument != NULL && rows->argument[0] == '[';
        char *name = optional ? text_print("--%s[=%.*s]", rows->name, (int)strlen(rows->argument) - 2,
                                           rows->argument + 1)
                              : text_print("--%s%s%s", rows->name, rows->argument != NULL ? " " : "",
                                           rows->argument != NULL ? rows->argument : "");

        if (letter != '\0')
            fprintf(file, "  -%c, %-20s  %s\n", letter, name, rows->summary);
        else
            fprintf(file, "      %-20s  %s\n", name, rows->summary);
        free(name);
    }
}

static void print_usage(FILE *file, const struct command *command) {
    for (size_t i = 0; command->usage[i] != NULL; i++)
        fprintf(file, "%s portctl %s\n", i == 0 ? "usage:" : "      ", command->usage[i]);
}

static void print_examples(const struct output *output, FILE *file, const struct command *command,
                           size_t most) {
    print_heading(output, file, "Examples");
    for (size_t i = 0; i < most && command->examples[i] != NULL; i++)
        fprintf(file, "  %s\n", command->examples[i]);
}

/* ---- of one verb --------------------------------------------------------------------------------------- */

static void print_short(const struct output *output, const struct command *command) {
    print_usage(stdout, command);
    printf("%s\n", command->summary);
    print_examples(output, stdout, command, SHORT_EXAMPLES);
    printf("\nMore: portctl help %s\n", command->name);
}

static void print_columns(const struct column *columns) {
    size_t at = 0;

    for (; columns->key != NULL; columns++) {
        size_t length = strlen(columns->key) + 1;

        if (at == 0 || at + length > LINE_WIDTH) {
            printf(at == 0 ? "  " : "\n  ");
            at = 2;
        }
        printf("%s%s", columns->key, columns[1].key != NULL ? "," : "\n");
        at += length;
    }
}

static void print_full(const struct output *output, const struct command *command) {
    printf("portctl %s%s%s: %s\n\n", command->name, command->alias != NULL ? ", portctl " : "",
           command->alias != NULL ? command->alias : "", command->summary);
    print_usage(stdout, command);
    putchar('\n');
    printf("%s\n", command->details);
    if (command->options != NULL && command->options[0].name != NULL) {
        print_heading(output, stdout, "Options");
        print_options(stdout, command->options);
    }
    if (command->columns != NULL) {
        print_heading(output, stdout, "Columns");
        print_columns(command->columns);
    }
    print_examples(output, stdout, command, SIZE_MAX);
    print_heading(output, stdout, "Options of every verb");
    print_options(stdout, options_global);
    printf("\nSee also: portctl help exit-codes, environment, json, fds; portctl(1)\n");
}

/* ---- of portctl ---------------------------------------------------------------------------------------- */

static void print_verbs(const struct output *output, FILE *file) {
    fprintf(file, "usage: portctl [OPTION]... VERB [WORD]...\n"
                  "Waits for descriptors and controls the broker, portd.\n");
    print_heading(output, file, "Verbs");
    for (size_t i = 0; commands[i] != NULL; i++)
        fprintf(file, "  %-10s  %s\n", commands[i]->name, commands[i]->summary);
}

static void print_portctl(const struct output *output, enum help_wanted wanted) {
    print_verbs(output, stdout);
    if (wanted == HELP_FULL) {
        print_heading(output, stdout, "Options of every verb");
        print_options(stdout, options_global);
        print_heading(output, stdout, "Topics");
        for (size_t i = 0; help_topics[i].name != NULL; i++)
            printf("  %-12s  %s\n", help_topics[i].name, help_topics[i].summary);
    }
    print_heading(output, stdout, "Examples");
    printf("  portctl wait --fd 0 --mode read --timeout 5s\n"
           "  id=$(portctl semaphore fd 0 --mode read) && portctl wait \"$id\"\n"
           "\nMore: portctl help VERB, portctl help TOPIC, portctl(1)\n");
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static void put_texts(struct node *object, const char *key, const char *const *texts) {
    struct node *list = node_list();

    for (; texts != NULL && *texts != NULL; texts++)
        node_append_text(list, *texts);
    node_put(object, key, list);
}

static struct node *describe_options(const struct option_row *rows) {
    struct node *list = node_list(), *object;

    for (; rows != NULL && rows->name != NULL; rows++) {
        object = node_object();
        node_text(object, "name", rows->name);
        if (rows->argument != NULL)
            node_text(object, "argument", rows->argument);
        else
            node_null(object, "argument");
        node_text(object, "summary", rows->summary);
        node_flag(object, "repeats", rows->repeats);
        node_append(list, object);
    }
    return list;
}

static struct node *describe_command(const struct command *command) {
    struct node *object = node_object(), *columns = node_list();

    node_text(object, "name", command->name);
    if (command->alias != NULL)
        node_text(object, "alias", command->alias);
    else
        node_null(object, "alias");
    node_text(object, "summary", command->summary);
    put_texts(object, "usage", command->usage);
    node_text(object, "details", command->details);
    node_put(object, "options", describe_options(command->options));
    for (const struct column *column = command->columns; column != NULL && column->key != NULL; column++)
        node_append_text(columns, column->key);
    node_put(object, "columns", columns);
    put_texts(object, "examples", command->examples);
    return object;
}

static void print_json(const struct invocation *in) {
    struct node *object = node_object(), *verbs = node_list(), *topics = node_list();

    for (size_t i = 0; commands[i] != NULL; i++)
        node_append(verbs, describe_command(commands[i]));
    for (size_t i = 0; help_topics[i].name != NULL; i++)
        node_append_text(topics, help_topics[i].name);
    node_put(object, "verbs", verbs);
    node_put(object, "options", describe_options(options_global));
    node_put(object, "topics", topics);
    output_value(&in->output, "", object);
}

/* ---- what is called ------------------------------------------------------------------------------------ */

static int print_command(const struct invocation *in, const struct command *command,
                         enum help_wanted wanted) {
    if (!output_is_text(&in->output))
        output_value(&in->output, "", describe_command(command));
    else if (wanted == HELP_SHORT)
        print_short(&in->output, command);
    else
        print_full(&in->output, command);
    return PORTCTL_DONE;
}

int help_print(const struct invocation *in) {
    if (in->command != NULL)
        return print_command(in, in->command, in->help);
    if (!output_is_text(&in->output))
        print_json(in);
    else
        print_portctl(&in->output, in->help);
    return PORTCTL_DONE;
}

int help_no_verb(const struct invocation *in) {
    if (output_is_text(&in->output))
        print_verbs(&in->output, stderr);
    return failure_usage(&in->output, NULL, "the verb is missing");
}

static int print_topic(const struct invocation *in, const struct help_topic *topic) {
    struct node *object = node_object();

    if (output_is_text(&in->output)) {
        printf("portctl %s: %s\n\n", topic->name, topic->summary);
        print_indented(stdout, topic->text);
    }
    node_text(object, "topic", topic->name);
    node_text(object, "summary", topic->summary);
    node_text(object, "text", topic->text);
    output_value(&in->output, "", object);
    return PORTCTL_DONE;
}

static int unknown_word(const struct invocation *in, const char *word) {
    const char *names[16], *closest = NULL;
    char *hint = NULL;
    size_t n = 0;
    int rc;

    for (size_t i = 0; help_topics[i].name != NULL; i++)
        names[n++] = help_topics[i].name;
    names[n] = NULL;
    closest = text_closest(word, names);
    if (closest == NULL)
        closest = command_closest(word);
    if (closest != NULL)
        hint = text_print("did you mean 'portctl help %s'?", closest);
    else
        hint = text_copy("'portctl help' lists both");
    rc = failure_usage(&in->output, hint, "unknown verb or topic '%s'", word);
    free(hint);
    return rc;
}

int help_word(const struct invocation *in, const char *word) {
    const struct command *command = command_find(word);

    if (command != NULL)
        return print_command(in, command, HELP_FULL);
    for (size_t i = 0; help_topics[i].name != NULL; i++)
        if (strcmp(help_topics[i].name, word) == 0)
            return print_topic(in, &help_topics[i]);
    return unknown_word(in, word);
}
