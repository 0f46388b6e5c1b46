/* journal.c: notices in a ring buffer. */
#include "journal.h"

#include "proto/container.h"
#include "turn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int journal_init(struct journal *journal, size_t capacity, uint64_t first) {
    *journal = (struct journal){.capacity = capacity, .first = first, .next = first};
    ring_init(&journal->readers);
    journal->ring = calloc(capacity, sizeof(*journal->ring));
    return journal->ring ? 0 : -ENOMEM;
}

void journal_deinit(struct journal *journal) {
    free(journal->ring);
    journal->ring = NULL;
}

void journal_note(struct journal *journal, const struct notice *notice) {
    struct ring *node;

    journal->ring[journal->next++ % journal->capacity] = *notice;
    while ((node = ring_first(&journal->readers))) {
        struct journal_reader *reader = CONTAINER_OF(node, struct journal_reader, node);
        ring_remove(node);
        turn_queue(reader->lane, reader->task);
    }
}

uint64_t journal_oldest(const struct journal *journal) {
    return journal->next - journal->first > journal->capacity ? journal->next - journal->capacity
                                                              : journal->first;
}

const struct notice *journal_at(const struct journal *journal, uint64_t number) {
    assert(number >= journal_oldest(journal) && number < journal->next);
    return &journal->ring[number % journal->capacity];
}
