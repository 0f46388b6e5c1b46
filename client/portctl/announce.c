/* announce.c: how a program is told which descriptors are its listeners.
 *
 * Socket activation counts them, and has their names. nginx has a list of numbers, as from the nginx before it. HAProxy has a variable for
 * each, which its configuration names.
 */
#include "announce.h"

#include "failure.h"
#include "native.h"
#include "program.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 255 };

struct preset {
    const char *name;
    int (*add)(struct announce *announce, const char *name);
};

static void append(struct announce *announce, const char *separator, const char *text) {
    char *longer = text_print("%s%s%s", announce->names != NULL ? announce->names : "",
                              announce->names != NULL ? separator : "", text);

    free(announce->names);
    announce->names = longer;
}

static int tell_not_set(const struct announce *announce, int error) {
    return error == 0 ? 0
                      : failure_code(&announce->in->output, PORTD_E_SYSTEM, NULL,
                                     "cannot set the program's environment: %s", native_error_text(error));
}

/* ---- nginx ----------------------------------------------------------------------------------------------- */

/* "3;4;" */
static int add_number(struct announce *announce, const char *name) {
    char *number = text_print("%zu;", PROGRAM_LISTEN_FIRST + announce->n);

    (void)name;
    append(announce, "", number);
    free(number);
    return tell_not_set(announce, program_set("NGINX", announce->names));
}

/* ---- HAProxy --------------------------------------------------------------------------------------------- */

/* "FD_WEB", for the name "web". */
static char *variable_for(const char *name) {
    char *variable = text_print("FD_%s", name);

    for (char *p = variable; *p != '\0'; p++) {
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
        else if ((*p < 'A' || *p > 'Z') && (*p < '0' || *p > '9'))
            *p = '_';
    }
    return variable;
}

static bool is_among(const char *variables, const char *variable) {
    size_t length = strlen(variable);
    const char *at = variables;

    while (at != NULL && (strncmp(at, variable, length) != 0 || (at[length] != ' ' && at[length] != '\0')))
        at = strchr(at, ' ') != NULL ? strchr(at, ' ') + 1 : NULL;
    return at != NULL;
}

static int add_variable(struct announce *announce, const char *name) {
    const struct output *output = &announce->in->output;
    char *variable = variable_for(name), *number = text_print("%zu", PROGRAM_LISTEN_FIRST + announce->n);
    int rc;

    if (name[0] == '\0')
        rc = failure_usage(output,
                           "'portctl wrap' with --name gives it one, 'portctl put' has it held under one",
                           "a port without a name: HAProxy's variables are called after the names");
    else if (is_among(announce->names, variable))
        rc = failure_usage(output, "hold one of them under another name",
                           "two listeners would be told by the same variable, %s", variable);
    else
        rc = tell_not_set(announce, program_set(variable, number));
    if (rc == 0)
        append(announce, " ", variable);
    free(number);
    free(variable);
    return rc;
}

/* ---- socket activation ----------------------------------------------------------------------------------- */

static bool can_be_told(char byte) { return byte >= ' ' && byte <= '~' && byte != ':'; }

static int add_name(struct announce *announce, const char *name) {
    char *safe = text_print("%.*s", NAMES_MAX, name[0] != '\0' ? name : "unknown");

    for (char *p = safe; *p != '\0'; p++)
        if (!can_be_told(*p))
            *p = '_';
    append(announce, ":", safe);
    free(safe);
    return 0;
}

/* ---- all -------------------------------------------------------------------------------------------------- */

static const struct preset presets[] = {{"nginx", add_number}, {"haproxy", add_variable}};

void announce_init(struct announce *announce, const struct invocation *in) {
    memset(announce, 0, sizeof(*announce));
    announce->in = in;
}

int announce_parse(struct announce *announce) {
    const struct invocation *in = announce->in;
    const char *name = command_option(in, "preset");

    for (size_t i = 0; name != NULL && i < sizeof(presets) / sizeof(presets[0]); i++)
        if (strcmp(presets[i].name, name) == 0)
            announce->preset = &presets[i];
    if (name != NULL && announce->preset == NULL)
        return failure_usage(&in->output,
                             "the presets are nginx and haproxy; without one it is socket activation",
                             "--preset %s: no such preset", name);
    if (name != NULL && command_option(in, "listen-fds") == NULL)
        return failure_usage(&in->output, NULL, "--preset applies to --listen-fds, and there is none");
    return 0;
}

/* How much of it the program is told. */
static size_t told(const struct announce *announce, const char *name) {
    const char *colon = announce->preset == NULL ? strrchr(name, ':') : NULL;
    size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;

    return digits > 0 && colon > name && colon[1 + digits] == '\0' ? (size_t)(colon - name) : strlen(name);
}

int announce_check(const struct announce *announce, const char *name) {
    for (const char *p = name, *end = name + told(announce, name); announce->preset == NULL && p < end; p++)
        if (!can_be_told(*p))
            return failure_usage(
                &announce->in->output,
                "pass it by --fd, or hold it under a name of ASCII characters without a colon",
                "LISTEN_FDNAMES cannot have the name '%s': it has %s", name,
                *p == ':' ? "a colon" : "other bytes than printable ASCII");
    return 0;
}

int announce_add(struct announce *announce, const char *name) {
    int rc = announce->preset != NULL ? announce->preset->add(announce, name) : add_name(announce, name);

    announce->n++;
    return rc;
}

int announce_add_held(struct announce *announce, const char *name) {
    char *short_name = text_print("%.*s", (int)told(announce, name), name);
    int rc = announce_add(announce, short_name);

    free(short_name);
    return rc;
}

int announce_export(const struct announce *announce) {
    bool activation = announce->preset == NULL;

    if (announce->n == 0)
        return 0;
    return tell_not_set(announce,
                        program_announce(activation ? announce->n : 0, activation ? announce->names : NULL));
}

void announce_deinit(struct announce *announce) {
    free(announce->names);
    announce_init(announce, announce->in);
}
