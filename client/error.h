/* error.h: what a client remembers of its last failure. */
#ifndef ERROR_H
#define ERROR_H

struct failure {
    int os_errno;
    char message[1024]; /* "": there was none */
    char field[64];
    char hint[512];
};

/* Remembers a failure and returns its code. NULL stands for "", and for the text of the code as the message. What is too
 * long is cut between characters. */
int failure_set(struct failure *failure, int code, int os_errno, const char *field, const char *message,
                const char *hint);

/* A negative errno of a system call as a PORTD_E_* code. */
int error_of_errno(int error);

#endif
