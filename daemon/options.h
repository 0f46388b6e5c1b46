/* options.h: the command line of portd. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/log.h"
#include "proto/os.h"

struct options {
    /* An address that address_parse accepts; NULL: the inherited socket, else this user's default address. */
    const char *listen;
    unsigned mode; /* file mode of the socket */
    int64_t idle_exit_us;
    os_fd notify_fd; /* gets a newline when the broker is ready */
    enum log_level log_level;
};

/* 0: run; 1: done (help, version), exit with 0; 2: usage error, written to stderr. */
int options_parse(struct options *options, int argc, char **argv);

#endif
