/* holders.h: who has most of something, told at once however many there are.
 *
 * A refusal names the sessions of the caller's own uid that have most; only who may see everything is told of other uids. The biggest are noted
 * when something is taken, and a refusal looks at HOLDERS_LOOKS more, going round: so up to that many are exactly told, and of more the
 * biggest that have lately taken anything. */
#ifndef HOLDERS_H
#define HOLDERS_H

#include <stddef.h>
#include <stdint.h>

enum { HOLDERS_TOP = 3, HOLDERS_LOOKS = 64 };

struct account;
struct refusal;
struct user;

/* Of one slot, biggest first when it was noted; NULL behind the last. */
struct holders {
    struct account *top[HOLDERS_TOP];
};

/* The account has more of that slot than before. */
void holders_note(struct holders *holders, struct account *account, int slot);

/* The account goes. */
void holders_forget(struct user *user, const struct account *account);

/* Who of the user's sessions has most of that slot, as " session 123 (name) 40," and so on. */
void holders_write(struct user *user, int slot, char *text, size_t room);

/* -1 and a refusal that says the process's table of descriptors is full, or the user's share of it, and what the user has of it; to root and
 * the broker's own uid also who has most. */
int holders_refuse_table(struct user *user, struct refusal *refusal);

#endif
