/* discard.c: closes that are charged to a uid. */
#include "discard.h"

#include "daemon/access/fd_table.h"
#include "daemon/access/gate.h"
#include "daemon/access/user.h"
#include "daemon/loop/closer.h"
#include "inspect.h"

static void on_closed(void *context) {
    struct user *user = context;
    gates_discarded(user);
    user_unref(user);
}

static void on_nobodys_closed(void *context) { gates_discarded_nobodys(context); }

void discard_close_nobodys(struct closer *closer, struct fd_table *fd_table, os_fd fd, os_uid uid) {
    gates_discard_nobodys(fd_table);
    closer_close(closer, fd, uid, on_nobodys_closed, fd_table);
}

void discard_close(struct closer *closer, struct user *user, os_fd fd) {
    user_hold(user);
    gates_discard(user, 1);
    closer_discard(closer, &user->discard_queue, fd, user->uid, on_closed, user);
}

void discard_opened(struct closer *closer, struct user *user, os_fd fd) {
    if (fd == OS_FD_NONE)
        return;
    if (closer_waits(closer, user->uid) && !inspect_has_locks(fd)) {
        os_close(fd);
        return;
    }
    fd_table_take(user->users->fd_table, 1);
    discard_close(closer, user, fd);
}
