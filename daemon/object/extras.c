/* extras.c: allocation, and the list of close waits. */
#include "extras.h"

#include "daemon/access/user.h"
#include "daemon/base/slab.h"
#include "descriptor.h"
#include "proto/container.h"
#include "registry.h"

bool extras_get(struct descriptor *descriptor) {
    if (descriptor->extras)
        return true;
    descriptor->extras = slab_take(&descriptor->user->registry->extras);
    if (descriptor->extras)
        ring_init(&descriptor->extras->closes);
    return descriptor->extras;
}

void extras_free(struct registry *registry, struct extras *extras) {
    if (extras)
        slab_give(&registry->extras, extras);
}

struct hold *extras_leave_hold(struct extras *extras) {
    struct hold *hold = extras ? extras->hold : NULL;
    if (hold)
        ring_remove(&extras->copy);
    return hold;
}

void extras_await_close(struct extras *extras, struct descriptor_close *close) {
    ring_add(&extras->closes, &close->node);
}

void extras_forget_close(struct descriptor_close *close) { ring_remove(&close->node); }

void extras_take_closes(struct extras *extras, struct ring *closes) {
    if (extras)
        ring_move_all(closes, &extras->closes);
}

void extras_tell_closes(struct ring *closes) {
    struct ring *node = ring_first(closes);
    if (!node)
        return;
    struct descriptor_close *close = CONTAINER_OF(node, struct descriptor_close, node);
    ring_remove(node);
    close->done(close, closes);
}
