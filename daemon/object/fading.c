/* fading.c: a short list and a timer. */
#include "fading.h"

#include "registry.h"

static void on_timer(struct loop_timer *timer) {
    struct fading *fading = CONTAINER_OF(timer, struct fading, timer);
    fading_settle(CONTAINER_OF(fading, struct registry, fading));
}

int fading_init(struct registry *registry, void (*settle)(struct object *descriptor)) {
    struct fading *fading = &registry->fading;
    *fading = (struct fading){.timer = {.fn = on_timer}, .settle = settle};
    return loop_timer_prepare(registry->loop, &fading->timer);
}

void fading_deinit(struct registry *registry) { loop_timer_free(&registry->fading.timer); }

void fading_add(struct registry *registry, uint64_t id) {
    struct fading *fading = &registry->fading;
    if (fading->n == FADING_MAX)
        fading_settle(registry);
    if (fading->n == 0)
        (void)loop_timer_set(registry->loop, &fading->timer, os_now_us() + FADING_US);
    fading->ids[fading->n++] = id;
}

void fading_settle(struct registry *registry) {
    struct fading *fading = &registry->fading;
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
