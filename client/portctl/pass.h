/* pass.h: the descriptors that a program gets from portctl: under which numbers, and what its environment says about them. */
#ifndef PASS_H
#define PASS_H

#include "client/portctl/announce.h"
#include "client/portctl/broker.h"
#include "client/portctl/program.h"

enum { PASS_MAX = 256 };

struct pass {
    const struct invocation *in;
    struct program_place places[PASS_MAX]; /* copy -1: not yet there; number -1: a free one */
    size_t n;
    size_t n_listen; /* the first of them, which are announced */
    struct announce announce;
};

/* Zeroed but for `in`. */
void pass_init(struct pass *pass, const struct invocation *in);

/* 0 if the command line has a program. */
int pass_check_program(const struct invocation *in);

/* Adds a place; -1: a free number. Returns 0, or the exit code of an error that has been printed. */
int pass_add(struct pass *pass, portd_native number);

/* The same, parsed. */
int pass_add_number(struct pass *pass, const char *option, const char *number);

/* The next number of a listener. */
int pass_add_listen(struct pass *pass);

/* Chooses the numbers that are left open, from 3 on. 0 if a program can have all of them. */
int pass_choose(struct pass *pass);

/* Sets the program's environment. */
int pass_export(const struct pass *pass, const struct broker *broker);

/* Runs the program, with the copies in their places. Returns as program_become. */
int pass_run(struct pass *pass);

/* Closes the copies, if the program has not been run. */
void pass_close(struct pass *pass);

/* The same, and forgets all. */
void pass_deinit(struct pass *pass);

#endif
