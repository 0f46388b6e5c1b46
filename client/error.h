/* error.h: a client's record of its last failure. */
#ifndef ERROR_H
#define ERROR_H

struct failure {
    int os_errno;
    char message[1024]; /* "": there was none */
    char field[64];
    char hint[512];
};

/* Records a failure and returns its code. NULL means "", for message the text of the code. Strings that are too long are
 * truncated between two characters. */
int failure_set(struct failure *failure, int code, int os_errno, const char *field, const char *message,
                const char *hint);

/* The PORTD_E_* code for a negative errno of a system call. */
int error_of_errno(int error);

#endif
