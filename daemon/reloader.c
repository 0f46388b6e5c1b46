/* reloader.c: see reloader.h. */
#include "reloader.h"

#include "access/refusal.h"
#include "base/log.h"
#include "config/change.h"
#include "config/config.h"
#include "config/remark.h"
#include "loop/identity.h"
#include "loop/offload.h"
#include "proto/container.h"
#include "proto/peer.h"
#include "proto/utf8.h"
#include "session/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NOTES_MOST = 16 /* as the schema says */,
    TOLD = 3 /* faults in the log */,
    FAULT_TOLD = 180 /* bytes */
};

/* The worker's until it is done. */
struct reading {
    struct offload_job job;
    struct reloader *reloader;
    const struct config_given *given;
    struct config *config;
    struct remarks faults;
    int error;
};

static struct reading *reading_of(struct offload_job *job) { return CONTAINER_OF(job, struct reading, job); }

static void reading_free(struct reading *reading) {
    config_free(reading->config);
    remarks_clear(&reading->faults);
    free(reading);
}

static void answer_all(struct ring *waits, const struct reload_answer *answer) {
    struct ring *node;
    while ((node = ring_first(waits))) {
        struct reload_wait *wait = CONTAINER_OF(node, struct reload_wait, node);
        ring_remove(node);
        wait->done(wait, answer);
    }
}

static void refuse_all(struct ring *waits, const struct refusal *refusal) {
    const struct reload_answer answer = {.refusal = refusal};
    answer_all(waits, &answer);
}

/* ---- what has come of it -------------------------------------------------------------------------------------------- */

static void log_line(enum log_level level, const char *text) {
    log_write_about(LOG_TOPIC_RELOAD, LOG_NOBODY, level, "%s", text);
}

/* Its first bytes, between two characters. */
static void write_start(char text[FAULT_TOLD + 1], const char *of) {
    size_t at = 0, size;
    while (of[at] && (size = utf8_character(of + at, strlen(of + at))) && at + size <= FAULT_TOLD)
        at += size;
    memcpy(text, of, at);
    text[at] = '\0';
}

static void refuse_faults(const struct remarks *faults, struct refusal *refusal) {
    static const char hint[] = "the old one stays; portd --check-config tells of all faults";
    char first[FAULT_TOLD + 1], more[40] = "";
    write_start(first, faults->texts[0] ? faults->texts[0] : "out of memory");
    if (faults->n > 1)
        (void)snprintf(more, sizeof more, " (and %zu more)", faults->n - 1);
    refusal_set(refusal, REFUSAL_INVALID, "config", hint, "%s%s", first, more);
}

static void fail(struct reloader *reloader, const struct reading *reading) {
    const struct remarks *faults = &reading->faults;
    struct refusal refusal;
    if (reading->error == CONFIG_E_FAULTS)
        refuse_faults(faults, &refusal);
    else
        refusal_memory(&refusal);
    log_write_about(LOG_TOPIC_RELOAD, LOG_NOBODY, LOG_LEVEL_ERROR,
                    "the new configuration is not used, the old one stays: %s", refusal.text);
    for (size_t i = 1; i < remarks_kept(faults) && i < TOLD; i++)
        if (faults->texts[i])
            log_line(LOG_LEVEL_ERROR, faults->texts[i]);
    refuse_all(&reloader->waits, &refusal);
}

/* The loaded one takes the place of the one in use. */
static void change(struct reloader *reloader, struct reading *reading) {
    struct config *before = reloader->config;
    reloader->config = reading->config;
    reading->config = NULL;
    config_free(before);
}

static void succeed(struct reloader *reloader, struct reading *reading) {
    struct remarks notes = {.n = 0};
    struct reload_answer answer = {.notes = notes.texts};
    changes_remark(reloader->started, reading->config, &notes);
    reading->error = reloader->use(reloader->context, reading->config, &notes);
    if (reading->error) {
        fail(reloader, reading);
        remarks_clear(&notes);
        return;
    }
    change(reloader, reading);
    for (size_t i = 0; i < remarks_kept(&notes) && answer.n_notes < NOTES_MOST && notes.texts[i]; i++) {
        if (i < TOLD)
            log_line(LOG_LEVEL_WARNING, notes.texts[i]);
        answer.n_notes++;
    }
    log_write_about(LOG_TOPIC_RELOAD, LOG_NOBODY, LOG_LEVEL_INFO,
                    "the new configuration is in use; files=%zu notes=%zu", reloader->config->n_files,
                    notes.n);
    answer_all(&reloader->waits, &answer);
    remarks_clear(&notes);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static void work(struct offload_job *job) {
    struct reading *reading = reading_of(job);
    if (job->unfit)
        remarks_add(&reading->faults, NULL, 0, "cannot read with the broker's rights: %s",
                    os_error_text(-job->unfit));
    reading->error =
        job->unfit ? CONFIG_E_FAULTS : config_load(reading->given, &reading->config, &reading->faults);
}

static void begin(struct reloader *reloader);

static void on_done(struct offload_job *job) {
    struct reading *reading = reading_of(job);
    struct reloader *reloader = reading->reloader;
    reloader->reading = NULL;
    if (reading->error)
        fail(reloader, reading);
    else
        succeed(reloader, reading);
    reading_free(reading);
    reloader->tell(reloader->context, false);
    if (reloader->again)
        begin(reloader);
}

static void on_dropped(struct offload_job *job) {
    struct reading *reading = reading_of(job);
    reading->reloader->reading = NULL;
    reading_free(reading);
}

/* None is being read. */
static void begin(struct reloader *reloader) {
    os_uid own = peer_self();
    struct reading *reading = NULL;
    struct refusal refusal;
    reloader->again = false;
    ring_move_all(&reloader->waits, &reloader->later);
    if (offload_check(reloader->offload, own) == OFFLOAD_ACCEPTS)
        reading = calloc(1, sizeof *reading);
    if (!reading) {
        log_line(LOG_LEVEL_ERROR, "the configuration is not read: no memory, or no worker thread");
        refusal_set(&refusal, REFUSAL_LIMIT, NULL, "try again",
                    "the broker has no memory, or no worker thread, to read the configuration");
        refuse_all(&reloader->waits, &refusal);
        return;
    }
    reading->reloader = reloader;
    reading->given = reloader->given;
    reading->job = (struct offload_job){.work = work,
                                        .done = on_done,
                                        .drop = on_dropped,
                                        .uid = own,
                                        .identity = reloader->identity,
                                        .patient = true};
    reloader->reading = reading;
    reloader->tell(reloader->context, true);
    offload_submit(reloader->offload, &reading->job);
}

void reloader_start(struct reloader *reloader, struct reload_wait *wait) {
    if (wait)
        ring_add(&reloader->later, &wait->node);
    reloader->again = true;
    if (!reloader->reading)
        begin(reloader);
}

int reloader_init(struct reloader *reloader, struct offload *offload, const struct config_given *given,
                  const struct config *started,
                  int (*use)(void *context, const struct config *config, struct remarks *notes),
                  void (*tell)(void *context, bool begins), void *context) {
    *reloader = (struct reloader){
        .offload = offload, .given = given, .started = started, .use = use, .tell = tell, .context = context};
    ring_init(&reloader->waits);
    ring_init(&reloader->later);
    reloader->identity = identity_own();
    return reloader->identity ? 0 : -ENOMEM;
}

void reloader_deinit(struct reloader *reloader) {
    config_free(reloader->config);
    if (!reloader->reading) /* else a thread was left behind, and may use it */
        identity_unref(reloader->identity);
}
