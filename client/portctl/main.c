/* main.c: portctl, the command line of portd.
 *
 * options.c parses the words into an invocation, the verb is found in the table (command.c) and run, its output goes
 * through output.c, and its return value is the exit code (failure.h). If the output cannot be written, a successful verb
 * fails, too.
 */
#include "client/portctl/command.h"
#include "failure.h"
#include "help.h"
#include "native.h"
#include "options.h"
#include "stop.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_version(const struct output *output) {
    struct node *object = node_object();
    char *version = text_print("%d.%d.%d", PORTD_VERSION_HEX >> 16, PORTD_VERSION_HEX >> 8 & 0xff,
                               PORTD_VERSION_HEX & 0xff);
    char *line = text_print("portctl %s", version);

    output_line(output, line);
    node_text(object, "portctl", version);
    output_value(output, "", object);
    free(line);
    free(version);
    return PORTCTL_DONE;
}

static int run(const struct invocation *in) {
    if (in->version)
        return print_version(&in->output);
    if (in->help != HELP_NONE)
        return help_print(in);
    if (in->command == NULL)
        return help_no_verb(in);
    return in->command->run(in);
}

int main(int argc, char **argv) {
    struct invocation in;
    int rc = native_guard_standard(), written;
    bool said;

    if (rc != 0) {
        fprintf(stderr, "portctl: cannot open the null device: %s\n", native_error_text(rc));
        return PORTCTL_FAILED;
    }
    argv = native_words(&argc, argv);
    if (argv == NULL) {
        fputs("portctl: out of memory\n", stderr);
        return PORTCTL_FAILED;
    }
    if (native_wait_for_streams() != 0)
        return PORTCTL_FAILED; /* as when out of memory */
    rc = options_parse(argc, argv, &in);
    native_limit_streams(in.deadline);
    if (rc == 0)
        rc = run(&in);
    said = rc == PORTCTL_FAILED || (rc == PORTCTL_TIMEOUT && native_output_late());
    written = said ? rc : failure_finish(&in.output);
    options_deinit(&in);
    stop_raise();
    if (rc == PORTCTL_DONE || rc == PORTCTL_NO || rc == PORTCTL_ENDED)
        return written != 0 ? written : rc;
    return rc;
}
