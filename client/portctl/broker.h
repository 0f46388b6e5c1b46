/* broker.h: the connection to the broker that a verb works with. */
#ifndef BROKER_H
#define BROKER_H

#include "client/portctl/command.h"
#include "client/portctl/owner.h"
#include "client/portd.h"

enum broker_session {
    BROKER_JOIN,    /* the session that PORTD_SESSION names, else that of the owners, made if there is none */
    BROKER_LOOK,    /* the same, but none is made: then one of its own. For what makes nothing */
    BROKER_OWNER,   /* that of the owners, whatever PORTD_SESSION says */
    BROKER_NEW,     /* another one for the owners */
    BROKER_TOKEN,   /* that of a token */
    BROKER_PROCESS, /* as BROKER_LOOK with the owner `process`, whose numbers are meant, but none of its own */
    BROKER_ALONE    /* one of its own, which ends with the connection */
};

enum { BROKER_NO_NUMBER = -1 };

struct broker_wish {
    enum broker_session session;
    bool start;        /* start the user's broker when none answers */
    const char *token; /* with BROKER_TOKEN */
    int64_t deadline;
    bool numbered; /* it is about this number */
    int64_t number;
    uint32_t process; /* with BROKER_PROCESS */
    bool ownerless;   /* with BROKER_JOIN: where there is no owner, one of its own will do */
};

/* One connection, which finds the ids of all sessions of the user. `owner` tells whose session it is in. */
struct broker {
    portd_client *client;
    struct owner owner;
    uint32_t numbers; /* the process whose numbers it means; 0: nobody's */
};

/* Connects as the options of the call and the wish say. Returns 0, or the exit code when the error has
 * been told. */
int broker_connect(const struct invocation *in, const struct broker_wish *wish, struct broker *broker);

/* What most verbs want, which make nothing: BROKER_LOOK, the broker started, the deadline of the call. */
int broker_join(const struct invocation *in, struct broker *broker);

/* What those want that make something: BROKER_JOIN. number: which open file it is made of, or BROKER_NO_NUMBER. */
int broker_make(const struct invocation *in, int64_t number, struct broker *broker);

/* The same, and nothing is told: returns 1, or PORTD_E_* and why. */
int broker_try(const struct invocation *in, const struct broker_wish *wish, struct broker *broker,
               char *message, size_t size);

void broker_disconnect(struct broker *broker);

/* Puts the session and the broker into the environment of the program that is to take portctl's place; an inherited
 * connection ends with portctl, and so does a session of its own, so then they are taken out of it. Returns 0, or the exit code when it has been told why not. */
int broker_tell_program(const struct invocation *in, const struct broker *broker);

/* "holder" */
const char *broker_rule_name(enum owner_rule rule);

#endif
