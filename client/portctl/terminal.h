/* terminal.h: programs that outlive who started them: the broker holds the master of their terminal, or the ends of their pipes, and the program's
 * process. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "client/portctl/hold.h"

enum { TERMINAL_NO_KEY = -1 };

/* The options that run and attach have both. */
#define TERMINAL_OPTION_DETACH_KEY                                                                           \
    { "detach-key", "KEY", "ctrl-X, or none; ctrl-\\ if not given", false, "none|ctrl-]|ctrl-\\|ctrl-a" }
#define TERMINAL_OPTION_REDRAW                                                                               \
    { "redraw", "HOW", "winch (if not given) or none", false, "winch|none" }

struct terminal_wish {
    const struct invocation *in;
    const char *name;
    struct holds holds; /* whose */
    bool pty;           /* run: on a terminal; else on pipes */
    bool detached;      /* run: do not attach */
    bool steals;        /* attach: in place of who is attached */
    bool waits;         /* attach: for the end alone */
    bool looks;         /* attach: look on, by its spool */
    bool redraws;
    bool fresh;     /* the program has drawn nothing yet */
    int key;        /* a byte that detaches, or TERMINAL_NO_KEY */
    uint64_t spool; /* run: bytes of its output that the broker keeps; 0: it takes none */
    int when_full;  /* then, of the library */
};

/* Parses the name and the options that both have. Returns 0, or the exit code of an error that has been printed. */
int terminal_parse(const struct invocation *in, struct terminal_wish *wish);

/* Each returns the exit code. */
int terminal_run(const struct terminal_wish *wish);
int terminal_attach(const struct terminal_wish *wish);

#endif
