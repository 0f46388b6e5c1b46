/* procedure.h: what the verbs semaphore and evt share: "fd N --mode M", one call, one id. */
#ifndef PROCEDURE_H
#define PROCEDURE_H

#include "client/portctl/command.h"
#include "client/portd.h"

/* One of the library's calls that make a semaphore or an event. */
typedef int procedure_call(portd_client *client, portd_native number, int mode, int number_kind,
                           int64_t deadline, portd_id *id);

extern const struct option_row procedure_options[];

/* Runs the verb; returns its exit code. */
int procedure_run(const struct invocation *in, procedure_call *call);

#endif
