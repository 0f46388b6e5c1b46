/* failure.c: exit codes and error messages.
 *
 * Each function that prints an error returns a nonzero exit code, and a verb returns it unchanged: so no path prints an
 * error and exits with 0. Exit code 1 is "no", as when something else
 * is held than a request expects; failures that the table does not list are 125.
 */
#include "failure.h"

#include "column.h"
#include "native.h"
#include "output.h"
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int exit_code_of(int code) {
    switch (code) {
    case PORTD_E_EXISTS:
        return PORTCTL_NO;
    case PORTD_E_INVALID:
        return PORTCTL_USAGE;
    case PORTD_E_UNREACHABLE:
    case PORTD_E_DISCONNECTED:
    case PORTD_E_UNCERTAIN:
        return PORTCTL_UNREACHABLE;
    case PORTD_E_DENIED:
        return PORTCTL_DENIED;
    case PORTD_E_NOT_FOUND:
    case PORTD_E_CLOSED:
        return PORTCTL_NOT_FOUND;
    case PORTD_E_LIMIT:
    case PORTD_E_MEMORY:
    case PORTD_E_TOO_COMPLEX:
        return PORTCTL_LIMIT;
    case PORTD_E_VERSION:
    case PORTD_E_GARBLED:
    case PORTD_E_MISMATCH:
        return PORTCTL_VERSION;
    case PORTD_E_UNSUPPORTED:
        return PORTCTL_UNSUPPORTED;
    case PORTD_E_TIMEOUT:
        return PORTCTL_TIMEOUT;
    default:
        return PORTCTL_FAILED;
    }
}

void failure_name(int code, char *name, size_t size) {
    const char *from = portd_code_name(code);
    size_t n = 0;

    if (strncmp(from, "PORTD_E_", 8) != 0 || from[8] == '?') {
        snprintf(name, size, "failed");
        return;
    }
    for (from += 8; *from != '\0' && n + 1 < size; from++)
        name[n++] = (char)tolower((unsigned char)*from);
    name[n] = '\0';
}

int failure_usage(const struct output *output, const char *hint, const char *format, ...) {
    va_list arguments;
    char *message, *help;

    va_start(arguments, format);
    message = text_vprint(format, arguments);
    va_end(arguments);
    help = output->verb == NULL ? text_copy("portctl help") : text_print("portctl help %s", output->verb);
    output_error(output, "usage", PORTCTL_USAGE, message, hint != NULL ? hint : help);
    free(message);
    free(help);
    return PORTCTL_USAGE;
}

int failure_columns(const struct output *output, const struct column *columns) {
    const struct column *chosen[COLUMNS_MAX];
    const char *wrong = NULL;
    char *names, *hint;
    int rc;

    if (output->columns == NULL)
        return 0;
    if (columns == NULL)
        return failure_usage(output, NULL, "'%s' has no columns", output->verb);
    if (column_choose(output->columns, columns, false, chosen, &wrong) > 0)
        return 0;
    names = column_names(columns);
    hint = text_print("the columns are %s", names);
    rc = failure_usage(output, hint, "unknown column '%.*s'", (int)strcspn(wrong, ","), wrong);
    free(hint);
    free(names);
    return rc;
}

int failure_own(const struct output *output, const char *name, int exit_code, const char *hint,
                const char *format, ...) {
    va_list arguments;
    char *message;

    va_start(arguments, format);
    message = text_vprint(format, arguments);
    va_end(arguments);
    output_error(output, name, exit_code, message, hint);
    free(message);
    return exit_code;
}

int failure_call(const struct output *output, const portd_client *client, int code) {
    const char *text = portd_last_error(client);

    return failure_code(output, code, portd_last_hint(client), "%s",
                        text[0] != '\0' ? text : portd_code_text(code));
}

int failure_code(const struct output *output, int code, const char *hint, const char *format, ...) {
    va_list arguments;
    char *message, name[32];
    int exit_code = exit_code_of(code);

    va_start(arguments, format);
    message = text_vprint(format, arguments);
    va_end(arguments);
    failure_name(code, name, sizeof(name));
    output_error(output, name, exit_code, message, hint);
    free(message);
    return exit_code;
}

int failure_finish(const struct output *output) {
    int error = output_finish(), first = native_output_error();

    if (error == 0)
        return 0;
    if (first != 0)
        error = first;
    if (native_output_late())
        return failure_code(output, PORTD_E_TIMEOUT, NULL,
                            "timed out: standard output is full, and the answer is not complete");
    return failure_code(output, PORTD_E_SYSTEM, NULL, "cannot write the answer: %s",
                        error > 0 ? native_error_text(error) : "standard output failed");
}
