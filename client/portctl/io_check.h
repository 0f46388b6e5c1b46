/* io_check.h: whether the port that bytes are copied from or to is still open, and the errors about it. */
#ifndef IO_CHECK_H
#define IO_CHECK_H

#include "client/portctl/io.h"

/* What a failure has to say in addition, or "". */
const char *io_rest(struct io *io);

/* Prints an error and returns the exit code. `code` is PORTD_E_*. */
int io_fail(struct io *io, int code, const char *hint, const char *why);

/* The same for a call of the library that has failed. */
int io_fail_call(struct io *io, int code);

/* 0 if it is an open port of that direction (PORTD_DIRECTION_NONE: any), else the exit code of an error that has been printed. Sets
 * io->descriptor. */
int io_check_port(struct io *io, int direction);

/* After FLOW_LOOK: 0 if the copy goes on, else the exit code of an error that has been printed. io->broker can be another connection then. */
int io_look(struct io *io);

/* After a request about the port has failed with *code: text and *code, if it failed because the port no longer exists, also where its session's end has
 * closed the connection. Else NULL. Freed by the caller. */
char *io_find_gone(const struct io *io, portd_id port, int *code);

/* Whether the port's descriptor is of one of these types, as list shows them. False if that cannot be learnt. */
bool io_is_type(const struct io *io, const char *const *types);

#endif
