/* journal.h: the most recent notices, numbered.
 *
 * A ring buffer of fixed size, allocated by journal_init: noting needs no memory and cannot fail; the newest notice overwrites the oldest.
 * Numbers grow by one from a start that the owner chooses, so a reader that remembers the last number it has seen knows which notices are
 * new and how many it has missed. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "proto/os.h"
#include "ring.h"

#include <stddef.h>
#include <stdint.h>

struct lane;
struct task;

/* The values are those of the wire (proto/portd.proto documents them). */
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

/* Fields that the event does not use are 0. */
struct notice {
    int64_t time_us; /* since 1970 */
    uint64_t session;
    uint64_t id;         /* the object of the event */
    uint64_t descriptor; /* that the object refers to */
    int64_t number;
    os_uid uid;
    uint32_t pid, connection;
    uint8_t event; /* enum journal_event */
    uint8_t cause, direction, type;
    uint8_t code, method; /* of a refusal */
};

/* Waits for the next notice: journal_note queues the task. */
struct journal_reader {
    struct ring node; /* in journal->readers */
    struct task *task;
    struct lane *lane;
};

struct journal {
    struct ring readers;
    struct notice *ring; /* by number, modulo capacity */
    size_t capacity;
    uint64_t first; /* number of the first notice ever */
    uint64_t next;  /* number of the next notice */
};

/* 0 or -ENOMEM. */
int journal_init(struct journal *journal, size_t capacity, uint64_t first);
void journal_deinit(struct journal *journal); /* a zeroed journal is allowed */

/* Copies the notice, then queues the task of each reader and removes all readers. */
void journal_note(struct journal *journal, const struct notice *notice);

/* The number of the oldest notice kept; `next` when there is none. */
uint64_t journal_oldest(const struct journal *journal);

/* A notice that is still kept; valid until the next journal_note. */
const struct notice *journal_at(const struct journal *journal, uint64_t number);

#endif
