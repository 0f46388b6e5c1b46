/* claim.h: what of a program is held, and who is attached to it: who has put NAME/writer, which ends with his process.
 *
 * Whoever replaces that has taken the program over, and the one before learns it by a wait. Its ids never come again. */
#ifndef CLAIM_H
#define CLAIM_H

#include "client/portctl/broker.h"
#include "client/portctl/terminal.h"

enum part { PART_OUTPUT, PART_PROCESS, PART_INPUT, PARTS };

/* NAME, NAME/process, and of a program on pipes NAME/stdin. On a terminal what NAME is, the master, is for both directions. */
struct bundle {
    char *names[PARTS];
    portd_native fds[PARTS];
    portd_id ids[PARTS];
    size_t n;
};

struct claim {
    const struct terminal_wish *wish;
    struct bundle *bundle;
    struct broker broker; /* client NULL: the connection is lost */
    char *name;
    int token;        /* what is held as NAME/writer */
    portd_native own; /* a pidfd of portctl */
    portd_id id;
    int64_t again;   /* when to try to connect */
    bool ends_input; /* NAME/stdin is still to be dropped */
    bool taken;      /* by another one */
    bool watches;    /* it is none: claim_watch */
};

/* Sets the names, and that nothing is open. */
void bundle_init(struct bundle *bundle, const char *name);
void bundle_deinit(struct bundle *bundle);

/* Claims the program; steals: in place of whoever has it. The connection is the claim's from now on. Returns 0, or the exit code of an error that has
 * been printed. Call claim_end in either case. */
int claim_make(struct claim *claim, const struct terminal_wish *wish, struct bundle *bundle,
               struct broker *broker, bool steals);

/* No claim, only a connection that is made again when it is lost: for who looks on. Takes it over. */
void claim_watch(struct claim *claim, const struct terminal_wish *wish, struct bundle *bundle,
                 struct broker *broker);

/* Does what there is to do, before each sleep. A lost connection is made again; what the next broker does not hold any more it gets again. */
void claim_process(struct claim *claim);

/* Whether the program is held beyond portctl; 0: it was dropped; PORTD_E_UNREACHABLE: no broker can be had. */
int claim_is_safe(struct claim *claim);

/* Drops NAME/stdin, so that the program sees the end of its input; without a connection as soon as there is one. */
void claim_end_input(struct claim *claim);

/* Ends the claim; drops: and what is held. */
void claim_end(struct claim *claim, bool drops);

#endif
