/* kept.h: what a descriptor costs that the broker keeps for somebody: a place in its table (fd_table.h), and one of the descriptors that a user may
 * have, on a session's account or (account NULL) on the user's alone.
 *
 * Both are taken together, before it is opened, and given back together, when it is closed. Nothing of it is remembered here: how many a thing
 * keeps, and on whose account, its type says, and its destructor gives back. */
#ifndef KEPT_H
#define KEPT_H

#include <stddef.h>

struct account;
struct refusal;
struct user;

/* 0, or -1 and the refusal. */
int kept_take(struct user *user, struct account *account, size_t n, struct refusal *refusal);
void kept_give(struct user *user, struct account *account, size_t n);

/* The same for one that has come, or was opened, and has its place in the table: which whoever closes it gives back. */
int kept_receive(struct account *account, struct refusal *refusal);

/* What it costs beside its place in the table. */
void kept_uncharge(struct user *user, struct account *account, size_t n);

#endif
