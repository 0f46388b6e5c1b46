/* discard.c: a close that somebody is charged for. */
#include "discard.h"

#include "daemon/access/gate.h"

static void on_closed(void *context) {
    struct user *user = context;
    gates_discarded(user);
    user_unref(user);
}

void discard_close(struct registry *registry, struct user *user, os_fd fd) {
    user_ref(user->users, user->uid); /* it is there: this cannot fail */
    gates_discard(user, 1);
    closer_discard(registry->closer, &user->pile, fd, user->uid, on_closed, user);
}
