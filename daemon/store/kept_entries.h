/* kept_entries.h: what the keeper keeps, and the orders of its broker (keeper.proto).
 *
 * Whatever the broker writes, only its own entries suffer: a frame that is no order ends the broker.
 *
 * The descriptors of the entries, and so of what lasts, leave room for further orders at all times: one that would take that room is refused with
 * -EMFILE, and what it brought is closed. What brings no descriptors is never refused for that. */
#ifndef KEPT_ENTRIES_H
#define KEPT_ENTRIES_H

#include "daemon/base/table.h"
#include "proto/channel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct closer;
struct fdstore;
struct kept_entry;
struct kept_order;

struct kept_entries {
    struct table by_key;
    struct kept_entry *list;
    size_t
        n_fds; /* of the entries, with what the fdstore needs of each, and of an order whose last frame has not come */
    size_t most;             /* of n_fds, after an order or a part of one that has brought descriptors */
    struct fdstore *fdstore; /* what is kept is there, too; NULL: there is none */
    struct closer *closer;   /* closes what is forgotten: that may block */
    struct kept_order *part; /* an order whose last frame has not come */
    /* What is written to the broker now: */
    struct channel *channel;   /* NULL: there is none */
    uint64_t broker;           /* counts them */
    struct kept_entry *giving; /* the next one to be given back */
    uint64_t asked;            /* serial of that order; 0: not asked */
    bool ready;                /* the broker serves clients */
    bool alive;                /* it has said so, since this was set to false; the same for the next two */
    bool reloading, reloaded;
    os_fd
        link; /* another broker is to be started, with this descriptor, which its taker owns; OS_FD_NONE: not */
    uint64_t linked; /* serial of that order: kept_entries_answer */
    uint64_t failed; /* serial of an order of which nothing more is taken; 0: none */
    int failure;     /* why */
    int broken;      /* an answer could not be written: a negative errno, and the broker cannot go on */
};

/* 0 or a negative errno. `most` has no limit. */
int kept_entries_init(struct kept_entries *entries, struct closer *closer);
void kept_entries_deinit(
    struct kept_entries *entries); /* closes nothing: the process ends, and the closer has */

size_t kept_entries_count(const struct kept_entries *entries);

/* An entry that an earlier keeper had, from the fdstore: takes the descriptor `end` of that serial. Entries come in order of serial, and of two with one
 * key the later one counts. 0, or a negative errno: it is lost. */
int kept_entries_load(struct kept_entries *entries, os_fd end, uint64_t serial);

/* Carries out a frame of the broker; takes its descriptors. 0, or a negative errno: the broker cannot go on. */
int kept_entries_take(struct kept_entries *entries, struct channel_frame *frame);

/* Writes what is to be given back, as far as the broker reads. 0; -EAGAIN: the kernel has no room for descriptors, call it again in a moment; or another
 * negative errno: as above. */
int kept_entries_give(struct kept_entries *entries);

/* Asks the broker whether its loop runs: it answers by `alive`. 0 or a negative errno: the broker cannot go on. */
int kept_entries_ask(struct kept_entries *entries);

/* Answers the order of `linked`. error: 0 or a negative errno. */
void kept_entries_answer(struct kept_entries *entries, int error);

/* Another broker begins, or none: NULL. Half an order is forgotten. */
void kept_entries_attach(struct kept_entries *entries, struct channel *channel);

#endif
