/* closer.c: a record for each descriptor number, used while that number is being closed.
 *
 * close(2) frees the number first and waits afterwards, so the number could come back here while its record
 * is still in use. Therefore the worker does not close: it puts an idle descriptor, the stand-in, in the
 * number's place with dup2, which closes what was there and waits just as close does. The loop then closes
 * the stand-in's copy, which waits for nobody, and only now is the number free again. */
#include "closer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct record {
    struct offload_job job;
    struct closer *closer;
    void (*done)(void *context);
    void *context;
};

struct closer {
    struct offload *offload;
    os_fd stand_in; /* the reading end of a pipe that nobody writes to */
    size_t limit;
    size_t pending;
    struct record *records; /* by number */
};

static os_fd stand_in_open(void) {
    int ends[2];

    if (pipe(ends) < 0)
        return OS_FD_NONE;
    os_close(ends[1]);
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    return ends[0];
}

struct closer *closer_new(struct offload *offload, size_t limit) {
    struct closer *closer = malloc(sizeof(*closer));
    int error;

    if (!closer)
        return NULL;
    *closer = (struct closer){.offload = offload, .limit = limit, .stand_in = stand_in_open()};
    if (closer->stand_in == OS_FD_NONE)
        goto fail;
    closer->records = calloc(limit, sizeof(*closer->records));
    if (!closer->records)
        goto fail;
    return closer;
fail:
    error = errno;
    closer_free(closer);
    errno = error;
    return NULL;
}

/* What was handed over and will not be closed any more is done with all the same, so that its owner can free
 * it. */
static void records_abandon(struct closer *closer) {
    for (size_t i = 0; i < closer->limit && closer->pending; i++) {
        struct record *record = &closer->records[i];

        if (!record->closer)
            continue;
        record->closer = NULL;
        closer->pending--;
        if (record->done)
            record->done(record->context);
    }
}

void closer_free(struct closer *closer) {
    if (!closer)
        return;
    if (closer->records)
        records_abandon(closer);
    os_close(closer->stand_in);
    free(closer->records);
    free(closer);
}

static os_fd number_of(const struct record *record) { return (os_fd)(record - record->closer->records); }

/* On a worker. An interrupted dup2 has still put the stand-in there: what it waited for goes on. */
static void work(struct offload_job *job) {
    const struct record *record = (const struct record *)job;

    (void)dup2(record->closer->stand_in, number_of(record));
}

static void on_worked(struct offload_job *job) {
    struct record record = *(struct record *)job;

    os_close(number_of((struct record *)job));
    ((struct record *)job)->closer = NULL; /* free for the number's next time */
    record.closer->pending--;
    if (record.done)
        record.done(record.context);
}

void closer_close(struct closer *closer, os_fd fd, uint32_t uid, void (*done)(void *context), void *context) {
    assert(fd >= 0 && (size_t)fd < closer->limit);
    struct record *record = &closer->records[fd];

    *record = (struct record){.job = {.work = work, .done = on_worked, .uid = uid},
                              .closer = closer,
                              .done = done,
                              .context = context};
    closer->pending++;
    offload_submit(closer->offload, &record->job);
}

size_t closer_pending(const struct closer *closer) { return closer->pending; }
