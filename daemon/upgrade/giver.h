/* giver.h: a broker that another one takes over from.
 *
 * It asks its keeper for the next broker, which is of the program that is installed by then, and serves its clients until that one has begun. Then it reads no more requests, waits
 * for what is under way, and gives the next one all that the keeper does not have: sessions, objects, connections with what was received and what is to be sent. Requests that are
 * parked are given as if they had not been served yet. While it gives, and the next one makes everything of it, nobody is served; what cannot be done ends that after some
 * seconds, and this broker goes on as if nothing had been. Else it exits, and the connections are the next one's.
 *
 * What is under way for longer than GIVER_DRAIN_US is not waited for, so that no client can prevent an upgrade: those requests are answered with CODE_UNCERTAIN. */
#ifndef GIVER_H
#define GIVER_H

#include "daemon/base/ring.h"
#include "daemon/loop/loop.h"
#include "daemon/store/store.h"
#include "link.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    GIVER_BEGIN_US = 20000000, /* for the next broker to begin */
    GIVER_DRAIN_US = 2000000,
    GIVER_GIVE_US = 10000000 /* to give, and for the next one to be ready */
};

struct refusal;
struct sessions;
struct side_door;
struct upgrade_wait;

enum giver_stage { GIVER_IDLE, GIVER_STARTS, GIVER_DRAINS };

struct giver {
    struct sessions *sessions;
    struct store *store;
    struct side_door *s6, *notify;
    enum giver_stage stage;
    struct store_order order; /* for the next broker to be started */
    bool ordered;             /* it is not answered */
    struct link link;
    struct loop_watch watch;
    struct loop_timer timer; /* the stage is over */
    struct ring waits;
    uint32_t pid; /* of the next broker, */
    char version[64];
    bool ended; /* the link: it has gone before the order is answered */
    bool late;  /* what is under way is not waited for any more */
};

/* The doors must stay valid. 0 or -ENOMEM. */
int giver_init(struct giver *giver, struct sessions *sessions, struct store *store, struct side_door *s6,
               struct side_door *notify);
void giver_deinit(struct giver *giver); /* zeros are allowed */

/* wait->failed is called if it fails. */
void giver_start(struct giver *giver, struct upgrade_wait *wait);

/* Nothing more is read, and what is under way is waited for: gives all, if nothing is, or it is late. May exit. */
void giver_try(struct giver *giver);

/* After each round of the loop. */
static inline void giver_round(struct giver *giver) {
    if (giver->stage == GIVER_DRAINS)
        giver_try(giver);
}

/* giver_give.c: all of it, but for doors. 0 or a negative errno. */
int giver_give(struct giver *giver);

/* Whether nothing is under way that only an answer can end. */
bool giver_is_drained(struct giver *giver);

#endif
