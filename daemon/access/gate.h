/* gate.h: stops reading for a uid until it has room again, without an effect on other uids.
 *
 * Received descriptors that wait to be closed count for the uid until they are closed. While there are more than GATE_FEW, the uid is not read
 * if another message could bring it beyond its share of the fd table (kept and discarded descriptors together). While the table as a whole
 * has little room (fd_table.h), the uid is not read if it has any. So a uid never has more slots than its share and one message.
 *
 * A uid whose share is filled in this way is refused further connections, too.
 *
 * A waiting gate is tried again, in a turn of its uid, when the uid has given something back or the table has room again: its opened()
 * checks whether it may go on, and calls gate_wait again if not. */
#ifndef GATE_H
#define GATE_H

#include "daemon/base/ring.h"

#include <stdbool.h>

struct fd_table;
struct refusal;
struct user;
struct users;

enum { GATE_FEW = 64 }; /* so many descriptors being closed stop no uid, if the table has room */

struct gate {
    struct user *user;
    void (*opened)(struct gate *gate);
    struct ring node; /* private: in a ring of the user while it waits */
};

void gate_init(struct gate *gate, struct user *user, void (*opened)(struct gate *gate));
void gate_deinit(struct gate *gate);

/* Does nothing if the gate waits already. opened() is called at most once for each wait. */
void gate_wait(struct gate *gate);

/* Whether the uid may have one more connection: not while discarded descriptors fill its share. 0, or -1 and the refusal. */
int gates_admit(const struct user *user, struct refusal *refusal);

/* Whether a message with as many descriptors as possible may be received for the uid. */
bool gates_may_receive(const struct user *user);

/* n descriptors were handed over to be closed; one of them is closed, which frees its slot. */
void gates_discard(struct user *user, unsigned n);
void gates_discarded(struct user *user);

/* The same for a descriptor without a user (out of memory): only the table counts it. */
void gates_discard_nobodys(struct fd_table *fd_table);
void gates_discarded_nobodys(struct fd_table *fd_table);

/* The uid has given something back: tries its waiting gates. */
void gates_look(struct user *user);

/* After a turn: if the table has room again, tries the gates that waited for that. */
void gates_after(struct users *users);

/* For user.c. */
void gates_init(struct user *user);
void gates_deinit(struct user *user);

#endif
