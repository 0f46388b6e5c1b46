/* loading.c: what an earlier keeper had. */
#include "kept_entries.h"

#include "keeper.pb-c.h"
#include "kept_entry.h"
#include "utlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 0 or -ENOMEM. */
static int load(struct kept_entries *entries, struct kept_entry *entry,
                const Portd__Keeper__V1__Entry *packed, const struct fdstore_item *item,
                const struct fdstore_found *found) {
    struct kept_order *order = calloc(1, sizeof *order);
    struct kept_entry *old = table_find(&entries->by_key, packed->key);
    if (!order || (!old && table_reserve(&entries->by_key))) {
        free(order);
        return -ENOMEM;
    }
    *order = (struct kept_order){.entries = entries, .closing = 1};
    entry->key = packed->key;
    entry->user = packed->user;
    entry->length = packed->record.len;
    if (entry->length)
        memcpy(entry->record, packed->record.data, entry->length);
    entry->n_fds = found->n_fds;
    memcpy(entry->fds, found->fds, found->n_fds * sizeof *found->fds);
    entry->item = *item;
    if (old)
        kept_entry_drop(order, old);
    (void)table_add(&entries->by_key, entry);
    DL_APPEND(entries->list, entry);
    entries->n_fds += entry->n_fds + 1;
    kept_order_closed(order);
    return 0;
}

int kept_entries_load(struct kept_entries *entries, os_fd end, uint64_t serial) {
    uint8_t room[KEPT_PACKED_MAX];
    struct fdstore_item item;
    struct fdstore_found found;
    os_fd fds[FDSTORE_FDS_MAX];
    int error = fdstore_load(entries->fdstore, &item, end, serial, room, sizeof room, &found);
    if (error)
        return error;
    Portd__Keeper__V1__Entry *packed = portd__keeper__v1__entry__unpack(NULL, found.length, found.bytes);
    struct kept_entry *entry = packed ? calloc(1, sizeof *entry + packed->record.len) : NULL;
    error = !packed || packed->fds != found.n_fds ? -EINVAL : 0;
    if (!error && (!entry || load(entries, entry, packed, &item, &found)))
        error = -ENOMEM;
    if (error) {
        size_t n_fds = fdstore_forget(entries->fdstore, &item, fds);
        while (n_fds)
            os_close(fds[--n_fds]);
        while (found.n_fds)
            os_close(found.fds[--found.n_fds]);
        free(entry);
    }
    portd__keeper__v1__entry__free_unpacked(packed, NULL);
    return error;
}
