/* spool.c: watches, has a worker take, tells the readers. */
#include "spool.h"

#include "daemon/access/account.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "descriptor.h"
#include "discard.h"
#include "extras.h"
#include "proto/container.h"
#include "registry.h"

#include <errno.h>
#include <stdlib.h>

enum { PAUSE_US = 10000, PAUSES = 6, VAIN = 8 };

static const struct env *env_of(const struct spool *spool) { return &spool->charge.user->registry->env; }

uint64_t spool_oldest(const struct spool *spool) {
    uint64_t size = spool->file.size;
    return spool->next > size ? spool->next - size : 0;
}

/* How many bytes may be taken now. */
static size_t room(const struct spool *spool) {
    if (!spool->stops)
        return SPOOL_CHUNK;
    uint64_t left = spool_file_freed(&spool->file) + spool->file.size - spool->next;
    return left < SPOOL_CHUNK ? (size_t)left : SPOOL_CHUNK;
}

bool spool_needs(const struct spool *spool) {
    return spool && spool->started && !spool->working && !spool->paused && !spool->ended && !spool->over &&
           !spool->source->user->registry->frozen && room(spool);
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static void give_back(struct spool *spool) {
    loop_timer_free(&spool->pause);
    spool_file_unmap(&spool->file);
    kept_release(&spool->kept);
    charge_deinit(&spool->charge);
    free(spool);
}

static void spool_free(struct spool *spool) {
    for (int i = 0; i < SPOOL_FDS; i++) {
        kept_hand_on(&spool->kept);
        discard_close(env_of(spool)->closer, spool->charge.user, spool->file.fds[i]);
    }
    give_back(spool);
}

static void tell(struct spool *spool) {
    struct ring *node;
    while ((node = ring_first(&spool->readers)) != NULL) {
        struct spool_reader *reader = CONTAINER_OF(node, struct spool_reader, node);
        ring_remove(node);
        reader->ready(reader);
    }
}

void spool_end(struct spool *spool) {
    if (!spool)
        return;
    spool->over = true;
    spool->source->extras->spool = NULL;
    loop_timer_clear(&spool->pause);
    tell(spool);
    kept_leave(&spool->kept); /* the session may end before the worker is done */
    if (!spool->working)
        spool_free(spool);
}

/* ---- taking ------------------------------------------------------------------------------------------------------- */

static struct spool *spool_of(struct offload_job *job) { return CONTAINER_OF(job, struct spool, job); }

static void work(struct offload_job *job) {
    struct spool *spool = spool_of(job);
    spool->taken =
        spool_file_take(&spool->file, spool->source->fd, (enum inspect_type)spool->source->type, spool->most);
}

static void on_pause(struct loop_timer *timer) {
    struct spool *spool = CONTAINER_OF(timer, struct spool, pause);
    spool->paused = false;
    (void)descriptor_rearm(spool->source);
}

/* Without memory for the timer it is watched, and may turn out to be ready again and again. */
static void rest(struct spool *spool, unsigned times) {
    int64_t pause = (int64_t)PAUSE_US << (times < PAUSES ? times : PAUSES);
    spool->paused = !loop_timer_set(env_of(spool)->loop, &spool->pause, os_now_us() + pause);
}

static void note(struct spool *spool) {
    uint64_t next = spool_file_next(&spool->file);
    bool came = next != spool->next, hung = spool->taken.source == SPOOL_HUNG;
    bool told = came || (hung && !spool->hung);
    spool->next = next;
    spool->hung = hung;
    spool->vain = came ? 0 : spool->vain + 1;
    if (spool->taken.source == SPOOL_ENDED || spool->taken.source == SPOOL_FAILED) {
        spool->ended = told = true;
        spool->error = spool->taken.error;
    } else if (hung) {
        rest(spool, spool->vain);
    } else if (spool->vain > VAIN) {
        rest(spool, spool->vain - VAIN);
    }
    if (told)
        tell(spool);
}

static void on_worked(struct offload_job *job) {
    struct spool *spool = spool_of(job);
    struct descriptor *source = spool->source;
    spool->working = false;
    if (spool->over) {
        spool_free(spool);
        descriptor_end_job(source);
        return;
    }
    note(spool);
    descriptor_end_job(source);
    descriptor_update(source);
}

static void on_dropped(struct offload_job *job) {
    give_back(spool_of(job)); /* the broker ends, and nothing is closed any more: spool_end came before */
}

void spool_thaw(struct spool *spool) {
    if (!spool)
        return;
    (void)descriptor_rearm(spool->source);
    if (spool->started)
        spool_ready(spool);
}

void spool_ready(struct spool *spool) {
    if (!spool_needs(spool))
        return;
    spool->working = true;
    spool->most = room(spool);
    spool->job = (struct offload_job){
        .work = work, .done = on_worked, .drop = on_dropped, .uid = spool->source->user->uid};
    descriptor_begin_job(spool->source);
    offload_submit(env_of(spool)->offload, &spool->job);
}

/* A first take in any case: an earlier broker may have died with bytes in its pipe, which no event tells of. */
void spool_start(struct spool *spool) {
    spool->started = true;
    spool_ready(spool);
}

void spool_free_to(struct spool *spool, uint64_t position) {
    spool_file_free_to(&spool->file, position);
    (void)descriptor_rearm(spool->source);
}

/* ---- readers ------------------------------------------------------------------------------------------------------ */

void spool_await(struct spool *spool, struct spool_reader *reader) {
    ring_add(&spool->readers, &reader->node);
}

void spool_forget_reader(struct spool_reader *reader) {
    if (ring_has(&reader->node))
        ring_remove(&reader->node);
}

/* ---- the beginning ------------------------------------------------------------------------------------------------ */

/* Without its file. NULL: the refusal. */
static struct spool *make(struct descriptor *source, struct account *account, uint64_t size, bool stops,
                          struct refusal *refusal) {
    struct spool *spool = calloc(1, sizeof *spool);
    if (!spool || !extras_get(source)) {
        free(spool);
        (void)refusal_memory(refusal);
        return NULL;
    }
    spool->source = source;
    spool->stops = stops;
    spool->pause.fn = on_pause;
    ring_init(&spool->readers);
    charge_init(&spool->charge, source->user, account);
    if (!charge_take(&spool->charge, USER_BYTES, sizeof *spool + spool_file_cost(size), refusal) &&
        !kept_take(&spool->kept, source->user, account, SPOOL_FDS, refusal))
        return spool;
    charge_deinit(&spool->charge);
    free(spool);
    return NULL;
}

struct spool *spool_new(struct descriptor *source, struct account *account, uint64_t size, bool stops,
                        struct refusal *refusal) {
    if (size < SPOOL_LEAST || size > SPOOL_MOST) {
        (void)refusal_set(refusal, REFUSAL_INVALID, "spools", NULL, "a spool has %d to %d bytes",
                          (int)SPOOL_LEAST, (int)SPOOL_MOST);
        return NULL;
    }
    if (spool_file_check(source->fd, (enum inspect_type)source->type, refusal))
        return NULL;
    struct spool *spool = make(source, account, size, stops, refusal);
    if (!spool)
        return NULL;
    int error = spool_file_make(&spool->file, size);
    if (!error) {
        source->extras->spool = spool;
        return spool;
    }
    give_back(spool);
    (void)refusal_system(refusal, -error, "cannot make a spool");
    return NULL;
}

struct spool *spool_restore(struct descriptor *source, struct account *account, const os_fd fds[SPOOL_FDS],
                            bool stops, struct refusal *refusal) {
    const struct env *env = &source->user->registry->env;
    struct spool_file file = {.fds = {fds[0], fds[1], fds[2]}};
    int error = spool_file_restore(&file);
    struct spool *spool = error ? NULL : make(source, account, file.size, stops, refusal);
    if (error)
        (void)refusal_system(refusal, -error, "the file of the spool is not sound");
    if (!spool) {
        spool_file_unmap(&file);
        for (int i = 0; i < SPOOL_FDS; i++)
            discard_close(env->closer, source->user, fds[i]);
        return NULL;
    }
    fd_table_give(env->fd_table, SPOOL_FDS); /* `kept` counts them */
    spool->file = file;
    spool->next = spool_file_next(&file);
    source->extras->spool = spool;
    return spool;
}
