/* terminal_none.c: run and attach, where a process cannot be held. */
#include "terminal.h"

#include "failure.h"

static int refuse(const struct terminal_wish *wish) {
    return failure_code(&wish->in->output, PORTD_E_UNSUPPORTED, "Linux has them",
                        "this system has no descriptor of a process that the broker could hold");
}

int terminal_run(const struct terminal_wish *wish) { return refuse(wish); }

int terminal_attach(const struct terminal_wish *wish) { return refuse(wish); }
