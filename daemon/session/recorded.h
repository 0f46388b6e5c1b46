/* recorded.h: makes sessions and what they have again from the keeper's records (recording.h), for the give-back. */
#ifndef RECORDED_H
#define RECORDED_H

#include <stdbool.h>

struct refusal;
struct sessions;
struct store_entry;

/* Sessions are made again before their owners, and both before all else, which is in the order of the keys; handles are the last. Other records are
 * RECORDED_LATER. */
enum recorded_rank { RECORDED_SESSION, RECORDED_OWNER, RECORDED_LATER, RECORDED_HANDLE };
enum recorded_rank recorded_rank(const struct store_entry *entry);

/* Whether recorded_restore knows it. */
bool recorded_is_known(const struct store_entry *entry);

/* 1: done; 0: it is no record of this kind, or of a version that is not known; -1 and the refusal: it is lost. Takes the descriptors, which are counted in the
 * fd table, unless it is 0. Everything is charged again. */
int recorded_restore(struct sessions *sessions, struct store_entry *entry, struct refusal *refusal);

/* All are made again: what is to be watched is watched, and rights that the rules no longer grant are taken away. */
void recorded_finish(struct sessions *sessions);

#endif
