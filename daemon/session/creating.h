/* creating.h: the common course of all calls that create an object from the attached descriptor.
 *
 *   checked, by the call -> bound to its number (binding_claim) -> probed if needed (pending_create.h) -> made, by the call -> replied
 *
 * Few descriptors need a probe. Without one everything is done at once, and no record is made. With one, a
 * record is in flight, charged to the session; when the probe is answered, it goes through the same last steps. Whatever must
 * happen before there is an object belongs here, and holds for all these calls. */
#ifndef CREATING_H
#define CREATING_H

#include "call.h"
#include "daemon/object/binding.h"

struct hold;
struct thread_watch_try;

/* The result message of any of these calls. */
union creating_result {
    Portd__V1__Object object;
    Portd__V1__Ports ports;
};

/* What is to be made. It is copied into the record of a request in flight, except for what `options` points to, which lasts only
 * as long as the request: so a kind that may need a probe has no options. */
struct creating {
    /* Makes or finds the object and fills in the result. tried: the poller thread's answer, NULL without a probe. ended: a new
     * object ends at once with this cause; 0: it does not. The caller updates the descriptor's watch. 0, or -1 and the refusal. */
    int (*make)(const struct creating *creating, struct binding *binding,
                const struct thread_watch_try *tried, int ended, union creating_result *result,
                struct refusal *refusal);
    const void *options; /* of that call */
    int64_t number;
    struct hold *hold; /* whose copy it is made from; NULL: from the attached descriptor, under the number */
    Portd__V1__Reply__ResultCase result;
    enum object_kind kind;
    uint8_t direction; /* of the semaphore or event */
    uint8_t objects;   /* at most so many new ones */
    bool socket;       /* the descriptor must be a socket */
    bool replaced;     /* the number named another open file */
};

/* For a call that has checked its message. 0: replied or in flight; -1 and the refusal. */
int creating_start(struct call *call, struct creating *creating);

#endif
