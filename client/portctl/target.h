/* target.h: the targets of a wait. */
#ifndef TARGET_H
#define TARGET_H

#include "client/portctl/command.h"
#include "client/portctl/hold.h"
#include "client/portd.h"

enum { TARGETS_MAX = 256 }; /* in one wait */

enum target_kind { TARGET_ID, TARGET_FD, TARGET_SOCKET, TARGET_HOLD };

struct target {
    char *text; /* as on the command line; for --fd 3: "fd:3" */
    enum target_kind kind;
    uint64_t number;  /* id, or number of a descriptor */
    const char *name; /* of what is held: a part of the text */
    int mode;         /* of a descriptor; 0 until it is known */
    portd_id id;
    bool made;    /* portctl has made the event and must remove it */
    int cause;    /* why it is or was ready; enum portd_cause */
    bool missing; /* there is no such object */
};

struct targets {
    struct target *items;
    size_t n, n_ids, n_holds; /* all, those named by id, and by name */
    struct holds holds;       /* whose holds they are */
};

/* Parses targets and modes from the arguments of the verb. Returns 0, or the exit code of an error that has been printed. Call
 * targets_deinit in either case. */
int targets_parse(const struct invocation *in, struct targets *targets);

void targets_deinit(struct targets *targets);

/* A target and its cause. */
extern const struct column target_columns[];
struct node *target_describe(const struct target *target);

#endif
