/* procedure.h: the common part of verbs with a descriptor argument, "fd N" or "socket N"; for semaphore and evt also --mode M,
 * the call and printing its id. */
#ifndef PROCEDURE_H
#define PROCEDURE_H

#include "client/portctl/command.h"
#include "client/portd.h"

/* One of the library's calls that make a semaphore or an event. */
typedef int procedure_call(portd_client *client, portd_native number, int mode, int number_kind,
                           int64_t deadline, portd_id *id);

extern const struct option_row procedure_options[];
extern const char *const procedure_words[];

/* Parses the arguments of the verb: "fd N" or "socket N". Returns 0, or the exit code of an error that has been printed. */
int procedure_number(const struct invocation *in, int *number_kind, portd_native *number);

/* Returns 0 if portctl has inherited that descriptor, or the exit code of an error that has been printed. */
int procedure_open(const struct invocation *in, portd_native number);

/* Runs the verb semaphore or evt; returns its exit code. */
int procedure_run(const struct invocation *in, procedure_call *call);

#endif
