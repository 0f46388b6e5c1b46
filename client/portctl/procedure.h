/* procedure.h: what the verbs share that are told a descriptor: "fd N" or "socket N"; and semaphore and evt
 * all of it: --mode M, one call, one id. */
#ifndef PROCEDURE_H
#define PROCEDURE_H

#include "client/portctl/command.h"
#include "client/portd.h"

/* One of the library's calls that make a semaphore or an event. */
typedef int procedure_call(portd_client *client, portd_native number, int mode, int number_kind,
                           int64_t deadline, portd_id *id);

extern const struct option_row procedure_options[];
extern const char *const procedure_words[];

/* Reads the words of the verb: "fd N" or "socket N". Returns 0, or the exit code of an error that has been
 * told. */
int procedure_number(const struct invocation *in, int *number_kind, portd_native *number);

/* The same: 0 if portctl has inherited that descriptor. */
int procedure_open(const struct invocation *in, portd_native number);

/* Runs the verb semaphore or evt; returns its exit code. */
int procedure_run(const struct invocation *in, procedure_call *call);

#endif
