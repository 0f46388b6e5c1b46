/* deferred_drop.c: a short list of ids and a timer. */
#include "deferred_drop.h"

#include "daemon/loop/loop.h"
#include "proto/container.h"
#include "proto/os.h"
#include "registry.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct deferred_drops {
    struct registry *registry;
    struct loop_timer timer;
    void (*update)(struct object *descriptor);
    uint64_t ids[DEFERRED_DROP_MAX];
    size_t n;
};

static void on_timer(struct loop_timer *timer) {
    struct deferred_drops *deferred_drops = CONTAINER_OF(timer, struct deferred_drops, timer);
    deferred_drop_run(deferred_drops->registry);
}

int deferred_drop_init(struct registry *registry, void (*update)(struct object *descriptor)) {
    struct deferred_drops *deferred_drops = calloc(1, sizeof *deferred_drops);
    if (!deferred_drops)
        return -ENOMEM;
    *deferred_drops =
        (struct deferred_drops){.registry = registry, .timer = {.fn = on_timer}, .update = update};
    registry->deferred_drops = deferred_drops;
    return loop_timer_prepare(registry->env.loop, &deferred_drops->timer);
}

void deferred_drop_deinit(struct registry *registry) {
    if (!registry->deferred_drops)
        return;
    loop_timer_free(&registry->deferred_drops->timer);
    free(registry->deferred_drops);
    registry->deferred_drops = NULL;
}

void deferred_drop_add(struct registry *registry, uint64_t id) {
    struct deferred_drops *deferred_drops = registry->deferred_drops;
    if (deferred_drops->n == DEFERRED_DROP_MAX)
        deferred_drop_run(registry);
    if (deferred_drops->n == 0)
        (void)loop_timer_set(registry->env.loop, &deferred_drops->timer, os_now_us() + DEFERRED_DROP_US);
    deferred_drops->ids[deferred_drops->n++] = id;
}

void deferred_drop_run(struct registry *registry) {
    struct deferred_drops *deferred_drops = registry->deferred_drops;
    size_t n = deferred_drops->n;
    if (n == 0)
        return;
    loop_timer_clear(&deferred_drops->timer);
    deferred_drops->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct object *object = registry_find(registry, deferred_drops->ids[i]);
        if (object)
            deferred_drops->update(object);
    }
}
