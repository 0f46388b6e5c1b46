/* gate.h: what is stopped until its uid has room again: nothing more is received for it, and nothing else pays for that.
 *
 * Descriptors that were received and wait to be closed are the uid's until they are closed. While they are many, it is not read if another
 * message would bring it beyond its share of the process's table (what it keeps, and these); and while the table as a whole has
 * little room (fd_table.h), it is not read as long as it has any. So one uid never has more of the table than its share and what one
 * message brings.
 *
 * A uid whose share is filled so is refused further connections, too.
 *
 * A gate that waits is looked at again, in turns of its own uid, when that has given something back, or the table has room again: its opened()
 * looks whether it may go on, and waits again if it may not. */
#ifndef GATE_H
#define GATE_H

#include "daemon/base/ring.h"

#include <stdbool.h>

struct refusal;
struct user;
struct users;

enum { GATE_FEW = 64 }; /* descriptors being closed that stop nobody, if the table has room */

struct gate {
    struct user *user;
    void (*opened)(struct gate *gate);
    struct ring node; /* private: in its user's, while it waits */
};

void gate_init(struct gate *gate, struct user *user, void (*opened)(struct gate *gate));
void gate_deinit(struct gate *gate);

/* Nothing happens if it waits already. */
void gate_wait(struct gate *gate);

/* Whether one more connection of that uid may be made: not while what it has thrown away fills its share. 0, or -1 and the refusal. */
int gates_admit(const struct user *user, struct refusal *refusal);

/* Whether a message may be received for that uid, with all the descriptors that it can bring. */
bool gates_may_receive(const struct user *user);

/* So many descriptors are on their way to be closed; one of them is closed, and its slot given back. */
void gates_discard(struct user *user, unsigned n);
void gates_discarded(struct user *user);

/* Something was given back: the uid's gates that wait are looked at. */
void gates_look(struct user *user);

/* After a turn: if the table has room again, those who waited for that are looked at. */
void gates_after(struct users *users);

/* For user.c. */
void gates_init(struct user *user);
void gates_deinit(struct user *user);

#endif
