/* turned_away.c: a list, looked through when a uid or all have as many as they may, and from time to time. */
#include "turned_away.h"

#include "connection.h"
#include "daemon/access/user.h"
#include "proto/container.h"
#include "proto/socket.h"

#include <stdint.h>
#include <stdlib.h>

enum {
    CHECK_US = 100000,
    VAIN_MOST = 9 /* the pause between checks doubles this often */
};

struct told {
    struct ring node;
    struct accepted accepted; /* charges nobody */
    struct user *user;        /* with a reference */
};

static void end(struct turned_away *all, struct told *told) {
    ring_remove(&told->node);
    all->n--;
    told->user->turned_away--;
    all->close(all->context, &told->accepted, told->user);
    user_unref(told->user);
    free(told);
}

/* Closes those that have been read, of that user (NULL: of all). Where the system does not tell, none is unread. */
static void check(struct turned_away *all, const struct user *user) {
    struct ring *node = all->list.next;
    while (node != &all->list) {
        struct told *told = CONTAINER_OF(node, struct told, node);
        node = node->next;
        if ((!user || told->user == user) && socket_unread(transport_peer(told->accepted.transport)) <= 0)
            end(all, told);
    }
}

static void set_timer(struct turned_away *all, struct loop *loop) {
    (void)loop_timer_set(loop, &all->timer, os_now_us() + ((int64_t)CHECK_US << all->vain));
}

static void on_timer(struct loop_timer *timer) {
    struct turned_away *all = CONTAINER_OF(timer, struct turned_away, timer);
    size_t before = all->n;
    check(all, NULL);
    all->vain = all->n < before ? 0 : all->vain < VAIN_MOST ? all->vain + 1 : VAIN_MOST;
    if (all->n)
        set_timer(all, timer->loop);
}

int turned_away_init(struct turned_away *all, struct loop *loop,
                     void (*close)(void *context, struct accepted *accepted, struct user *user),
                     void *context) {
    *all = (struct turned_away){.timer = {.fn = on_timer}, .close = close, .context = context};
    ring_init(&all->list);
    return loop_timer_prepare(loop, &all->timer);
}

void turned_away_deinit(struct turned_away *all) {
    struct ring *node;
    while ((node = ring_first(&all->list)))
        end(all, CONTAINER_OF(node, struct told, node));
    loop_timer_free(&all->timer);
}

bool turned_away_may_tell(struct turned_away *all, const struct user *user) {
    if (user->turned_away >= TURNED_AWAY_MOST)
        check(all, user);
    else if (all->n >= TURNED_AWAY_ALL)
        check(all, NULL);
    return user->turned_away < TURNED_AWAY_MOST && all->n < TURNED_AWAY_ALL;
}

bool turned_away_keep(struct turned_away *all, struct accepted *accepted, struct user *user) {
    struct told *told = calloc(1, sizeof *told);
    if (!told)
        return false;
    accepted_move(&told->accepted, accepted);
    told->user = user_hold(user);
    charge_deinit(&told->accepted.charge);
    user->turned_away++;
    if (!all->n || all->vain) {
        all->vain = 0;
        set_timer(all, all->timer.loop);
    }
    ring_add(&all->list, &told->node);
    all->n++;
    return true;
}
