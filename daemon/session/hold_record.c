/* hold_record.c: packs and unpacks. */
#include "hold_record.h"

#include "daemon/access/user.h"
#include "daemon/object/bound.h"
#include "daemon/object/spool.h"
#include "daemon/store/store.h"
#include "hold_name.h"
#include "holding.h"
#include "keeper.pb-c.h"
#include "owner.h"

#include <errno.h>
#include <string.h>

enum { VERSION = 1, VERSION_SPOOL = 2 };

int hold_record_keep(struct store_order *order, const struct held *held, const struct renewal *renewal) {
    Portd__Keeper__V1__Record record = PORTD__KEEPER__V1__RECORD__INIT;
    Portd__Keeper__V1__Hold hold = PORTD__KEEPER__V1__HOLD__INIT;
    Portd__Keeper__V1__AtPut at_put = PORTD__KEEPER__V1__AT_PUT__INIT;
    Portd__Keeper__V1__Spool spool = PORTD__KEEPER__V1__SPOOL__INIT;
    uint8_t bytes[STORE_RECORD_MAX];
    struct store_entry entry = {
        .key = held->hold.id, .user = held->hold.user->uid, .record = bytes, .n_fds = 1};
    const struct lease *lease = renewal ? &renewal->lease : &held->lease;
    const struct owner *process = lease->owners;
    hold.owner = held->hold.owner;
    hold.name = (char *)(uintptr_t)held->hold.name; /* packing only reads it */
    hold.user = held->hold.user->uid;
    hold.put_by = held->by;
    hold.put_pid = held->by_pid;
    hold.made_us = held->made;
    hold.until_us = lease->until;
    hold.hang_up = renewal ? renewal->hang_up : held->hang_up;
    at_put.known = held->at_put.known;
    at_put.flags = held->at_put.flags;
    at_put.offset = held->at_put.offset;
    at_put.accepting = held->at_put.accepting;
    hold.at_put = &at_put;
    record.version = held->spool ? VERSION_SPOOL : VERSION;
    if (held->spool) {
        spool.stops = held->spool->stops;
        hold.spool = &spool;
    }
    record.hold = &hold;
    entry.length = portd__keeper__v1__record__pack(&record, bytes);
    entry.fds[0] = bound_descriptor(held->hold.binding)->fd;
    if (process)
        entry.fds[entry.n_fds++] = process->process.fd;
    for (int i = 0; held->spool && i < SPOOL_FDS; i++)
        entry.fds[entry.n_fds++] = held->spool->file.fds[i];
    return store_keep(order, &entry);
}

/* What an earlier program has not written is not known. */
static struct look_state read_at_put(const Portd__Keeper__V1__AtPut *at_put) {
    struct look_state state = {0};
    if (at_put)
        state = (struct look_state){at_put->known, at_put->flags, at_put->offset, at_put->accepting};
    return state;
}

int hold_record_read(const struct store_entry *entry, struct hold_record *record) {
    Portd__Keeper__V1__Record *packed = portd__keeper__v1__record__unpack(NULL, entry->length, entry->record);
    const Portd__Keeper__V1__Hold *hold = packed ? packed->hold : NULL;
    int error = packed ? 0 : -EINVAL;
    uint32_t version = hold && hold->spool ? VERSION_SPOOL : VERSION;
    size_t least = hold && hold->spool ? 1 + SPOOL_FDS : 1;
    if (!error && (packed->version != version || !hold || entry->n_fds < least || entry->n_fds > least + 1 ||
                   !*hold->name || strlen(hold->name) >= sizeof record->name))
        error = -EINVAL;
    if (!error) {
        *record = (struct hold_record){.owner = hold->owner,
                                       .user = hold->user,
                                       .by = hold->put_by,
                                       .by_pid = hold->put_pid,
                                       .made = hold->made_us,
                                       .until = hold->until_us,
                                       .hang_up = hold->hang_up,
                                       .has_process = entry->n_fds > least,
                                       .has_spool = hold->spool != NULL,
                                       .stops = hold->spool && hold->spool->stops,
                                       .at_put = read_at_put(hold->at_put)};
        memcpy(record->name, hold->name, strlen(hold->name) + 1);
    }
    portd__keeper__v1__record__free_unpacked(packed, NULL);
    return error;
}
