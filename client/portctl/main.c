/* main.c: portctl, the broker from the command line.
 *
 * The way of a call: the words become an invocation (options.c), its verb comes from the table (command.c)
 * and runs, what it says goes through output.c, and what it returns is the exit code (failure.h). A verb
 * that went well can still fail: when its answer cannot be written. (One that has failed in that way has said so.)
 */
#include "client/portctl/command.h"
#include "failure.h"
#include "help.h"
#include "native.h"
#include "options.h"
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

    if (rc != 0) {
        fprintf(stderr, "portctl: cannot open the null device: %s\n", strerror(rc));
        return PORTCTL_FAILED;
    }
    if (native_wait_for_streams() != 0)
        return PORTCTL_FAILED; /* as without memory */
    rc = options_parse(argc, argv, &in);
    if (rc == 0)
        rc = run(&in);
    written = rc == PORTCTL_FAILED ? rc : failure_finish(&in.output);
    options_deinit(&in);
    if (rc == PORTCTL_DONE || rc == PORTCTL_NO || rc == PORTCTL_ENDED)
        return written != 0 ? written : rc;
    return rc;
}
