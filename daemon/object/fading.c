/* fading.c: a short list and a timer. */
#include "fading.h"

#include "daemon/loop/loop.h"
#include "proto/container.h"
#include "proto/os.h"
#include "registry.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct fading {
    struct registry *registry;
    struct loop_timer timer;
    void (*settle)(struct object *descriptor);
    uint64_t ids[FADING_MAX];
    size_t n;
};

static void on_timer(struct loop_timer *timer) {
    struct fading *fading = CONTAINER_OF(timer, struct fading, timer);
    fading_settle(fading->registry);
}

int fading_init(struct registry *registry, void (*settle)(struct object *descriptor)) {
    struct fading *fading = calloc(1, sizeof *fading);
    if (!fading)
        return -ENOMEM;
    *fading = (struct fading){.registry = registry, .timer = {.fn = on_timer}, .settle = settle};
    registry->fading = fading;
    return loop_timer_prepare(registry->env.loop, &fading->timer);
}

void fading_deinit(struct registry *registry) {
    if (!registry->fading)
        return;
    loop_timer_free(&registry->fading->timer);
    free(registry->fading);
    registry->fading = NULL;
}

void fading_add(struct registry *registry, uint64_t id) {
    struct fading *fading = registry->fading;
    if (fading->n == FADING_MAX)
        fading_settle(registry);
    if (fading->n == 0)
        (void)loop_timer_set(registry->env.loop, &fading->timer, os_now_us() + FADING_US);
    fading->ids[fading->n++] = id;
}

void fading_settle(struct registry *registry) {
    struct fading *fading = registry->fading;
    size_t n = fading->n;
    if (n == 0)
        return;
    loop_timer_clear(&fading->timer);
    fading->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct object *object = registry_find(registry, fading->ids[i]);
        if (object)
            fading->settle(object);
    }
}
