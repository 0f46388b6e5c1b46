/* cmd_resize.c: portctl resize: the size of a held terminal. */
#include "broker.h"
#include "failure.h"
#include "hold.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 65535 };

/* "80x24" */
static bool read_size(const char *word, uint64_t *columns, uint64_t *rows) {
    const char *x = strchr(word, 'x');
    char *first = x != NULL ? text_print("%.*s", (int)(x - word), word) : NULL;
    bool is_size = x != NULL && text_number(first, MOST, columns) && text_number(x + 1, MOST, rows);

    free(first);
    return is_size && *columns > 0 && *rows > 0;
}

static int answer(const struct invocation *in, const struct holds *holds, uint64_t columns, uint64_t rows) {
    struct node *object = node_object();

    node_text(object, "name", holds->names[0]);
    node_number(object, "columns", columns);
    node_number(object, "rows", rows);
    output_value(&in->output, "", object);
    return PORTCTL_DONE;
}

static int check(const struct invocation *in, const portd_client *client) {
    int rc = hold_check(in, client);

    if (rc != 0 || portd_broker_has_feature(client, "resize"))
        return rc;
    return failure_code(&in->output, PORTD_E_UNSUPPORTED, NULL,
                        "the broker sets no size of a terminal: it lacks the feature \"resize\"");
}

static int run(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .start = true, .deadline = in->deadline};
    const char *name = command_word(in, 0), *size = command_word(in, 1);
    uint64_t columns, rows;
    struct holds holds;
    struct broker broker;
    int rc;

    if (size == NULL || command_words(in) > 2)
        return failure_usage(&in->output, NULL, "expected a name and a size");
    if (!read_size(size, &columns, &rows))
        return failure_usage(&in->output, NULL, "%s: not a size: COLUMNSxROWS, 1 to %d each", size, MOST);
    memset(&holds, 0, sizeof(holds));
    rc = hold_read_owner(in, &holds);
    if (rc == 0)
        rc = hold_add(in, &holds, name);
    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc != 0)
        return rc;
    rc = check(in, broker.client);
    if (rc == 0) {
        int code = portd_resize(broker.client, hold_owner(&holds), holds.names[0], (unsigned)rows,
                                (unsigned)columns, in->deadline);
        rc = code < 0 ? hold_fail(in, broker.client, code, NULL) : answer(in, &holds, columns, rows);
    }
    broker_disconnect(&broker);
    return rc;
}

static const struct option_row options[] = {
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {"resize NAME COLUMNSxROWS [--of USER]", NULL};

static const char *const examples[] = {
    "portctl resize work 80x24",
    "portctl resize work \"$(tput cols)x$(tput lines)\"",
    NULL,
};

static const char *const words[] = {"@held", NULL};

static const char details[] =
    "Sets the size of a held terminal, as a window that is made larger does: the programs\n"
    "on it are told by SIGWINCH. Who is attached sets it anew when that window changes.\n"
    "\n"
    "Exit code 8: what is held is no terminal. Other users' need the right write.";

const struct command command_resize = {
    .name = "resize",
    .summary = "set the size of a held terminal",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .words = words,
    .run = run,
};
