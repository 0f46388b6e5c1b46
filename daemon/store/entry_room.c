/* entry_room.c: counts what an order would take, and give back. */
#include "kept_entries.h"
#include "kept_entry.h"
#include "utlist.h"

#include <errno.h>

/* What an entry counts in n_fds; NULL: nothing. */
static size_t weight(const struct kept_entry *entry) {
    return entry ? entry->n_fds + (entry->item.serial ? 1 : 0) : 0;
}

/* With `leaves`: counts an entry that the order takes away, unless it was counted. Without: for the next time. */
static size_t frees_one(const struct kept_entries *entries, uint64_t key, bool leaves) {
    struct kept_entry *old = table_find(&entries->by_key, key);
    if (!old || old->leaves == leaves)
        return 0;
    old->leaves = leaves;
    return weight(old);
}

static size_t frees(const struct kept_order *order, bool leaves) {
    const struct kept_entry *entry;
    size_t n = 0;
    DL_FOREACH (order->keep, entry)
        n += frees_one(order->entries, entry->key, leaves);
    for (size_t i = 0; i < order->n_forget; i++)
        n += frees_one(order->entries, order->forget[i], leaves);
    return n;
}

int kept_order_check(const struct kept_order *order, bool more) {
    const struct kept_entries *entries = order->entries;
    const struct kept_entry *entry;
    size_t brought = 0, after = entries->n_fds;
    DL_FOREACH (order->keep, entry) {
        brought += entry->n_fds;
        after += entries->fdstore ? 1 : 0;
    }
    if (!more) {
        after -= frees(order, true);
        (void)frees(order, false);
    }
    return brought && after > entries->most ? -EMFILE : 0;
}
