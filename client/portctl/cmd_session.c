/* cmd_session.c: portctl session: one session for several calls.
 *
 * start prints shell code for eval and nothing else on standard output, as ssh-agent does. The token in it is checked to
 * have no special characters, because a shell will run the code. The token is a secret of the user: with it other
 * processes of the same user join the session.
 */
#include "broker.h"
#include "failure.h"
#include "ids.h"
#include "item.h"
#include "listing.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* ---- start --------------------------------------------------------------------------------------------- */

static bool is_harmless(const char *token) {
    return token[0] != '\0' &&
           token[strspn(token, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.:+/=")] ==
               '\0';
}

static void answer_start(const struct invocation *in, const struct broker *broker, const char *token) {
    struct node *object = node_object();
    char *line = text_print("PORTD_SESSION=%s; export PORTD_SESSION", token);

    output_line(&in->output, line);
    free(line);
    node_number(object, "session", portd_session_id(broker->client));
    node_text(object, "token", token);
    if (broker->owner.n > 0)
        node_number(object, "owner_pid", broker->owner.pids[0]);
    else
        node_null(object, "owner_pid");
    node_text(object, "rule", broker_rule_name(broker->owner.rule));
    node_flag(object, "existed", portd_session_joined(broker->client));
    output_value(&in->output, "", object);
}

static int run_start(const struct invocation *in) {
    bool join = command_option(in, "join") != NULL;
    struct broker_wish wish = {
        .session = join ? BROKER_OWNER : BROKER_NEW, .start = true, .deadline = in->deadline};
    struct broker broker;
    const char *token;
    int rc;

    if (command_words(in) > 1)
        return failure_usage(&in->output, NULL, "unexpected argument '%s'", command_word(in, 1));
    if (join && command_option(in, "new") != NULL)
        return failure_usage(&in->output, NULL, "--new or --join, not both");
    rc = broker_connect(in, &wish, &broker);
    if (rc != 0)
        return rc;
    token = portd_session_token(broker.client);
    if (is_harmless(token))
        answer_start(in, &broker, token);
    else
        rc = failure_code(&in->output, PORTD_E_GARBLED, NULL,
                          "the broker's token is not safe to print as shell code");
    broker_disconnect(&broker);
    return rc;
}

/* ---- end ----------------------------------------------------------------------------------------------- */

/* Sets which session to join, and the id to pass (0: that session), for the word that the user gave (or NULL). Returns 0, or the exit
 * code of an error that has been printed. */
static int parse_which(const struct invocation *in, const char *word, struct broker_wish *wish,
                       portd_id *id) {
    *id = 0;
    wish->session = BROKER_LOOK;
    if (word == NULL)
        return 0;
    if (word[0] != '\0' && word[strspn(word, "0123456789")] == '\0') {
        wish->session = BROKER_ALONE;
        return ids_read(in, word, "ids are numbers; 'portctl session list' shows them", id);
    }
    wish->session = BROKER_TOKEN;
    wish->token = word;
    return 0;
}

static int run_end(const struct invocation *in) {
    struct broker_wish wish = {.start = true, .deadline = in->deadline};
    const char *word = command_word(in, 1);
    struct node *object;
    struct broker broker;
    portd_id id, own;
    bool existed;
    int rc;

    if (command_words(in) > 2)
        return failure_usage(&in->output, NULL, "unexpected argument '%s'", command_word(in, 2));
    rc = parse_which(in, word, &wish, &id);
    if (rc == 0)
        rc = broker_connect(in, &wish, &broker);
    if (rc != 0)
        return rc;
    existed = wish.session != BROKER_LOOK || portd_session_joined(broker.client);
    own = portd_session_id(broker.client);
    rc = portd_end_session(broker.client, id, in->deadline);
    if (rc == PORTD_E_NOT_FOUND) {
        rc = failure_code(&in->output, rc, "'portctl session list' shows them", "%s",
                          portd_last_error(broker.client));
    } else if (rc < 0) {
        rc = failure_call(&in->output, broker.client, rc);
    } else if (!existed) {
        rc = failure_code(&in->output, PORTD_E_NOT_FOUND, NULL, "no session to end");
    } else {
        object = node_object();
        node_number(object, "ended", id != 0 ? id : own);
        output_value(&in->output, "", object);
        rc = 0;
    }
    broker_disconnect(&broker);
    return rc;
}

/* ---- the verb ------------------------------------------------------------------------------------------ */

static int run_list(const struct invocation *in) {
    if (command_words(in) > 1)
        return failure_usage(&in->output, NULL, "unexpected argument '%s'", command_word(in, 1));
    return listing_run(in, 1u << PORTD_KIND_SESSION, true);
}

static int check_options(const struct invocation *in, const char *what) {
    if (strcmp(what, "start") != 0 &&
        (command_option(in, "new") != NULL || command_option(in, "join") != NULL))
        return failure_usage(&in->output, NULL, "--new and --join are for 'session start'");
    return strcmp(what, "list") == 0 ? 0 : failure_columns(&in->output, NULL);
}

static int run(const struct invocation *in) {
    static const char *const names[] = {"start", "end", "list", NULL};
    static int (*const runs[])(const struct invocation *) = {run_start, run_end, run_list};
    const char *what = command_word(in, 0), *closest;
    int rc;

    if (what == NULL)
        return failure_usage(&in->output, NULL, "the session verb is missing: start, end or list");
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(what, names[i]) == 0) {
            rc = check_options(in, what);
            return rc != 0 ? rc : runs[i](in);
        }
    closest = text_closest(what, names);
    return failure_usage(&in->output, NULL, "session %s: %s%s%s", what,
                         closest != NULL ? "did you mean '" : "",
                         closest != NULL ? closest : "start, end or list", closest != NULL ? "'?" : "");
}

static const struct option_row options[] = {
    {"new", NULL, "start: make a new session (the default)", false, NULL},
    {"join", NULL, "start: join the session of its owner; make it if there is none", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "session start [--owner PROCESS] [--ttl DURATION] [--new | --join]",
    "session end [ID | TOKEN]",
    "session list",
    NULL,
};

static const char *const examples[] = {
    "eval \"$(portctl session start)\"",
    "eval \"$(portctl session start --ttl 1h)\"; trap 'portctl session end' EXIT",
    "portctl session list",
    "portctl session end \"$PORTD_SESSION\" && unset PORTD_SESSION",
    NULL,
};

static const char details[] =
    "Every object belongs to a session and is removed when the session ends. By\n"
    "default portctl joins the session of its owner processes, which ends with the\n"
    "last of them ('portctl help environment').\n"
    "\n"
    "start  make a session and print shell code that sets PORTD_SESSION, which makes\n"
    "       portctl join it. It ends with its owner, found by the same rule, or after\n"
    "       --ttl, whichever comes first. With --join no new one is made if the owner\n"
    "       has a session of its own, the one that portctl joins without PORTD_SESSION:\n"
    "       those that 'start' has made for it without --join are not meant\n"
    "end    end the joined session, or the given one: waits end with the cause\n"
    "       expired\n"
    "list   list the sessions of this user\n"
    "\n"
    "The value of PORTD_SESSION is a secret: it lets any process of this user join.";

static const char *const words[] = {"start|end|list", "@session", NULL};

const struct command command_session = {
    .name = "session",
    .summary = "start, end and list sessions",
    .usage = usage,
    .details = details,
    .options = options,
    .columns = item_session_columns,
    .examples = examples,
    .words = words,
    .joins = true,
    .run = run,
};
