/* candidate.c: completion candidates for a command line of portctl.
 *
 * The words are parsed with the parser's own table; a line with an error has no candidates. Ids come from the broker that
 * the line selects. It is not started for this, and has half a second to reply.
 *
 * Bash splits words at "=" and ":" and completes the part after the last of them. Such pieces are joined again, and the
 * part that bash has as separate words is cut from the candidates.
 */
#include "candidate.h"

#include "broker.h"
#include "help.h"
#include "hold.h"
#include "listing.h"
#include "options.h"
#include "owner.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLY_US = 500000 };

struct line {
    const struct output *output;
    struct invocation meant;         /* the options of the line that select broker and session */
    const struct option_row *option; /* the option whose value comes next, or NULL */
    size_t n_words;                  /* arguments of the verb so far */
    size_t n_behind;                 /* words from "--" on */
    const char *last;
    size_t skip; /* bytes of `last` that do not belong to the word for the shell */
    struct node *list;
};

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* ---- candidates ------------------------------------------------------------------------------------------ */

/* A part of `last`: the bytes before it, and the part to be completed. */
struct part {
    int before;
    const char *word;
};

static void add(struct line *line, struct part part, const char *word, const char *description) {
    struct node *object;
    char *whole;

    if (!begins(word, part.word))
        return;
    whole = text_print("%.*s%s", part.before, line->last, word);
    if (output_is_text(line->output)) {
        printf("%s%s%s\n", whole + line->skip, description != NULL ? "\t" : "",
               description != NULL ? description : "");
    } else {
        object = node_object();
        node_text(object, "value", whole + line->skip);
        if (description != NULL)
            node_text(object, "description", description);
        else
            node_null(object, "description");
        node_append(line->list, object);
    }
    free(whole);
}

/* Adds a ":file" or ":command", which the shell completes. */
static void add_sign(struct line *line, const char *sign) { add(line, (struct part){0, ""}, sign, NULL); }

static void add_verbs(struct line *line, struct part part) {
    for (size_t i = 0; commands[i] != NULL; i++)
        add(line, part, commands[i]->name, commands[i]->summary);
}

static void add_topics(struct line *line, struct part part) {
    for (size_t i = 0; help_topics[i].name != NULL; i++)
        add(line, part, help_topics[i].name, help_topics[i].summary);
}

static void add_options(struct line *line, const struct option_row *rows) {
    for (; rows != NULL && rows->name != NULL; rows++) {
        char *name = text_print("--%s", rows->name);

        add(line, (struct part){0, line->last}, name, rows->summary);
        free(name);
    }
}

static void add_columns(struct line *line, struct part part) {
    const struct command *command = line->meant.command;
    const struct column *column = command != NULL ? command->columns : NULL;

    for (; column != NULL && column->key != NULL; column++)
        add(line, part, column->key, NULL);
}

static void add_own(struct line *line, struct part part) {
    const struct command *command = line->meant.command;
    const char *word;

    for (size_t i = 0; command->own_word != NULL && (word = command->own_word(i)) != NULL; i++)
        add(line, part, word, NULL);
}

/* ---- objects --------------------------------------------------------------------------------------------- */

/* Which objects a "@" word stands for. */
static const struct wanted {
    const char *name;
    int kind;     /* to request from the broker */
    bool watched; /* semaphores and events */
    bool ports;
    int direction; /* of ports; PORTD_DIRECTION_NONE: both */
} wanted_objects[] = {
    {"port", PORTD_KIND_PORT, false, true, PORTD_DIRECTION_NONE},
    {"input", PORTD_KIND_PORT, false, true, PORTD_DIRECTION_READ},
    {"output", PORTD_KIND_PORT, false, true, PORTD_DIRECTION_WRITE},
    {"watched", PORTD_KIND_ANY, true, false, PORTD_DIRECTION_NONE},
    {"waitable", PORTD_KIND_ANY, true, true, PORTD_DIRECTION_NONE},
    {"session", PORTD_KIND_SESSION, false, false, PORTD_DIRECTION_NONE},
    {"any", PORTD_KIND_ANY, true, true, PORTD_DIRECTION_NONE},
};

static bool is_wanted(const struct wanted *wanted, const portd_item *item) {
    if (item->kind == PORTD_KIND_SEMAPHORE || item->kind == PORTD_KIND_EVT)
        return wanted->watched;
    if (item->kind != PORTD_KIND_PORT)
        return wanted->kind == item->kind || strcmp(wanted->name, "any") == 0;
    return wanted->ports &&
           (wanted->direction == PORTD_DIRECTION_NONE || wanted->direction == item->direction);
}

static char *describe(const portd_item *item) {
    const char *kind = portd_kind_name(item->kind),
               *direction = item->direction == PORTD_DIRECTION_WRITE ? "write" : "read";

    if (item->kind == PORTD_KIND_SESSION)
        return text_print("session, process %lu", (unsigned long)item->owner_pid);
    if (item->kind == PORTD_KIND_DESCRIPTOR)
        return text_print("%s %lld, %s", kind, (long long)item->number, item->type);
    if (item->kind == PORTD_KIND_PORT)
        return text_print("%s, %s%s%s", kind, direction, item->name[0] != '\0' ? ", " : "", item->name);
    return text_print("%s of %lld, %s%s", kind, (long long)item->number, direction,
                      item->registered ? "" : ", ended");
}

static void add_object(struct line *line, struct part part, const portd_item *item) {
    char *id = text_print("%llu", (unsigned long long)item->id), *description = describe(item),
         *clean = text_clean(description);

    add(line, part, id, clean);
    free(id);
    free(description);
    free(clean);
}

static void add_objects(struct line *line, struct part part, const struct wanted *wanted) {
    struct broker_wish wish = {.session = BROKER_LOOK, .deadline = portd_now() + REPLY_US};
    struct listing listing;
    struct broker broker;
    char message[256];

    if (broker_try(&line->meant, &wish, &broker, message, sizeof(message)) < 0)
        return;
    if (listing_fetch(broker.client, false, wanted->kind, wish.deadline, &listing) > 0)
        for (size_t i = 0; i < listing.n; i++)
            if (is_wanted(wanted, listing.items[i]))
                add_object(line, part, listing.items[i]);
    listing_deinit(&listing);
    broker_disconnect(&broker);
}

/* ---- what is held ---------------------------------------------------------------------------------------- */

/* A name with control characters, which cannot be a line, is left out. */
static void add_hold(struct line *line, struct part part, const portd_held *held, bool ids) {
    char *word = ids ? text_print("%llu", (unsigned long long)held->descriptor) : hold_word(held->name),
         *clean = text_clean(word),
         *description = text_print("held %s%s%s", held->type, ids ? ", " : "", ids ? held->name : "");
    char *safe = text_clean(description);

    if (strcmp(word, clean) == 0)
        add(line, part, word, safe);
    free(word);
    free(clean);
    free(description);
    free(safe);
}

/* The names; with `ids` those of the broker's copies. */
static void add_holds(struct line *line, struct part part, bool ids) {
    struct broker_wish wish = {.session = BROKER_ALONE, .deadline = portd_now() + REPLY_US};
    struct broker broker;
    char message[256];
    portd_list *list;

    if (broker_try(&line->meant, &wish, &broker, message, sizeof(message)) < 0)
        return;
    if (portd_broker_has_feature(broker.client, "hold") &&
        portd_list_holds(broker.client, NULL, wish.deadline, &list) > 0) {
        for (size_t i = 0; i < portd_list_count(list); i++)
            add_hold(line, part, portd_list_held(list, i), ids);
        portd_list_free(list);
    }
    broker_disconnect(&broker);
}

/* ---- values ---------------------------------------------------------------------------------------------- */

static void add_looked_up(struct line *line, struct part part, const char *name) {
    if (strcmp(name, "file") == 0)
        add_sign(line, ":file");
    else if (strcmp(name, "column") == 0)
        add_columns(line, part);
    else if (strcmp(name, "own") == 0)
        add_own(line, part);
    else if (strcmp(name, "topic") == 0) {
        add_verbs(line, part);
        add_topics(line, part);
    }
    if (strcmp(name, "held") == 0 || strcmp(name, "held-id") == 0)
        add_holds(line, part, name[4] != '\0');
    for (size_t i = 0; i < sizeof(wanted_objects) / sizeof(wanted_objects[0]); i++)
        if (strcmp(name, wanted_objects[i].name) == 0)
            add_objects(line, part, &wanted_objects[i]);
}

/* Adds the candidates of `values` (see struct argument in command.h). `value` is a part of the last word. */
static void add_values(struct line *line, const char *values, const char *value) {
    const char *from = values != NULL && values[0] == ',' ? strrchr(value, ',') : NULL;
    struct part part = {.word = value};

    if (values == NULL)
        return;
    if (values[0] == '=')
        from = strrchr(value, '=');
    if (from != NULL)
        part.word = from + 1;
    part.before = (int)(part.word - line->last);
    values += values[0] == ',' || values[0] == '=';
    while (*values != '\0' && strcmp(values, "...") != 0) {
        size_t length = strcspn(values, "|.");
        char *word = text_print("%.*s", (int)length, values);

        if (word[0] == '@')
            add_looked_up(line, part, word + 1);
        else
            add(line, part, word, NULL);
        free(word);
        values += length + (values[length] == '|');
    }
}

/* The possible values of the i-th argument. */
static const char *values_of_word(const struct command *command, size_t i) {
    const char *const *words = command->words;

    if (words == NULL)
        return NULL;
    while (*words != NULL && i-- > 0) {
        size_t length = strlen(*words);

        if (length > 3 && strcmp(*words + length - 3, "...") == 0)
            break;
        words++;
    }
    return *words;
}

/* ---- the line -------------------------------------------------------------------------------------------- */

static void note_option(struct line *line, const struct option_row *row, const char *value) {
    if (strcmp(row->name, "address") == 0)
        line->meant.address = value;
    else if (strcmp(row->name, "user") == 0)
        line->meant.which = WHICH_USER;
    else if (strcmp(row->name, "system") == 0)
        line->meant.which = WHICH_SYSTEM;
    else if (strcmp(row->name, "owner") == 0)
        (void)owner_parse(value, &line->meant.owner_pid);
}

static void read_option(struct line *line, const char *word) {
    size_t length = strcspn(word, "=");
    const struct option_row *row = options_find(line->meant.command, word, length);

    if (row == NULL)
        return;
    if (row->argument != NULL && row->argument[0] != '[' && word[length] == '\0')
        line->option = row;
    else
        note_option(line, row, word[length] == '=' ? word + length + 1 : "");
}

/* False: the line is not valid. */
static bool read_word(struct line *line, const char *word) {
    if (line->n_behind > 0) {
        line->n_behind++;
    } else if (line->option != NULL) {
        note_option(line, line->option, word);
        line->option = NULL;
    } else if (strcmp(word, "--") == 0) {
        line->n_behind = 1;
    } else if (begins(word, "--")) {
        read_option(line, word + 2);
    } else if (word[0] == '-') {
        return true;
    } else if (line->meant.command != NULL) {
        line->n_words++;
    } else {
        line->meant.command = command_find(word);
        return line->meant.command != NULL;
    }
    return true;
}

static void add_last(struct line *line) {
    const struct command *command = line->meant.command;
    const char *last = line->last, *value = strchr(last, '=');

    if (line->n_behind > 0) {
        if (command != NULL && command->runs)
            add_sign(line, line->n_behind == 1 ? ":command" : ":file");
    } else if (line->option != NULL) {
        add_values(line, line->option->values, last);
    } else if (begins(last, "--") && value != NULL) {
        const struct option_row *row = options_find(command, last + 2, (size_t)(value - last) - 2);

        if (row != NULL)
            add_values(line, row->values, value + 1);
    } else if (last[0] == '-') {
        add_options(line, command != NULL ? command->options : NULL);
        add_options(line, options_global);
    } else if (command == NULL) {
        add_verbs(line, (struct part){0, last});
    } else {
        add_values(line, values_of_word(command, line->n_words), last);
    }
}

/* Joins the words that bash has split. Returns their count; *skip is how many bytes of the last word precede the part that
 * bash completes. */
static size_t join(char *const *words, size_t n, char **joined, size_t *skip) {
    size_t to = 0;
    bool glue = false;

    *skip = 0;
    for (size_t i = 0; i < n; i++) {
        bool cut = strcmp(words[i], "=") == 0 || strcmp(words[i], ":") == 0;
        size_t before = 0;

        if (to > 0 && (cut || glue)) {
            char *whole = text_print("%s%s", joined[to - 1], words[i]);

            before = strlen(joined[to - 1]) + cut;
            free(joined[to - 1]);
            joined[to - 1] = whole;
        } else {
            joined[to++] = text_copy(words[i]);
        }
        glue = cut;
        *skip = before;
    }
    return to;
}

void candidates_print(const struct output *output, char *const *words, size_t n) {
    char **joined = text_room(n + 1, sizeof(*joined));
    struct line line = {.output = output};
    bool sense = true;

    line.meant.output.format = OUTPUT_TEXT;
    line.list = node_list();
    n = join(words, n, joined, &line.skip);
    for (size_t i = 0; i + 1 < n && sense; i++)
        sense = read_word(&line, joined[i]);
    line.last = n > 0 ? joined[n - 1] : "";
    if (sense)
        add_last(&line);
    if (output_is_text(output))
        node_free(line.list);
    else
        output_rows(output, NULL, line.list);
    for (size_t i = 0; i < n; i++)
        free(joined[i]);
    free(joined);
}
