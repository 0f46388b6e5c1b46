/* broker.h: a verb's connection to the broker. */
#ifndef BROKER_H
#define BROKER_H

#include "client/portctl/command.h"
#include "client/portctl/owner.h"
#include "client/portd.h"

enum broker_session {
    BROKER_JOIN, /* the session named by PORTD_SESSION, else that of the owners, made if there is none */
    BROKER_LOOK, /* the same, but if there is none, a session of its own (of the owners, if the connection is
                       inherited). For verbs that make nothing */
    BROKER_PROGRAM, /* as BROKER_LOOK, but if there is none, as BROKER_JOIN. For a program that portctl runs, which may make something */
    BROKER_OWNER,   /* that of the owners; PORTD_SESSION is ignored */
    BROKER_NEW,     /* another one for the owners */
    BROKER_TOKEN,   /* that of a token */
    BROKER_PROCESS, /* as BROKER_LOOK with the owner `process` and its numbers, but not a session of its own */
    BROKER_ALONE    /* one of its own, which ends with the connection */
};

enum { BROKER_NO_NUMBER = -1 };

struct broker_wish {
    enum broker_session session;
    bool start;        /* start the user's broker when none answers */
    const char *token; /* with BROKER_TOKEN */
    int64_t deadline;
    bool numbered; /* `number` below is set: the verb is about it */
    int64_t number;
    uint32_t process; /* with BROKER_PROCESS */
    bool resumes; /* it goes on with the next broker, and asks for the connection's number before each poll */
    bool ownerless; /* with BROKER_JOIN and BROKER_PROGRAM: without an owner, use a session of its own */
};

/* A connection with reach: it finds the ids of all sessions of the user. `owner` says whose session it is in. */
struct broker {
    portd_client *client;
    struct owner owner;
    uint32_t numbers; /* the process that numbers refer to; 0: none */
};

/* Connects according to the command line and the wish. Returns 0, or the exit code of an error that has been printed. */
int broker_connect(const struct invocation *in, const struct broker_wish *wish, struct broker *broker);

/* For verbs that make nothing: BROKER_LOOK, with start and the deadline of the call. */
int broker_join(const struct invocation *in, struct broker *broker);

/* For verbs that make an object: BROKER_JOIN. number: the descriptor it is made from, or BROKER_NO_NUMBER. */
int broker_make(const struct invocation *in, int64_t number, struct broker *broker);

/* As broker_connect, but prints nothing: returns 1, or PORTD_E_* and why. */
int broker_try(const struct invocation *in, const struct broker_wish *wish, struct broker *broker,
               char *message, size_t size);

/* The broker's address if it names a connection that portctl has inherited ("fd:3"), else NULL. It is the only connection then. */
const char *broker_inherited(const struct invocation *in);

void broker_disconnect(struct broker *broker);

/* The same, and others get what a wake-one wait was answered: nobody has been told. */
void broker_abandon(struct broker *broker);

/* Sets PORTD_SESSION and PORTD_ADDRESS for the program that portctl will exec. An inherited connection and a session of
 * portctl's own end with portctl; in these cases the variables are removed. Returns 0, or the exit code of an error that
 * has been printed. */
int broker_export(const struct invocation *in, const struct broker *broker);

/* "holder" */
const char *broker_rule_name(enum owner_rule rule);

#endif
