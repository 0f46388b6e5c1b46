/* hold_record.h: a hold as the keeper keeps it (daemon/store/keeper.proto). */
#ifndef HOLD_RECORD_H
#define HOLD_RECORD_H

#include "daemon/object/look.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stdint.h>

struct held;
struct renewal;
struct store_entry;
struct store_order;

/* Adds the hold to the order: its descriptor, the pidfd of its lease, and those of its spool; renewal: that one, NULL: the one that is in force. 0 or -ENOMEM. */
int hold_record_keep(struct store_order *order, const struct held *held, const struct renewal *renewal);

/* A record of a hold. `owner` to `at_put` as in struct held and struct lease. */
struct hold_record {
    os_uid owner, user, by;
    uint32_t by_pid;
    int64_t made, until;
    bool hang_up;
    bool has_process; /* its pidfd is the entry's second descriptor */
    bool has_spool;   /* whose descriptors are the entry's last ones */
    bool stops;       /* when it is full */
    struct look_state at_put;
    char name[256];
};

/* 0; -EINVAL: it is not a hold that this program can restore; or -ENOMEM. */
int hold_record_read(const struct store_entry *entry, struct hold_record *record);

#endif
