/* discard.c: closes that are charged to a uid. */
#include "discard.h"

#include "daemon/access/gate.h"
#include "daemon/access/user.h"
#include "daemon/loop/closer.h"

static void on_closed(void *context) {
    struct user *user = context;
    gates_discarded(user);
    user_unref(user);
}

void discard_close(struct closer *closer, struct user *user, os_fd fd) {
    user_ref(user->users, user->uid); /* it exists, so this cannot fail */
    gates_discard(user, 1);
    closer_discard(closer, &user->discard_queue, fd, user->uid, on_closed, user);
}
