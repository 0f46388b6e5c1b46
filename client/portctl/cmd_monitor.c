/* cmd_monitor.c: portctl monitor: prints the broker's notices as they come.
 *
 * A long poll: each request has the cursor of the last reply, so no notice between them is missed; notices that the broker
 * no longer keeps are reported as lost. The first request only fetches the current cursor and checks that the session
 * exists. While nothing happens standard output is polled too: portctl ends when its reader has closed it.
 *
 * portctl is in a session of its own, so that it sees other sessions end, and leaves out notices of its own. No broker is
 * started: it would have no notices.
 */
#include "broker.h"
#include "failure.h"
#include "native.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GRACE_US = 1000000 };

struct watch {
    const struct invocation *in;
    struct broker broker;
    portd_id session; /* 0: all */
    uint64_t cursor;
    uint64_t since_us;    /* wall-clock time; older notices are left out */
    uint64_t count, most; /* printed so far; stop at so many */
    bool begun;           /* the heading is printed */
    size_t widths[COLUMNS_MAX];
    bool answered;
    int code;
    char *message, *hint; /* of a failure */
};

static const struct column columns[] = {
    {"time_us", COLUMN_TIME, false}, {"event", COLUMN_PLAIN, false},     {"kind", COLUMN_PLAIN, false},
    {"id", COLUMN_PLAIN, false},     {"number", COLUMN_PLAIN, false},    {"direction", COLUMN_PLAIN, false},
    {"cause", COLUMN_PLAIN, false},  {"session", COLUMN_PLAIN, false},   {"uid", COLUMN_PLAIN, false},
    {"code", COLUMN_PLAIN, false},   {"method", COLUMN_PLAIN, false},    {"seq", COLUMN_PLAIN, true},
    {"type", COLUMN_PLAIN, true},    {"descriptor", COLUMN_PLAIN, true}, {"connection", COLUMN_PLAIN, true},
    {"pid", COLUMN_PLAIN, true},     {"count", COLUMN_PLAIN, true},      {NULL, COLUMN_PLAIN, false},
};

/* What is usual in each column is not wider. */
static const size_t widths[] = {
    sizeof("2026-11-29T12:00:00.000000") - 1,
    sizeof("disconnected") - 1,                 /* event */
    sizeof("descriptor") - 1,                   /* kind */
    sizeof("9007199254740991") - 1,             /* id */
    sizeof("number") - 1,                       /* number */
    sizeof("direction") - 1,                    /* direction */
    sizeof("disconnected") - 1,                 /* cause */
    sizeof("9007199254740991") - 1,             /* session */
    sizeof("65534") - 1,                        /* uid */
    sizeof("unsupported") - 1,                  /* code */
    sizeof("file_descriptor_to_semaphore") - 1, /* method */
    sizeof("9007199254740991") - 1,             /* seq */
    sizeof("directory") - 1,                    /* type */
    sizeof("9007199254740991") - 1,             /* descriptor */
    sizeof("connection") - 1,                   /* connection */
    sizeof("4194304") - 1,                      /* pid */
    sizeof("count") - 1,                        /* count */
};

_Static_assert(sizeof(widths) / sizeof(widths[0]) + 1 == sizeof(columns) / sizeof(columns[0]),
               "each column has a width");

/* ---- what is told -------------------------------------------------------------------------------------- */

static void number_or_null(struct node *object, const char *key, uint64_t number) {
    if (number != 0)
        node_number(object, key, number);
    else
        node_null(object, key);
}

static void describe_object(struct node *object, const portd_notice *notice) {
    node_number(object, "id", notice->id);
    node_text(object, "kind", portd_kind_name(notice->kind));
    if (notice->kind == PORTD_KIND_SESSION)
        return;
    if (notice->number >= 0)
        node_number(object, "number", (uint64_t)notice->number);
    else
        node_null(object, "number");
    if (notice->kind == PORTD_KIND_DESCRIPTOR) {
        node_text(object, "type", notice->type);
        return;
    }
    node_text(object, "direction", notice->direction == PORTD_DIRECTION_WRITE ? "write" : "read");
    number_or_null(object, "descriptor", notice->descriptor);
}

static struct node *describe(const portd_notice *notice) {
    struct node *object = node_object();
    char code[32];

    node_number(object, "seq", notice->seq);
    node_number(object, "time_us", notice->time_us);
    node_text(object, "event", portd_notice_name(notice->event));
    number_or_null(object, "session", notice->session);
    node_number(object, "uid", notice->uid);
    if (notice->id != 0)
        describe_object(object, notice);
    if (notice->cause != PORTD_CAUSE_NONE)
        node_text(object, "cause", portd_cause_name(notice->cause));
    if (notice->connection != 0)
        node_number(object, "connection", notice->connection);
    if (notice->pid != 0)
        node_number(object, "pid", notice->pid);
    if (notice->code != 0) {
        failure_name(notice->code, code, sizeof(code));
        node_text(object, "code", code);
    }
    if (notice->method[0] != '\0')
        node_text(object, "method", notice->method);
    return object;
}

static void tell_lost(struct watch *watch, uint64_t lost) {
    struct node *object = node_object();

    node_text(object, "event", "lost");
    node_number(object, "count", lost);
    output_stream(&watch->in->output, columns, watch->widths, object);
    output_note(&watch->in->output, "%llu earlier notices were lost", (unsigned long long)lost);
}

static bool is_wanted(const struct watch *watch, const portd_notice *notice) {
    return notice->time_us >= watch->since_us && notice->session != portd_session_id(watch->broker.client);
}

/* The first answer shows that the broker is listened to: a heading says so, though nothing may have happened. */
static void begin(struct watch *watch) {
    if (!watch->begun)
        output_stream_begin(&watch->in->output, columns, widths, watch->widths);
    watch->begun = true;
}

static void take_page(struct watch *watch, const portd_result *result) {
    begin(watch);
    watch->cursor = result->cursor;
    if (result->lost != 0 && watch->since_us == 0)
        tell_lost(watch, result->lost);
    for (size_t i = 0; i < result->n_notices && watch->count < watch->most; i++) {
        if (!is_wanted(watch, result->notices[i]))
            continue;
        output_stream(&watch->in->output, columns, watch->widths, describe(result->notices[i]));
        watch->count++;
    }
}

/* ---- asking -------------------------------------------------------------------------------------------- */

static void keep_failure(struct watch *watch, const char *message, const char *hint) {
    free(watch->message);
    free(watch->hint);
    watch->message = text_copy(message);
    watch->hint = text_copy(hint);
}

static void on_answer(portd_client *client, const portd_result *result, void *data) {
    struct watch *watch = data;

    (void)client;
    watch->answered = true;
    watch->code = result->code;
    if (result->code >= 0)
        take_page(watch, result);
    else
        keep_failure(watch, result->message, result->hint);
}

/* One request. Returns its code; the notices have been printed. */
static int ask(struct watch *watch, int64_t deadline) {
    portd_client *client = watch->broker.client;

    watch->answered = false;
    watch->code =
        portd_monitor_start(client, watch->session, watch->cursor, deadline, on_answer, watch, NULL);
    if (watch->code < 0)
        keep_failure(watch, portd_last_error(client), portd_last_hint(client));
    while (watch->code >= 0 && !watch->answered) {
        if (portd_process(client) == 0 && !watch->answered && native_sleep(client) < 0)
            return watch->code = PORTD_E_SYSTEM; /* failure_finish prints why */
    }
    return watch->code;
}

static int tell_failure(const struct watch *watch) {
    if (watch->message == NULL) {
        int rc = failure_finish(&watch->in->output);

        return rc != 0 ? rc : PORTCTL_FAILED;
    }
    return failure_code(&watch->in->output, watch->code, watch->hint, "%s", watch->message);
}

static int tell_timeout(const struct invocation *in) {
    if (!output_is_text(&in->output) || !in->output.quiet)
        failure_code(&in->output, PORTD_E_TIMEOUT, NULL, "timed out");
    return PORTCTL_TIMEOUT;
}

static bool is_enough(const struct watch *watch) { return watch->count >= watch->most || ferror(stdout); }

/* Prints the notices up to the cursor `now`, which find_now has fetched. */
static int run_once(struct watch *watch, uint64_t now) {
    int code;

    do {
        code = ask(watch, 0);
    } while (code >= 0 && watch->cursor < now && !is_enough(watch));
    return code >= 0 || code == PORTD_E_NOT_FOUND ? PORTCTL_DONE : tell_failure(watch);
}

static int follow(struct watch *watch) {
    while (!is_enough(watch)) {
        int code = ask(watch, watch->in->deadline);

        if (code == PORTD_E_NOT_FOUND) /* the session has ended, and all its notices are printed */
            return PORTCTL_DONE;
        if (code < 0)
            return tell_failure(watch);
        if (code == 0 && watch->in->deadline != PORTD_FOREVER && portd_now() >= watch->in->deadline)
            return tell_timeout(watch->in);
    }
    return PORTCTL_DONE;
}

/* The first request: fetches the current cursor. For a session that has ended, only old notices may be left. */
static int find_now(struct watch *watch, uint64_t *now) {
    uint64_t start = watch->cursor;
    int code;

    watch->cursor = PORTD_CURSOR_NOW;
    code = ask(watch, 0);
    *now = watch->cursor;
    if (start != PORTD_CURSOR_NOW) {
        watch->cursor = start;
        if (code == PORTD_E_NOT_FOUND) {
            code = ask(watch, 0);
            *now = watch->cursor;
        }
    }
    return code < 0 ? tell_failure(watch) : 0;
}

/* ---- the command line ---------------------------------------------------------------------------------- */

static int parse_number(const struct invocation *in, const char *name, uint64_t least, uint64_t *number) {
    const char *text = command_option(in, name);

    if (text == NULL || (text_number(text, (UINT64_C(1) << 53) - 1, number) && *number >= least))
        return 0;
    return failure_usage(&in->output, NULL, "--%s %s: expected a number%s", name, text,
                         least > 0 ? " above 0" : "");
}

/* Whether it is what follows the id in a token (session_write_token): a dot and 32 hexadecimal digits. */
static bool is_secret(const char *text) {
    enum { DIGITS = 32 };

    return text[0] == '.' && strlen(text + 1) == DIGITS && strspn(text + 1, "0123456789abcdef") == DIGITS;
}

/* Parses a session's id, or a token, which begins with the id. */
static int parse_session(const struct invocation *in, portd_id *session) {
    const char *text = command_option(in, "session");
    char *digits;
    size_t length;
    bool good;

    *session = 0;
    if (text == NULL)
        return 0;
    length = strcspn(text, ".");
    digits = text_print("%.*s", (int)length, text);
    good = text_number(digits, (UINT64_C(1) << 53) - 1, session) && *session > 0 &&
           (text[length] == '\0' || is_secret(text + length));
    free(digits);
    return good ? 0 : failure_usage(&in->output, NULL, "--session %s: not a session id", text);
}

static int parse_since(const struct invocation *in, struct watch *watch) {
    const char *text = command_option(in, "since");
    int64_t since;

    if (text == NULL)
        return 0;
    if (command_option(in, "after") != NULL)
        return failure_usage(&in->output, NULL, "--since or --after, not both");
    if (!text_duration(text, &since))
        return failure_usage(&in->output, "--after takes the number of a notice",
                             "--since %s: not a duration", text);
    watch->cursor = 0;
    watch->since_us = native_wall_us() > (uint64_t)since ? native_wall_us() - (uint64_t)since : 1;
    return 0;
}

static int parse(const struct invocation *in, struct watch *watch) {
    const char *word = command_word(in, 0);
    int rc = 0;

    *watch = (struct watch){.in = in, .cursor = PORTD_CURSOR_NOW, .most = UINT64_MAX};
    if (word != NULL)
        return failure_usage(&in->output, NULL, "unexpected argument '%s'", word);
    if (command_option(in, "once") != NULL)
        watch->cursor = 0;
    rc = parse_session(in, &watch->session);
    if (rc == 0)
        rc = parse_number(in, "count", 1, &watch->most);
    if (rc == 0)
        rc = parse_number(in, "after", 0, &watch->cursor);
    return rc != 0 ? rc : parse_since(in, watch);
}

static int run(const struct invocation *in) {
    struct broker_wish wish = {.session = BROKER_ALONE, .deadline = portd_now() + GRACE_US};
    struct watch watch;
    uint64_t now;
    int rc = parse(in, &watch);

    if (rc != 0)
        return rc;
    if (wish.deadline < in->deadline)
        wish.deadline = in->deadline;
    rc = broker_connect(in, &wish, &watch.broker);
    if (rc != 0)
        return rc;
    rc = find_now(&watch, &now);
    if (rc == 0)
        rc = command_option(in, "once") != NULL ? run_once(&watch, now) : follow(&watch);
    broker_disconnect(&watch.broker);
    free(watch.message);
    free(watch.hint);
    return rc;
}

static const struct option_row options[] = {
    {"session", "ID", "only notices about that session", false, "@session"},
    {"since", "DURATION", "start with notices no older than this", false, NULL},
    {"after", "SEQ", "start after that notice; 0: with the oldest kept", false, NULL},
    {"count", "N", "exit after N notices", false, NULL},
    {"once", NULL, "print the notices that are kept, then exit", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "monitor [--session ID] [--since DURATION | --after SEQ] [--count N] [--once]",
    NULL,
};

static const char *const examples[] = {
    "portctl monitor",
    "portctl monitor --session \"$PORTD_SESSION\" --columns=time_us,event,kind,id,cause",
    "portctl monitor -j | jq --unbuffered 'select(.event == \"fired\")'",
    "portctl monitor --since 10min --once",
    NULL,
};

static const char details[] =
    "Prints a line for each thing that happens, until Ctrl-C, --count or --timeout\n"
    "(exit code 124), or until the session named by --session has ended:\n"
    "\n"
    "made          a semaphore, an event, a port, a session; a descriptor: the broker\n"
    "              keeps a copy\n"
    "ready         a wait in flight was answered because of this event or port\n"
    "fired         a semaphore, because its descriptor was ready or hung up\n"
    "ended         a semaphore, event or port that was removed, replaced or closed; a\n"
    "              session\n"
    "released      an id was released\n"
    "closed        the broker's copy of a descriptor is closed\n"
    "passed        a program was given a handle, or a copy of a port's descriptor\n"
    "connected, disconnected\n"
    "refused       a request; method and code say which and why\n"
    "turned-away   a connection was rejected on arrival\n"
    "lost          a number (count) of notices that were no longer kept\n"
    "\n"
    "The heading is printed as soon as the broker has answered: what happens from then\n"
    "on is told. On a terminal lines are truncated to its width, without --full.\n"
    "\n"
    "A user sees the notices of its own sessions; root and the broker's own user see\n"
    "all. seq is the number of a notice, for --after. In JSON each is an object on a\n"
    "line. No broker is started.";

const struct command command_monitor = {
    .name = "monitor",
    .summary = "print what happens in the broker",
    .usage = usage,
    .details = details,
    .options = options,
    .columns = columns,
    .examples = examples,
    .run = run,
};
