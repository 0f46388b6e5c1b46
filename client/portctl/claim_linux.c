/* claim_linux.c: who is attached to a program.
 *
 * The copies that portctl has need no broker, so its death ends nothing: the connection is made again in between, and the next broker, if
 * no keeper has given it what was held, gets it anew. */
#define _GNU_SOURCE
#include "claim.h"

#include "failure.h"
#include "lease.h"
#include "native.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CALL_US = 2 * 1000 * 1000, CONNECT_US = 500 * 1000, PAUSE_US = 1000 * 1000, TRIES = 16 };

static int64_t soon(void) { return portd_now() + CALL_US; }

/* ---- what is held ---------------------------------------------------------------------------------------- */

void bundle_init(struct bundle *bundle, const char *name) {
    static const char *const tails[PARTS] = {"", "/process", "/stdin"};

    memset(bundle, 0, sizeof(*bundle));
    for (size_t i = 0; i < PARTS; i++) {
        bundle->names[i] = text_print("%s%s", name, tails[i]);
        bundle->fds[i] = -1;
    }
}

void bundle_deinit(struct bundle *bundle) {
    for (size_t i = 0; i < PARTS; i++) {
        free(bundle->names[i]);
        if (bundle->fds[i] >= 0)
            native_close(bundle->fds[i]);
    }
}

/* Whether that is held now: 1, or PORTD_E_*. */
static int is_held(const struct claim *claim, const char *const *names, size_t n, const portd_id *ids) {
    portd_native copies[PARTS];
    int rc = portd_get_raw(claim->broker.client, hold_owner(&claim->wish->holds), names, n, ids,
                           PORTD_RAW_UNREAD, soon(), copies, NULL);

    for (size_t i = 0; rc > 0 && i < n; i++)
        native_close(copies[i]);
    return rc;
}

static int is_bundle_held(const struct claim *claim) {
    return is_held(claim, (const char *const *)claim->bundle->names, claim->bundle->n, claim->bundle->ids);
}

/* ---- the claim ------------------------------------------------------------------------------------------- */

static void on_ready(portd_client *client, const portd_result *result, void *data) {
    struct claim *claim = data;

    (void)client;
    if (result->code > 0 && result->ready[0].cause != PORTD_CAUSE_DISCONNECTED)
        claim->taken = true;
}

static int put(struct claim *claim, const portd_id *expects, int64_t deadline) {
    const char *name = claim->name;
    portd_native token = claim->token;
    portd_lease lease = PORTD_LEASE_INIT;

    lease.process = claim->own;
    return portd_put(claim->broker.client, hold_owner(&claim->wish->holds), &name, &token, 1, expects, &lease,
                     deadline, &claim->id);
}

/* From now on claim_process learns who takes it. What was replaced before that is found by its id. */
static int watch(struct claim *claim) {
    portd_client *client = claim->broker.client;
    const char *name = claim->name;
    portd_id evt;
    int rc = portd_hold_to_evt(client, hold_owner(&claim->wish->holds), name, PORTD_MODE_READ, soon(), &evt);

    if (rc > 0)
        rc = portd_wait_start(client, &evt, 1, 0, PORTD_FOREVER, on_ready, claim, NULL);
    if (rc > 0)
        rc = is_held(claim, &name, 1, &claim->id);
    claim->taken = rc == PORTD_E_EXISTS || rc == PORTD_E_NOT_FOUND;
    return claim->taken ? 1 : rc;
}

/* What is held as NAME/writer, and by which process; 0: nothing is. */
static int find_other(const struct claim *claim, portd_id *id, uint32_t *pid) {
    portd_list *list;
    int rc = portd_list_holds(claim->broker.client, hold_owner(&claim->wish->holds), soon(), &list);

    *id = 0;
    *pid = 0;
    for (size_t i = 0; rc > 0 && i < portd_list_count(list); i++) {
        const portd_held *held = portd_list_held(list, i);

        if (strcmp(held->name, claim->name) == 0) {
            *id = held->descriptor;
            *pid = held->process_pid != 0 ? held->process_pid : held->put_pid;
        }
    }
    portd_list_free(list);
    return rc;
}

static int tell_attached(const struct claim *claim, uint32_t pid) {
    return failure_own(&claim->wish->in->output, "attached", PORTCTL_NO,
                       "--steal takes it over; the other one is told",
                       "'%s' is attached elsewhere, by process %lu", claim->wish->name, (unsigned long)pid);
}

/* Puts it where nothing is, or in place of another. Returns 1, PORTD_E_EXISTS, or another PORTD_E_*. */
static int put_claim(struct claim *claim, bool steals, uint32_t *pid) {
    int64_t deadline = claim->wish->in->deadline;
    portd_id other = 0;
    int rc = put(claim, &other, deadline);

    for (int tries = 0; rc == PORTD_E_EXISTS && tries < TRIES; tries++) {
        rc = find_other(claim, &other, pid);
        if (rc > 0 && other != 0 && !steals)
            return PORTD_E_EXISTS;
        if (rc > 0)
            rc = put(claim, &other, deadline);
        if (rc == PORTD_E_NOT_FOUND)
            rc = PORTD_E_EXISTS; /* it has gone meanwhile */
    }
    return rc;
}

static int open_all(struct claim *claim) {
    const struct output *output = &claim->wish->in->output;
    int error;

    claim->token = eventfd(0, EFD_CLOEXEC);
    error = claim->token < 0 ? errno : lease_open_process((uint32_t)getpid(), &claim->own);
    if (error == 0)
        return 0;
    claim->own = -1;
    return failure_code(output, PORTD_E_SYSTEM, NULL, "cannot make a claim: %s", native_error_text(error));
}

int claim_make(struct claim *claim, const struct terminal_wish *wish, struct bundle *bundle,
               struct broker *broker, bool steals) {
    uint32_t pid = 0;
    int rc;

    *claim = (struct claim){.wish = wish, .bundle = bundle, .broker = *broker, .token = -1, .own = -1};
    claim->name = text_print("%s/writer", wish->name);
    broker->client = NULL;
    rc = open_all(claim);
    if (rc != 0)
        return rc;
    rc = put_claim(claim, steals, &pid);
    if (rc == PORTD_E_EXISTS && pid != 0)
        return tell_attached(claim, pid);
    if (rc > 0)
        rc = watch(claim);
    return rc > 0 ? 0 : hold_fail(wish->in, claim->broker.client, rc, NULL);
}

void claim_watch(struct claim *claim, const struct terminal_wish *wish, struct bundle *bundle,
                 struct broker *broker) {
    *claim = (struct claim){
        .wish = wish, .bundle = bundle, .broker = *broker, .token = -1, .own = -1, .watches = true};
    broker->client = NULL;
}

/* ---- another broker -------------------------------------------------------------------------------------- */

static void lose(struct claim *claim, int64_t again) {
    broker_disconnect(&claim->broker);
    claim->again = again;
}

/* What a broker without a keeper has lost it gets again. */
static int put_back(struct claim *claim) {
    struct bundle *bundle = claim->bundle;
    int rc = is_bundle_held(claim);

    if (rc == PORTD_E_NOT_FOUND)
        rc = portd_put(claim->broker.client, hold_owner(&claim->wish->holds),
                       (const char *const *)bundle->names, bundle->fds, bundle->n, NULL, NULL, soon(),
                       bundle->ids);
    return rc;
}

static int claim_back(struct claim *claim) {
    const char *name = claim->name;
    int rc = is_held(claim, &name, 1, &claim->id);

    if (rc == PORTD_E_NOT_FOUND)
        rc = put(claim, NULL, soon());
    claim->taken = rc == PORTD_E_EXISTS;
    if (claim->taken)
        return 1;
    return rc > 0 ? watch(claim) : rc;
}

static void connect_again(struct claim *claim, bool start) {
    struct broker_wish wish = {
        .session = BROKER_ALONE, .start = start, .deadline = portd_now() + (start ? CALL_US : CONNECT_US)};
    char message[512];
    int rc = PORTD_E_UNREACHABLE;

    claim->again = PORTD_FOREVER;
    if (broker_inherited(claim->wish->in) != NULL)
        return;
    if (broker_try(claim->wish->in, &wish, &claim->broker, message, sizeof(message)) == 1)
        rc = claim->watches ? 1 : put_back(claim);
    else
        claim->broker.client = NULL;
    if (rc > 0 && !claim->watches)
        rc = claim_back(claim);
    if (rc <= 0)
        lose(claim, portd_now() + PAUSE_US);
}

static int drop(const struct claim *claim, const char *const *names, size_t n, const portd_id *ids) {
    return claim->broker.client == NULL
               ? PORTD_E_UNREACHABLE
               : portd_drop(claim->broker.client, hold_owner(&claim->wish->holds), names, n, ids, soon());
}

/* Whether nothing is held any more of what was to be dropped. */
static bool is_dropped(int rc) { return rc > 0 || rc == PORTD_E_NOT_FOUND || rc == PORTD_E_EXISTS; }

static void drop_input(struct claim *claim) {
    const struct bundle *bundle = claim->bundle;
    int rc = drop(claim, (const char *const *)&bundle->names[PART_INPUT], 1, &bundle->ids[PART_INPUT]);

    claim->ends_input = !is_dropped(rc);
    if (claim->ends_input)
        lose(claim, portd_now() + (rc == PORTD_E_TIMEOUT ? PAUSE_US : 0));
}

void claim_process(struct claim *claim) {
    int rc;

    if (claim->broker.client == NULL && portd_now() >= claim->again)
        connect_again(claim, false);
    if (claim->broker.client == NULL)
        return;
    while ((rc = portd_process(claim->broker.client)) > 0)
        continue;
    if (rc < 0)
        lose(claim, 0);
    else if (claim->ends_input)
        drop_input(claim);
}

int claim_is_safe(struct claim *claim) {
    int rc;

    if (claim->watches)
        return 1;
    if (claim->broker.client == NULL)
        connect_again(claim, true);
    rc = claim->broker.client != NULL ? is_bundle_held(claim) : PORTD_E_UNREACHABLE;
    if (rc == PORTD_E_DISCONNECTED) {
        lose(claim, 0);
        connect_again(claim, true);
        rc = claim->broker.client != NULL ? is_bundle_held(claim) : PORTD_E_UNREACHABLE;
    }
    return rc > 0 ? 1 : rc == PORTD_E_NOT_FOUND || rc == PORTD_E_EXISTS ? 0 : PORTD_E_UNREACHABLE;
}

/* ---- the end --------------------------------------------------------------------------------------------- */

void claim_end_input(struct claim *claim) {
    struct bundle *bundle = claim->bundle;

    if (bundle->n <= PART_INPUT)
        return;
    bundle->n = PART_INPUT;
    native_close(bundle->fds[PART_INPUT]);
    bundle->fds[PART_INPUT] = -1;
    claim->ends_input = true;
    if (claim->broker.client != NULL)
        drop_input(claim);
}

static void drop_bundle(struct claim *claim) {
    const struct bundle *bundle = claim->bundle;

    for (int tries = 0; tries < 2; tries++) {
        if (claim->broker.client == NULL)
            connect_again(claim, false);
        if (is_dropped(drop(claim, (const char *const *)bundle->names, bundle->n, bundle->ids)))
            return;
        lose(claim, 0);
    }
}

void claim_end(struct claim *claim, bool drops) {
    const char *name = claim->name;

    if (claim->ends_input)
        claim_process(claim);
    if (drops)
        drop_bundle(claim);
    if (claim->id != 0 && !claim->taken)
        (void)drop(claim, &name, 1, &claim->id);
    broker_disconnect(&claim->broker);
    if (claim->token >= 0)
        native_close(claim->token);
    if (claim->own >= 0)
        native_close(claim->own);
    free(claim->name);
}
