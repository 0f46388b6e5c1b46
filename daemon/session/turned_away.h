/* turned_away.h: connections that were turned away, until their clients have read why.
 *
 * The refusal that a client leaves unread is memory of the kernel, charged to the broker's control group. So the socket stays until it is read or the client
 * has closed its end, and while TURNED_AWAY_MOST of a uid do, or TURNED_AWAY_ALL of all uids, the next one is closed without a word. The sockets take slots of the
 * table, but none that could be kept (fd_table.h: wasted), nor from the uid's share: there are few of them. */
#ifndef TURNED_AWAY_H
#define TURNED_AWAY_H

#include "daemon/base/ring.h"
#include "daemon/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>

enum { TURNED_AWAY_MOST = 8, TURNED_AWAY_ALL = 128 };

struct accepted;
struct user;

struct turned_away {
    struct ring list; /* the one that was told first is first */
    size_t n;
    struct loop_timer timer;
    unsigned vain; /* checks in a row that found nothing read */
    void (*close)(void *context, struct accepted *accepted, struct user *user);
    void *context;
};

/* `close` is called with each socket in the end, which it closes. 0 or -ENOMEM. */
int turned_away_init(struct turned_away *all, struct loop *loop,
                     void (*close)(void *context, struct accepted *accepted, struct user *user),
                     void *context);
void turned_away_deinit(struct turned_away *all); /* closes them */

/* Whether one more of that user may be told. */
bool turned_away_may_tell(struct turned_away *all, const struct user *user);

/* It was told: moves *accepted to where it stays. False, without memory: it stays the caller's. */
bool turned_away_keep(struct turned_away *all, struct accepted *accepted, struct user *user);

#endif
