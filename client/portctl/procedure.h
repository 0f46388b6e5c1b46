/* procedure.h: the common part of verbs with a descriptor argument, "fd N", "socket N" or "hold NAME"; for semaphore and evt
 * also --mode M, the call and printing its id. */
#ifndef PROCEDURE_H
#define PROCEDURE_H

#include "client/portctl/command.h"
#include "client/portctl/hold.h"
#include "client/portd.h"

/* One of the library's calls that make a semaphore or an event, of a number and of what is held. */
typedef int procedure_call(portd_client *client, portd_native number, int mode, int number_kind,
                           int64_t deadline, portd_id *id);
typedef int procedure_hold_call(portd_client *client, const char *owner, const char *name, int mode,
                                int64_t deadline, portd_id *id);

extern const struct option_row procedure_options[];
extern const char *const procedure_words[];

/* What the verb is about: a number, or what is held. */
struct procedure_target {
    int number_kind;
    portd_native number;
    struct holds holds; /* one name, or none */
};

/* Parses the arguments of the verb: "fd N", "socket N" or "hold NAME". Returns 0, or the exit code of an error that has been printed. */
int procedure_target(const struct invocation *in, struct procedure_target *target);

/* Parses "fd N" or "socket N"; number may be NULL: it is missing. */
int procedure_read(const struct invocation *in, const char *kind, const char *number, int *number_kind,
                   portd_native *value);

/* Returns 0 if portctl has inherited that descriptor, or the exit code of an error that has been printed. */
int procedure_open(const struct invocation *in, portd_native number);

/* Runs the verb semaphore or evt; returns its exit code. */
int procedure_run(const struct invocation *in, procedure_call *call, procedure_hold_call *hold_call);

#endif
