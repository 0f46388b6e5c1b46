/* options.h: the command line of portd. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "config/config.h"
#include "proto/os.h"

struct options {
    struct config_given
        given;         /* flags that the configuration can set as well: each value is one that it takes */
    os_fd notify_fd;   /* gets a newline when the broker is ready */
    bool check_config; /* tell what the configuration comes to, and exit */
};

/* 0: run; 1: done (help, version), exit with 0; 2: usage error, written to stderr. */
int options_parse(struct options *options, int argc, char **argv);

#endif
