/* spool.h: takes what comes from a held descriptor, and keeps the last bytes of it.
 *
 * Readers name positions and take nothing from one another. A full spool drops its oldest bytes, or stops taking until they are not wanted any more
 * (`stops`, spool_free_to). A worker takes (spool_file.h); the loop watches the descriptor while there is room.
 *
 * What has hung up may be opened again (a terminal, a pipe): it is tried again after pauses, which double up to 640 ms. So is what was reported as readable and had
 * nothing several times. */
#ifndef SPOOL_H
#define SPOOL_H

#include "daemon/access/charge.h"
#include "daemon/access/kept.h"
#include "daemon/base/ring.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/offload.h"
#include "spool_file.h"

#include <stdbool.h>
#include <stdint.h>

struct account;
struct descriptor;
struct refusal;

struct spool {
    struct descriptor *source; /* which has it in its extras, until spool_end */
    struct spool_file file;
    struct charge charge; /* of the bytes */
    struct kept kept;     /* of the file's descriptors */
    struct ring readers;
    uint64_t next; /* behind the bytes that may be read */
    bool stops;
    bool started;
    bool working; /* a worker takes */
    bool over;    /* spool_end: it is freed when no worker has it */
    bool hung;
    bool ended; /* nothing comes any more; `error`: why, or 0 */
    int error;
    unsigned vain; /* times that nothing came */
    struct loop_timer pause;
    bool paused;
    struct offload_job job;
    size_t most; /* of that job */
    struct spool_taken taken;
};

/* Who waits for bytes. `ready` is called once, outside of turns: there are some, or none come now, or the spool is over. */
struct spool_reader {
    void (*ready)(struct spool_reader *reader);
    struct ring node; /* in spool->readers; in none: it was told */
};

/* A spool of the descriptor, which has none, on that account. It takes nothing before spool_start. NULL: the refusal. */
struct spool *spool_new(struct descriptor *source, struct account *account, uint64_t size, bool stops,
                        struct refusal *refusal);

/* That of an earlier broker. Takes its SPOOL_FDS descriptors, which are counted in the fd table, also if it fails. NULL: the refusal. */
struct spool *spool_restore(struct descriptor *source, struct account *account, const os_fd fds[SPOOL_FDS],
                            bool stops, struct refusal *refusal);

void spool_start(struct spool *spool);

/* registry->frozen was set, and is not any more. NULL is allowed. */
void spool_thaw(struct spool *spool);

/* Its readers are told. NULL is allowed. */
void spool_end(struct spool *spool);

/* The oldest byte that is kept has that position. */
uint64_t spool_oldest(const struct spool *spool);

/* Bytes before that position are not wanted any more. Of one that stops. */
void spool_free_to(struct spool *spool, uint64_t position);

void spool_await(struct spool *spool, struct spool_reader *reader);
void spool_forget_reader(struct spool_reader *reader);

/* For subscribers.c; NULL is allowed. */
bool spool_needs(const struct spool *spool);
void spool_ready(struct spool *spool);

#endif
