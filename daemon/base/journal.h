/* journal.h: the last things that happened, numbered, for those who look.
 *
 * A ring of fixed size, taken at the start: noting needs no memory and cannot fail; the oldest notice makes room for the newest. Numbers
 * grow by one from a first one of the owner's choice, so whoever remembers the last number that he has seen can tell what is new, and
 * how much of it is gone. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "proto/os.h"
#include "ring.h"

#include <stddef.h>
#include <stdint.h>

struct lane;
struct task;

/* The values are those of the wire, where it is said what they mean. */
enum journal_event {
    JOURNAL_MADE = 1,
    JOURNAL_READY = 2,
    JOURNAL_FIRED = 3,
    JOURNAL_ENDED = 4,
    JOURNAL_RELEASED = 5,
    JOURNAL_CLOSED = 6,
    JOURNAL_PASSED = 7,
    JOURNAL_CONNECTED = 8,
    JOURNAL_DISCONNECTED = 9,
    JOURNAL_REFUSED = 10,
    JOURNAL_TURNED_AWAY = 11,
};

/* What does not belong to the event is 0. */
struct notice {
    int64_t time_us; /* since 1970 */
    uint64_t session;
    uint64_t id;         /* what it is about */
    uint64_t descriptor; /* that this is made of */
    int64_t number;
    os_uid uid;
    uint32_t pid, connection;
    uint8_t event; /* enum journal_event */
    uint8_t cause, direction, type;
    uint8_t code, method; /* of a refusal */
};

/* Somebody who waits for the next notice: his task is queued when it is there. */
struct journal_reader {
    struct ring node; /* in journal->readers */
    struct task *task;
    struct lane *lane;
};

struct journal {
    struct ring readers;
    struct notice *ring; /* by number, modulo capacity */
    size_t capacity;
    uint64_t first; /* of the very first notice */
    uint64_t next;  /* of the next one */
};

/* 0 or -ENOMEM. */
int journal_init(struct journal *journal, size_t capacity, uint64_t first);
void journal_deinit(struct journal *journal); /* one of zeros is allowed */

/* Whoever waits is no longer among the readers after it. */
void journal_note(struct journal *journal, const struct notice *notice);

/* The number of the oldest notice that is kept; `next` when there is none. */
uint64_t journal_oldest(const struct journal *journal);

/* One that is kept. */
const struct notice *journal_at(const struct journal *journal, uint64_t number);

#endif
