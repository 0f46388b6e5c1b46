/* extras.c: allocation, and the list of close waits. */
#include "extras.h"

#include "daemon/access/user.h"
#include "daemon/base/slab.h"
#include "descriptor.h"
#include "registry.h"
#include "utlist.h"

bool extras_get(struct descriptor *descriptor) {
    if (!descriptor->extras)
        descriptor->extras = slab_take(&descriptor->user->registry->extras);
    return descriptor->extras;
}

void extras_free(struct registry *registry, struct extras *extras) {
    if (extras)
        slab_give(&registry->extras, extras);
}

void extras_await_close(struct extras *extras, struct descriptor_close *close) {
    LL_PREPEND(extras->closes, close);
}

void extras_forget_close(struct extras *extras, struct descriptor_close *close) {
    LL_DELETE(extras->closes, close);
}

struct descriptor_close *extras_take_closes(struct extras *extras) {
    struct descriptor_close *closes = extras ? extras->closes : NULL;
    if (closes)
        extras->closes = NULL;
    return closes;
}

void extras_tell_closes(struct descriptor_close *closes) {
    for (struct descriptor_close *next; closes; closes = next) {
        next = closes->next;
        closes->done(closes);
    }
}
