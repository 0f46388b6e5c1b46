/* giver_none.c: no broker has a keeper here, which would start the next one. */
#include "giver.h"

#include "daemon/access/refusal.h"
#include "daemon/session/upgrade_wait.h"

#include <string.h>

int giver_init(struct giver *giver, struct sessions *sessions, struct store *store, struct side_door *s6,
               struct side_door *notify) {
    (void)sessions;
    (void)store;
    (void)s6;
    (void)notify;
    memset(giver, 0, sizeof *giver);
    return 0;
}

void giver_deinit(struct giver *giver) { (void)giver; }

void giver_start(struct giver *giver, struct upgrade_wait *wait) {
    struct refusal refusal;
    (void)giver;
    (void)refusal_set(&refusal, REFUSAL_UNSUPPORTED, NULL, "restart portd: then clients connect again",
                      "no broker can take over from another one on this system");
    wait->failed(wait, &refusal);
}

void giver_try(struct giver *giver) { (void)giver; }
