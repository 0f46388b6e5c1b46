/* target.c: parsing the targets of a wait.
 *
 * A target is an id, a descriptor of portctl (fd:3, socket:3, --fd 3, --socket 3), or the name of a held one. A descriptor
 * needs a mode. A --mode applies to the descriptors since the previous --mode; a single --mode applies to all, wherever it
 * is; without any they are waited for to be readable.
 */
#include "target.h"

#include "failure.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static const char *mode_name(const struct target *target) {
    return target->mode == PORTD_MODE_WRITE ? "write" : "read";
}

static int parse_mode(const struct invocation *in, const char *text, int *mode) {
    if (strcmp(text, "read") == 0)
        *mode = PORTD_MODE_READ;
    else if (strcmp(text, "write") == 0)
        *mode = PORTD_MODE_WRITE;
    else
        return failure_usage(&in->output, NULL, "--mode %s: expected read or write", text);
    return 0;
}

/* Parses a target that is no name. False: it is not one; a name, if its kind says so. */
static bool read_target(const char *text, struct target *target) {
    static const struct prefix {
        const char *text;
        enum target_kind kind;
    } prefixes[] = {{"fd:", TARGET_FD}, {"socket:", TARGET_SOCKET}};

    target->kind = TARGET_ID;
    if (text_number(text, (UINT64_C(1) << 53) - 1, &target->number))
        return target->number != 0;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t length = strlen(prefixes[i].text);

        target->kind = prefixes[i].kind;
        if (strncmp(text, prefixes[i].text, length) == 0)
            return text_number(text + length, INT32_MAX, &target->number);
    }
    target->kind = hold_is_name(text) ? TARGET_HOLD : TARGET_ID;
    return false;
}

static int tell_none(const struct invocation *in, const char *prefix, const char *text) {
    if (prefix[0] != '\0')
        return failure_usage(&in->output, NULL, "'%s': not a descriptor number", text);
    return failure_usage(&in->output, NULL, "'%s' is not a target: expected an id, fd:N, socket:N or a name",
                         text);
}

static int add_target(const struct invocation *in, struct targets *targets, const char *prefix,
                      const char *text) {
    struct target *target = &targets->items[targets->n];

    if (targets->n == TARGETS_MAX)
        return failure_usage(&in->output, NULL, "one wait takes at most %d targets", TARGETS_MAX);
    target->text = text_print("%s%s", prefix, text);
    targets->n++;
    if (!read_target(target->text, target) && target->kind != TARGET_HOLD)
        return tell_none(in, prefix, text);
    targets->n_ids += target->kind == TARGET_ID;
    targets->n_holds += target->kind == TARGET_HOLD;
    return target->kind == TARGET_HOLD ? hold_read(in, target->text, &target->name) : 0;
}

/* Sets the mode of the descriptors that have none yet; false: there are none. */
static bool give_mode(struct targets *targets, int mode) {
    bool given = false;

    for (size_t i = 0; i < targets->n; i++)
        if (targets->items[i].kind != TARGET_ID && targets->items[i].mode == 0) {
            targets->items[i].mode = mode;
            given = true;
        }
    return given;
}

static int take_argument(const struct invocation *in, struct targets *targets,
                         const struct argument *argument, bool one_mode) {
    int mode = 0, rc;

    if (argument->option == NULL)
        return add_target(in, targets, "", argument->value);
    if (strcmp(argument->option->name, "fd") == 0)
        return add_target(in, targets, "fd:", argument->value);
    if (strcmp(argument->option->name, "socket") == 0)
        return add_target(in, targets, "socket:", argument->value);
    if (strcmp(argument->option->name, "mode") != 0 || one_mode)
        return 0;
    rc = parse_mode(in, argument->value, &mode);
    if (rc == 0 && !give_mode(targets, mode))
        rc = failure_usage(&in->output, "--mode applies to the descriptors named before it",
                           "--mode %s applies to no descriptor", argument->value);
    return rc;
}

static size_t count_modes(const struct invocation *in) {
    size_t n = 0;

    for (size_t i = 0; i < in->n_arguments; i++)
        n += in->arguments[i].option != NULL && strcmp(in->arguments[i].option->name, "mode") == 0;
    return n;
}

/* Sets the mode of the descriptors after the last --mode. */
static int finish_modes(const struct invocation *in, struct targets *targets, size_t n_modes) {
    int mode = PORTD_MODE_READ, rc;

    if (n_modes == 1) {
        rc = parse_mode(in, command_option(in, "mode"), &mode);
        if (rc == 0 && !give_mode(targets, mode))
            rc = failure_usage(&in->output, NULL, "--mode applies to descriptors: ids already have a mode");
        return rc;
    }
    for (size_t i = 0; i < targets->n && n_modes > 1; i++)
        if (targets->items[i].kind != TARGET_ID && targets->items[i].mode == 0)
            return failure_usage(&in->output, NULL, "%s comes after the last --mode: read or write?",
                                 targets->items[i].text);
    give_mode(targets, mode);
    return 0;
}

int targets_parse(const struct invocation *in, struct targets *targets) {
    size_t n_modes = count_modes(in);
    int rc = 0;

    memset(targets, 0, sizeof(*targets));
    targets->items = text_room(TARGETS_MAX + 1, sizeof(*targets->items));
    for (size_t i = 0; i < in->n_arguments && rc == 0; i++)
        rc = take_argument(in, targets, &in->arguments[i], n_modes == 1);
    if (rc != 0)
        return rc;
    if (targets->n == 0)
        return failure_usage(&in->output, NULL, "the target is missing: an id, fd:N, socket:N or a name");
    if (targets->n_holds == 0 && command_option(in, "of") != NULL)
        return failure_usage(&in->output, NULL, "--of applies to names, and there is none");
    rc = hold_read_owner(in, &targets->holds);
    if (rc != 0)
        return rc;
    return finish_modes(in, targets, n_modes);
}

void targets_deinit(struct targets *targets) {
    for (size_t i = 0; i < targets->n; i++)
        free(targets->items[i].text);
    free(targets->items);
    memset(targets, 0, sizeof(*targets));
}

const struct column target_columns[] = {
    {"target", COLUMN_PLAIN, false}, {"cause", COLUMN_PLAIN, false}, {"mode", COLUMN_PLAIN, true},
    {"id", COLUMN_PLAIN, true},      {NULL, COLUMN_PLAIN, false},
};

struct node *target_describe(const struct target *target) {
    struct node *object = node_object();

    node_text(object, "target", target->text);
    if (target->kind == TARGET_ID)
        node_number(object, "id", target->id);
    else
        node_text(object, "mode", mode_name(target));
    if (target->missing)
        node_text(object, "cause", "missing");
    else if (target->cause != PORTD_CAUSE_NONE)
        node_text(object, "cause", portd_cause_name(target->cause));
    else
        node_null(object, "cause");
    return object;
}
