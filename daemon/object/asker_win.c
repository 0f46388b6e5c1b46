/* asker_win.c: a record for each user who has a thread that asks, or has not yet paid for the loop's waits. A newcomer gets the record with the least to
 * pay of those without a thread: so nobody's waits are forgotten unless more than ASKERS - ASKER_THREADS others have to pay as much. */
#include "asker_win.h"

#include <stdatomic.h>
#include <stddef.h>

enum { ASKERS = 2 * ASKER_THREADS, PAYS = 100 /* each so many us pay one */ };

struct asker {
    os_uid uid;
    atomic_int threads;
    int64_t waited; /* us that are not paid */
    int64_t since;  /* os_now_us: when the last payment was made */
};

static struct asker askers[ASKERS];

static void pay(struct asker *asker, int64_t now) {
    int64_t paid = (now - asker->since) / PAYS;

    asker->waited = asker->waited > paid ? asker->waited - paid : 0;
    asker->since += paid * PAYS;
}

/* Whether `other` is the better one to be given to somebody. One that has no thread gets none but from the loop. */
static bool is_freer(const struct asker *other, const struct asker *asker) {
    return !atomic_load(&other->threads) && (!asker || other->waited < asker->waited);
}

struct asker *asker_enter(os_uid uid, int64_t now) {
    struct asker *own = NULL, *freest = NULL;
    int threads = 0;

    for (struct asker *asker = askers; asker < askers + ASKERS; asker++) {
        pay(asker, now);
        threads += atomic_load(&asker->threads);
        if (asker->uid == uid && (atomic_load(&asker->threads) || asker->waited))
            own = asker;
        else if (is_freer(asker, freest))
            freest = asker;
    }
    if (threads >= ASKER_THREADS || (own && atomic_load(&own->threads) >= ASKER_THREADS_OF_USER))
        return NULL;
    if (!own) {
        own = freest; /* at least half of them have no thread */
        own->uid = uid;
        own->waited = 0;
    }
    (void)atomic_fetch_add(&own->threads, 1);
    return own;
}

void asker_leave(struct asker *asker) { (void)atomic_fetch_sub(&asker->threads, 1); }

bool asker_may_wait(const struct asker *asker) { return asker->waited < ASKER_STALL_US; }

void asker_waited(struct asker *asker, int64_t us) { asker->waited += us; }
