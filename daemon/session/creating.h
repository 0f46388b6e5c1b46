/* creating.h: how every call goes that makes something of the descriptor that is attached to it.
 *
 *   checked, by the call -> bound to its number (binding_claim) -> somebody is asked (pending_create.h) -> made, by the call -> answered
 *
 * Who has to be asked depends on the descriptor. Nobody has to, for almost all: then everything is done at once, with nothing allocated and no
 * request in flight. Else a record of it is in flight, charged to the session, and goes on when the answer has come: through the same
 * lines. What a later step has to ask or to tell before there is an object belongs there, and holds for all calls. */
#ifndef CREATING_H
#define CREATING_H

#include "call.h"
#include "daemon/object/binding.h"

struct thread_watch_try;

/* A result, in its place in the answer. */
union creating_result {
    Portd__V1__Object object;
    Portd__V1__Ports ports;
};

/* What is to be made. Without what `options` points to it may be copied; that lasts as long as the request, so what may have to wait has none. */
struct creating {
    /* Makes it, or finds it, and fills in the result. tried: what a poller thread says, where it was asked; ended: the cause with which what is new ends at
     * once, or 0. 0, or -1 and the refusal. The copy is updated by the caller. */
    int (*make)(const struct creating *creating, struct binding *binding,
                const struct thread_watch_try *tried, int ended, union creating_result *result,
                struct refusal *refusal);
    const void *options; /* of that call alone */
    int64_t number;
    Portd__V1__Reply__ResultCase result;
    enum object_kind kind;
    uint8_t direction; /* of a semaphore or an event */
    uint8_t objects;   /* how many there may be */
    bool socket;       /* it must be one */
    bool replaced;     /* the number named another open file */
};

/* For a call that has checked its message. Answers, or keeps in flight, or -1 and the refusal. */
int creating_start(struct call *call, struct creating *creating);

#endif
