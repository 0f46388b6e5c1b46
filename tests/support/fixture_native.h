/* fixture_native.h: what fixture.c needs of the system: processes, pauses and the numbers of descriptors. */
#ifndef FIXTURE_NATIVE_H
#define FIXTURE_NATIVE_H

#include "fixture.h"

/* Lets others run for that time, 0: for as long as they like now. */
void fixture_native_pause(int ms);

/* Closes one of this process's descriptors. 0, or -1 with errno. */
int fixture_native_close(int fd);

/* Ends and reaps all children but brokers. */
void fixture_native_end_children(void);

/* ---- one broker: in this order ------------------------------------------------------------------------------------- */

/* Makes a place of its own and sets folder and address. */
void fixture_native_place(struct fixture *fixture);

/* Makes the pipe by which the next broker says that it is ready: the value of its option --notify-fd. */
const char *fixture_native_notice(void);

/* Starts the program with these arguments and sets the pid. It has standard error and that pipe, and dies with this process. */
void fixture_native_run(struct fixture *fixture, const char *const *arguments);

/* Returns once it has said that it is ready. */
void fixture_native_await(struct fixture *fixture);

/* Has it open what it keeps from the first use on, before its descriptors are counted. */
void fixture_native_use(portd_client *client);

/* Asks it to end, and kills it if it does not: its exit status, 256 and above when it was killed, -1: by this call. */
int fixture_native_stop(struct fixture *fixture);

/* Kills it and waits until it is dead. */
void fixture_native_kill(struct fixture *fixture);

/* Removes the place. Whether the broker had left nothing in it. */
bool fixture_native_leave(struct fixture *fixture);

#endif
