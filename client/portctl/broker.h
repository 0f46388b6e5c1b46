/* broker.h: the connection to the broker that a verb works with. */
#ifndef BROKER_H
#define BROKER_H

#include "client/portctl/command.h"
#include "client/portctl/owner.h"
#include "client/portd.h"

enum broker_session {
    BROKER_JOIN,  /* the session that PORTD_SESSION names, else that of the owner */
    BROKER_OWNER, /* that of the owner, whatever PORTD_SESSION says */
    BROKER_NEW,   /* another one for the owner */
    BROKER_TOKEN, /* that of a token */
    BROKER_ALONE  /* one of its own, which ends with the connection */
};

struct broker_wish {
    enum broker_session session;
    bool start;        /* start the user's broker when none answers */
    const char *token; /* with BROKER_TOKEN */
    int64_t deadline;
};

/* One connection. `owner` tells whose session it is in; its pid is 0 when a token named the session. */
struct broker {
    portd_client *client;
    struct owner owner;
};

/* Connects as the options of the call and the wish say. Returns 0, or the exit code when the error has
 * been told. */
int broker_connect(const struct invocation *in, const struct broker_wish *wish, struct broker *broker);

/* What most verbs want: the session by the rule, the broker started, the deadline of the call. */
int broker_join(const struct invocation *in, struct broker *broker);

/* The same, and nothing is told: returns 1, or PORTD_E_* and why. */
int broker_try(const struct invocation *in, const struct broker_wish *wish, struct broker *broker,
               char *message, size_t size);

void broker_disconnect(struct broker *broker);

/* Puts the session and the broker into the environment of the program that is to take portctl's place; an inherited
 * connection ends with portctl, so then they are taken out of it. Returns 0, or the exit code when it has been told why not. */
int broker_tell_program(const struct invocation *in, const struct broker *broker);

/* "group-leader" */
const char *broker_rule_name(enum owner_rule rule);

#endif
