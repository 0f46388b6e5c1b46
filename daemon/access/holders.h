/* holders.h: the biggest users of a quota, found in constant time.
 *
 * A refusal names the sessions of the caller's uid that have most; only admins are told of other uids. Each take updates the list of the
 * biggest, and each refusal checks the next HOLDERS_LOOKS accounts: so the result is exact for up to that many accounts, else it has the
 * biggest of those that have recently taken something. */
#ifndef HOLDERS_H
#define HOLDERS_H

#include <stddef.h>
#include <stdint.h>

enum { HOLDERS_TOP = 3, HOLDERS_LOOKS = 64 };

struct account;
struct refusal;
struct user;

/* For one quota; biggest first when noted, then NULL. */
struct holders {
    struct account *top[HOLDERS_TOP];
};

/* The account's usage of the slot has grown. */
void holders_note(struct holders *holders, struct account *account, int slot);

/* The account ends. */
void holders_forget(struct user *user, const struct account *account);

/* Writes which of the user's sessions have most of the slot: " session 123 (name) 40, session ...". Unchanged if none has any. */
void holders_write(struct user *user, int slot, char *text, size_t room);

/* Always -1, with a refusal: the fd table, or the user's share of it, is full, and how many slots the user has; for root and the broker's
 * own uid also which uid has most. */
int holders_refuse_table(struct user *user, struct refusal *refusal);

#endif
