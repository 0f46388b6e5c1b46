/* broker.c: a verb's connection to the broker.
 *
 * Which broker: --address, --user and --system name one; without them the library tries PORTD_ADDRESS, the user's
 * and the system's and, for verbs that want it, starts the user's. If the command line names a broker, none is started
 * instead of it.
 *
 * Which session: --owner takes precedence over PORTD_SESSION, which takes precedence over the processes around portctl
 * (owner.h). A verb that makes nothing asks only whether there is one, and if not connects again. The broker ends the first connection
 * then; so over an inherited connection (fd:N), which is the only one, the session is made if there is none. A program that portctl runs
 * may make something: it gets the session that the processes around portctl have, and if there is none, one of the owners.
 *
 * Whose numbers: those of the outermost ancestor that has the same open file under the number. A number that only portctl
 * has open belongs to no process.
 */
#include "broker.h"

#include "failure.h"
#include "native.h"
#include "program.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 512 };

const char *broker_rule_name(enum owner_rule rule) {
    static const char *const names[] = {
        [OWNER_OPTION] = "option", [OWNER_ENVIRONMENT] = "environment",       [OWNER_HOLDER] = "holder",
        [OWNER_READER] = "reader", [OWNER_SESSION_LEADER] = "session-leader", [OWNER_ANCESTOR] = "ancestor",
        [OWNER_NOBODY] = "nobody",
    };

    return names[rule];
}

static const char *environment(const char *name) {
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The address that the command line or the environment names; NULL: none. */
static const char *given_address(const struct invocation *in) {
    return in->address != NULL ? in->address : in->which == WHICH_ANY ? environment("PORTD_ADDRESS") : NULL;
}

static bool names_connection(const char *address) {
    return address != NULL && strncmp(address, "fd:", 3) == 0;
}

const char *broker_inherited(const struct invocation *in) {
    const char *address = given_address(in);

    return names_connection(address) ? address : NULL;
}

/* Sets the session that the command line or the environment names: true. False: the owners have to be found. */
static bool name_given(const struct invocation *in, const struct broker_wish *wish, struct owner *owner,
                       portd_options *options) {
    bool environs = wish->session == BROKER_JOIN || wish->session == BROKER_LOOK ||
                    wish->session == BROKER_PROGRAM || wish->session == BROKER_PROCESS;

    if (wish->session == BROKER_TOKEN) {
        options->token = wish->token;
        return true;
    }
    if (in->owner_pid != 0) {
        owner->pids[owner->n++] = in->owner_pid;
        return true;
    }
    if (!environs || environment("PORTD_SESSION") == NULL)
        return false;
    owner->rule = OWNER_ENVIRONMENT;
    options->token = environment("PORTD_SESSION");
    return true;
}

/* Sets which process's numbers the call refers to. */
static void name_numbers(const struct broker_wish *wish, const struct owner *owner, portd_options *options) {
    if (wish->session == BROKER_PROCESS)
        options->numbers_pid = wish->process;
    else if (wish->numbered)
        options->numbers_pid = owner->holder;
    else if (owner->n > 0 && wish->session != BROKER_LOOK && wish->session != BROKER_PROGRAM)
        options->numbers_pid = owner->pids[0];
    options->numbers_nobody = options->numbers_pid == 0 && wish->session != BROKER_TOKEN;
}

/* Puts the session into the options of the connection. False: there is no owner, and one is needed. */
static bool name_session(const struct invocation *in, const struct broker_wish *wish, struct owner *owner,
                         portd_options *options) {
    int64_t number = wish->numbered ? wish->number : BROKER_NO_NUMBER;
    bool found = false;

    *owner = (struct owner){.rule = OWNER_OPTION};
    options->reach = true;
    if (wish->session == BROKER_ALONE) {
        options->numbers_nobody = true;
        return true;
    }
    options->ttl_us = in->ttl_us;
    if (name_given(in, wish, owner, options)) {
        owner_find_holder(number, owner);
    } else if (wish->session == BROKER_PROCESS) {
        owner->pids[owner->n++] = wish->process;
        found = true;
    } else if (wish->session == BROKER_LOOK || (wish->session == BROKER_PROGRAM && in->ttl_us == 0)) {
        owner_find_around(owner);
        found = true;
    } else {
        owner_find(number, owner);
    }
    options->find_session = found && owner->n > 0 && broker_inherited(in) == NULL;
    options->owner_pids = owner->pids;
    options->n_owner_pids = owner->n;
    options->new_session = wish->session == BROKER_NEW && owner->n > 0;
    name_numbers(wish, owner, options);
    if (owner->n > 0 || options->token != NULL || wish->session == BROKER_LOOK || wish->ownerless)
        return true;
    owner->rule = OWNER_OPTION;
    return in->ttl_us != 0;
}

static int try_once(const struct invocation *in, const struct broker_wish *wish, struct broker *broker,
                    portd_options *options, char *message, size_t size) {
    char *address = in->address != NULL         ? text_copy(in->address)
                    : in->which == WHICH_USER   ? native_user_address()
                    : in->which == WHICH_SYSTEM ? native_system_address()
                                                : NULL;
    char *beside = NULL;
    int code;

    options->name = "portctl";
    options->no_resume = !wish->resumes;
    options->fd_changes = wish->resumes;
    options->start = wish->start && address == NULL && environment("PORTD_ADDRESS") == NULL;
    if (options->start && environment("PORTD_DAEMON") == NULL)
        options->daemon = beside = native_daemon();
    options->message = message;
    options->message_size = size;
    code = portd_connect(address, options, wish->deadline, &broker->client);
    free(address);
    free(beside);
    return code;
}

/* After a search in vain: a session of portctl's own. */
static int try_alone(const struct invocation *in, const struct broker_wish *wish, struct broker *broker,
                     char *message, size_t size) {
    portd_options options = PORTD_OPTIONS_INIT;

    options.reach = options.numbers_nobody = true;
    broker->owner = (struct owner){.rule = OWNER_NOBODY};
    return try_once(in, wish, broker, &options, message, size);
}

int broker_try(const struct invocation *in, const struct broker_wish *wish, struct broker *broker,
               char *message, size_t size) {
    portd_options options = PORTD_OPTIONS_INIT;
    int code;

    memset(broker, 0, sizeof(*broker));
    message[0] = '\0';
    if (!name_session(in, wish, &broker->owner, &options)) {
        snprintf(message, size, "no process can own what this call creates");
        broker->owner.rule = OWNER_NOBODY;
        return PORTD_E_INVALID;
    }
    broker->numbers = options.numbers_pid;
    code = try_once(in, wish, broker, &options, message, size);
    if (code == PORTD_E_NOT_FOUND && wish->session == BROKER_LOOK && options.find_session)
        code = try_alone(in, wish, broker, message, size);
    if (code == PORTD_E_NOT_FOUND && wish->session == BROKER_PROGRAM && options.find_session) {
        struct broker_wish made = *wish;
        made.session = BROKER_JOIN;
        return broker_try(in, &made, broker, message, size);
    }
    if (code == 1 && broker->owner.rule == OWNER_ANCESTOR && broker->owner.n == 0)
        broker->owner.rule = OWNER_NOBODY;
    if (code == 1)
        output_detail(&in->output, "connected to %s, session %llu (%s)", portd_address(broker->client),
                      (unsigned long long)portd_session_id(broker->client),
                      wish->session == BROKER_ALONE ? "of its own" : broker_rule_name(broker->owner.rule));
    return code;
}

/* The hint when no broker answers, whose message may say already what to set so that one can be started. */
static char *hint_unreachable(const struct invocation *in, const struct broker_wish *wish,
                              const char *message) {
    const char *address = given_address(in);

    if (names_connection(address))
        return text_copy("pass portctl a connection to the broker under that number");
    if (in->which == WHICH_SYSTEM)
        return text_copy("start it as root: systemctl enable --now portd.socket, or portd --mode 0666");
    if (address != NULL)
        return text_print("start one there with 'portd --listen %s', or %s", address,
                          in->address != NULL ? "use another address" : "unset PORTD_ADDRESS");
    if (strstr(message, "set XDG_RUNTIME_DIR") != NULL || (wish->start && in->which == WHICH_ANY))
        return text_copy("--address names another broker");
    if (!native_user_place())
        return text_copy("to have one started, set XDG_RUNTIME_DIR, or TMPDIR if that is not set, to a "
                         "directory of this user");
    if (in->which == WHICH_USER)
        return text_copy(wish->start ? "without --user it is started on demand"
                                     : "most other verbs, such as list, start it on demand, without --user");
    return text_copy("most other verbs, such as list, start one on demand");
}

/* The hint for a failure to connect, or NULL. */
static const char *hint_for(const struct invocation *in, const struct broker *broker, int code) {
    if (code == PORTD_E_DISCONNECTED && names_connection(given_address(in)))
        return "an inherited connection serves one call: it may have been used already";
    if (broker->owner.rule == OWNER_NOBODY && code == PORTD_E_INVALID)
        return "use --owner PID or --ttl DURATION; or run first: eval \"$(portctl "
               "session start --ttl 1h)\"";
    if (broker->owner.rule == OWNER_ENVIRONMENT && code == PORTD_E_NOT_FOUND)
        return "PORTD_SESSION names no session (any more): unset PORTD_SESSION";
    if (in->ttl_us != 0 && code == PORTD_E_INVALID)
        return "--ttl applies to a new session only: portctl session start --ttl ...";
    return NULL;
}

int broker_connect(const struct invocation *in, const struct broker_wish *wish, struct broker *broker) {
    char message[MESSAGE_MAX];
    int code = broker_try(in, wish, broker, message, sizeof(message));
    char *hint;

    if (code == 1)
        return 0;
    hint = code == PORTD_E_UNREACHABLE ? hint_unreachable(in, wish, message) : NULL;
    code = failure_code(&in->output, code, hint != NULL ? hint : hint_for(in, broker, code), "%s",
                        message[0] != '\0' ? message : portd_code_text(code));
    free(hint);
    return code;
}

int broker_join(const struct invocation *in, struct broker *broker) {
    struct broker_wish wish = {
        .session = in->ttl_us != 0 ? BROKER_JOIN : BROKER_LOOK, .start = true, .deadline = in->deadline};

    return broker_connect(in, &wish, broker);
}

int broker_make(const struct invocation *in, int64_t number, struct broker *broker) {
    struct broker_wish wish = {.session = BROKER_JOIN,
                               .start = true,
                               .deadline = in->deadline,
                               .numbered = number != BROKER_NO_NUMBER,
                               .number = number};

    return broker_connect(in, &wish, broker);
}

int broker_export(const struct invocation *in, const struct broker *broker) {
    bool gone = names_connection(portd_address(broker->client)), own = broker->owner.rule == OWNER_NOBODY;
    int error = program_set("PORTD_SESSION", gone || own ? NULL : portd_session_token(broker->client));

    if (error == 0)
        error = program_set("PORTD_ADDRESS", gone ? NULL : portd_address(broker->client));
    if (error == 0)
        return 0;
    return failure_code(&in->output, PORTD_E_SYSTEM, NULL, "cannot set the program's environment: %s",
                        native_error_text(error));
}

void broker_disconnect(struct broker *broker) {
    portd_disconnect(broker->client);
    broker->client = NULL;
}

void broker_abandon(struct broker *broker) {
    portd_abandon(broker->client);
    broker->client = NULL;
}
