/* identity.h: a client's credentials, for system calls whose permission checks depend on the caller.
 *
 * A thread that works for a client assumes the client's file system uid, file system gid and supplementary groups, with no effective
 * capability. It never gets the client's real, effective or saved uid: a process with one of them could signal the thread, and so kill the
 * broker. A broker without the capabilities for this keeps its own credentials.
 *
 * The loop creates and unreferences identities; a thread that wears one only reads it. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct identity {
    unsigned refs;
    uint64_t serial; /* unique in this process, from 1 */
    os_uid uid;
    uint32_t gid;
    uint32_t pid;  /* may be reused once `process` has ended */
    os_fd process; /* a pidfd, or OS_FD_NONE; `gone` closes it */
    void (*gone)(
        struct identity *identity); /* NULL, or called by the last identity_unref before it is freed */
    void *context;                  /* for gone */
    bool lacks_groups;              /* it has so many that they are left out: n_groups is 0 */
    size_t n_groups;
    uint32_t groups[];
};

size_t identity_size(size_t n_groups);

/* Creates one with one reference. Copies groups. NULL without memory. */
struct identity *identity_new(os_uid uid, uint32_t gid, uint32_t pid, const uint32_t *groups,
                              size_t n_groups);
/* The broker's own, for a thread that has worn another one. NULL without memory. */
struct identity *identity_own(void);
struct identity *identity_ref(struct identity *identity);
void identity_unref(struct identity *identity); /* NULL is allowed */

/* From the loop: whether a thread that wears an identity may send the pid of `process` in credentials; if not, a pidfd is of no use. */
bool identity_names_processes(void);

/* From the loop: whether a thread that wears the identity has all of its groups, or keeps the broker's credentials. If not, no thread may do
 * for the client what file permissions decide, since a group can give a right and take one. */
bool identity_is_whole(const struct identity *identity);

/* ---- for the calling thread, never the loop's ------------------------------------------------------------- */

/* Drops all effective capabilities. Once, before the other calls. */
void identity_begin_thread(void);

/* Assumes the identity, if the process has the capabilities. 0, or a negative errno: then the thread must do nothing for the client.
 * IDENTITY_CANNOT: the broker has rights beyond the client's, which no thread can put down on this system. */
enum { IDENTITY_CANNOT = -1000 };
int identity_wear(const struct identity *identity);

/* Whether the thread may send a message with the credentials of another user (SCM_CREDENTIALS). identity_speak raises the capabilities for
 * the one sendmsg, and drops them after it (IDENTITY_SILENT). */
bool identity_can_speak(void);
enum identity_speech { IDENTITY_SILENT, IDENTITY_OTHER_USER, IDENTITY_OTHER_PROCESS /* and user */ };
void identity_speak(enum identity_speech speech);

#endif
