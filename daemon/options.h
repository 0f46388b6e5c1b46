/* options.h: the command line of portd. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/log.h"
#include "proto/os.h"

struct options {
    const char *listen; /* address, or NULL: socket activation, else the default one of this user */
    unsigned mode;      /* file mode of the socket */
    int64_t idle_exit_us;
    os_fd notify_fd; /* a newline goes there when we are ready */
    enum log_level log_level;
};

/* 0: run; 1: done (help, version), leave with 0; 2: usage error, said on stderr. */
int options_parse(struct options *options, int argc, char **argv);

#endif
