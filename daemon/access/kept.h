/* kept.h: the cost of descriptors that the broker holds for a user: each takes a slot of the fd table (fd_table.h) and one of the user's
 * descriptors, on a session's account or (account NULL) on the user's alone.
 *
 * It is embedded in whatever holds them and records what must be given back: the destructor calls kept_release, or on_closed does where a worker
 * closes the last one. A zeroed one holds nothing. Nothing points to it, so it may be moved.
 *
 * A received descriptor has its slot before anybody holds it, and the slot goes with the descriptor to the code that closes it. So there may be a charge
 * without a slot (an owner, an unread descriptor) and slots without a charge (a socket, an incomplete frame, an idle eventfd). */
#ifndef KEPT_H
#define KEPT_H

#include <stddef.h>
#include <stdint.h>

struct account;
struct fd_table;
struct refusal;
struct user;

struct kept {
    struct fd_table *fd_table; /* NULL: no slots */
    struct user *user;         /* who is charged, with a reference; NULL: nobody */
    struct account *account;   /* charged as well as the user; NULL: the user alone */
    uint32_t slots, charged;   /* slots of the table; descriptors of the user */
};

/* Takes n slots and charges n descriptors that are about to be opened. 0, or -1 and the refusal: nothing changed. A kept that is charged already
 * must be so on the same account. */
int kept_take(struct kept *kept, struct user *user, struct account *account, size_t n,
              struct refusal *refusal);

/* Charges one received descriptor, which has its slot; kept_adopt records that, too. 0, or -1 and the refusal. */
int kept_receive(struct kept *kept, struct account *account, struct refusal *refusal);

/* Charges n descriptors that take no slot or have theirs. Checks the user's limit, not the table. 0, or -1 and the refusal. */
int kept_charge(struct kept *kept, struct user *user, size_t n, struct refusal *refusal);

/* Gives back n charges, and with the last one the reference to the user. Slots stay. */
void kept_uncharge(struct kept *kept, size_t n);

/* One is closed: gives back its slot and its charge. */
void kept_close(struct kept *kept);

/* Takes or gives back slots until it has n; charges nobody. */
void kept_set_slots(struct kept *kept, struct fd_table *fd_table, size_t n);

/* The slot of a received descriptor is this one's from now on; and: goes with the descriptor. */
void kept_adopt(struct kept *kept);
void kept_hand_on(struct kept *kept);

/* Takes the charge off the session's account, so that the session may end; and puts it on a session's account. */
void kept_leave(struct kept *kept);
void kept_join(struct kept *kept, struct account *account);

/* Moves everything to `to`, which must be zeroed. */
void kept_move(struct kept *to, struct kept *from);

/* Gives everything back. Does nothing if zeroed. */
void kept_release(struct kept *kept);

#endif
