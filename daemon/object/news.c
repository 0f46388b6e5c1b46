/* news.c: ids of descriptors in the order in which they were told of. */
#include "news.h"

#include "bound.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"
#include "descriptor.h"
#include "proto/container.h"
#include "registry.h"

#include <stdlib.h>
#include <string.h>

enum { UNITS_NEWS = 4 /* of a turn, for one */, ROOM_FIRST = 64 };

static bool is_little(struct user_news *news, const struct turns *turns) {
    if (news->round != turns->rounds)
        news->at_once = 0;
    news->round = turns->rounds;
    return news->at_once < NEWS_AT_ONCE;
}

static void step(struct task *task) {
    struct user_news *news = CONTAINER_OF(task, struct user_news, task);
    struct user *user = CONTAINER_OF(news, struct user, news);
    while (news->first < news->n && !turn_is_over(user->lane.turns)) {
        struct object *object = registry_find(user->registry, news->ids[news->first++]);
        struct descriptor *descriptor = object ? bound_of_object(object) : NULL;
        turn_spend(user->lane.turns, UNITS_NEWS);
        if (!descriptor)
            continue;
        descriptor->noted = false;
        news->catch_up(descriptor);
    }
    if (news->first < news->n) {
        turn_queue(&user->lane, task);
        return;
    }
    free(news->ids);
    news->ids = NULL;
    news->first = news->n = news->room = 0;
}

static bool make_room(struct user_news *news) {
    size_t room = news->room ? 2 * news->room : ROOM_FIRST;
    if (news->n < news->room)
        return true;
    if (news->first > news->n / 2) {
        memmove(news->ids, news->ids + news->first, (news->n - news->first) * sizeof *news->ids);
        news->n -= news->first;
        news->first = 0;
        return true;
    }
    uint64_t *ids = realloc(news->ids, room * sizeof *ids);
    if (!ids)
        return false;
    news->ids = ids;
    news->room = room;
    return true;
}

bool news_put(struct descriptor *descriptor, news_fn catch_up) {
    struct user *user = descriptor->user;
    struct user_news *news = &user->news;
    if (is_little(news, user->lane.turns) || !make_room(news)) {
        news->at_once++;
        return false;
    }
    news->catch_up = catch_up;
    news->task.step = step;
    news->ids[news->n++] = descriptor->id;
    descriptor->noted = true;
    turn_queue(&user->lane, &news->task);
    return true;
}
