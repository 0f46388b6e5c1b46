/* identity.h: who asks, for what the kernel decides by who calls.
 *
 * A thread that works for a client wears his identity: file system user, file system group, supplementary groups, and no effective
 * capability. It never has his real, effective or saved user: whoever shares one of them with a thread may signal, and so end, the whole
 * process. A process that may not take on identities keeps its own.
 *
 * Identities are made and given up in the loop; a thread that wears one only reads it. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct identity {
    unsigned refs;
    uint64_t serial; /* of this process's identities, from 1; no two have the same */
    os_uid uid;
    uint32_t gid;
    uint32_t pid;  /* it may be somebody else's when `process` has ended */
    os_fd process; /* a pidfd, or OS_FD_NONE; closed with the identity */
    void (*gone)(
        struct identity *identity); /* NULL, or called by the last identity_unref before it is freed */
    void *context;                  /* for gone */
    size_t n_groups;
    uint32_t groups[];
};

size_t identity_size(size_t n_groups);

/* With one reference. groups are copied. NULL without memory. */
struct identity *identity_new(os_uid uid, uint32_t gid, uint32_t pid, const uint32_t *groups,
                              size_t n_groups);
struct identity *identity_ref(struct identity *identity);
void identity_unref(struct identity *identity); /* NULL is allowed */

/* In the loop: whether a thread that wears one can name `process` to others, so that it is worth having. */
bool identity_names_processes(void);

/* ---- of the calling thread, which is not the loop's ------------------------------------------------------------- */

/* Once, first of all: no effective capability. */
void identity_begin_thread(void);

/* That identity from now on, if the process may. 0 or a negative errno: then it must do nothing for that client. */
int identity_wear(const struct identity *identity);

/* Whether it may say in a message that another user sends it. For that one call it must be told so, and that it is over. */
bool identity_can_speak(void);
enum identity_speech { IDENTITY_SILENT, IDENTITY_OTHER_USER, IDENTITY_OTHER_PROCESS /* and user */ };
void identity_speak(enum identity_speech speech);

#endif
