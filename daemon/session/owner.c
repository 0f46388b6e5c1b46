/* owner.c: watches owner processes, and the table of them. */
#include "owner.h"

#include "daemon/access/account.h"
#include "daemon/access/refusal.h"
#include "daemon/object/discard.h"
#include "lease.h"
#include "proto/container.h"
#include "utlist.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* The owners of one uid and process. If two collide in one key, the owners tell them apart. */
struct owning {
    uint64_t mark; /* key of owners.processes */
    struct owners *all;
    struct owner *list;
};

int owners_init(struct owners *owners, void (*ended)(struct owner *owner)) {
    uint64_t random[2];
    int error = os_random(random, sizeof random);
    if (error)
        return error;
    owners->ended = ended;
    owners->seed = random[0] | 1;
    table_init(&owners->processes, offsetof(struct owning, mark), random[1]);
    return 0;
}

void owners_deinit(struct owners *owners) { table_deinit(&owners->processes); }

static uint64_t mark_of(const struct owners *owners, os_uid uid, uint64_t key) {
    return key ^ (uint64_t)uid * owners->seed;
}

static bool is_of(const struct owner *owner, os_uid uid, uint64_t key) {
    return owner->lease->uid == uid && owner->process.key == key;
}

static struct owning *find(const struct owners *owners, os_uid uid, uint64_t key) {
    return table_find(&owners->processes, mark_of(owners, uid, key));
}

struct lease *owners_find(const struct owners *owners, os_uid uid, uint64_t key) {
    const struct owning *owning = find(owners, uid, key);
    struct owner *owner = owning ? owning->list : NULL;
    while (owner && !is_of(owner, uid, key))
        owner = owner->owning_next;
    return owner ? owner->lease : NULL;
}

bool owner_has(const struct owners *owners, const struct lease *lease, uint64_t key) {
    const struct owning *owning = find(owners, lease->uid, key);
    const struct owner *owner = owning ? owning->list : NULL;
    while (owner && !(owner->lease == lease && owner->process.key == key))
        owner = owner->owning_next;
    return owner != NULL;
}

static void on_ended(struct loop_watch *watch, unsigned events) {
    struct owner *owner = CONTAINER_OF(watch, struct owner, watch);
    (void)events;
    owner->ended(owner);
}

static int enter(struct owners *owners, struct owner *owner) {
    uint64_t mark = mark_of(owners, owner->lease->uid, owner->process.key);
    struct owning *owning = table_find(&owners->processes, mark);
    if (!owning) {
        owning = calloc(1, sizeof *owning);
        if (!owning || table_reserve(&owners->processes)) {
            free(owning);
            return -ENOMEM;
        }
        owning->mark = mark;
        owning->all = owners;
        table_add(&owners->processes, owning);
    }
    owner->owning = owning;
    DL_APPEND2(owning->list, owner, owning_prev, owning_next);
    return 0;
}

static void leave(struct owner *owner) {
    struct owning *owning = owner->owning;
    if (!owning)
        return;
    DL_DELETE2(owning->list, owner, owning_prev, owning_next);
    if (owning->list)
        return;
    table_remove(&owning->all->processes, owning);
    free(owning);
}

static void owner_free(struct owner *owner) {
    kept_release(&owner->kept);
    free(owner);
}

int owner_add(struct owners *owners, struct lease *lease, struct loop *loop,
              const struct owner_process *process, bool found, struct refusal *refusal) {
    struct owner *owner;
    struct kept kept = {0};
    int error;
    if (kept_receive(&kept, lease->account, refusal))
        return -1;
    owner = calloc(1, sizeof *owner);
    if (!owner) {
        kept_release(&kept);
        return refusal_memory(refusal);
    }
    kept_move(&owner->kept, &kept);
    owner->lease = lease;
    owner->ended = owners->ended;
    owner->process = *process;
    owner->watch.fd = process->fd;
    owner->watch.fn = on_ended;
    error = found ? enter(owners, owner) : 0;
    if (!error)
        error = loop_watch(loop, &owner->watch, LOOP_READ);
    if (error) {
        leave(owner);
        owner_free(owner);
        return refusal_system(refusal, -error, "cannot watch the owner");
    }
    DL_APPEND(lease->owners, owner);
    return 0;
}

void owner_remove(struct owner *owner) {
    struct lease *lease = owner->lease;
    leave(owner);
    DL_DELETE(lease->owners, owner);
    loop_unwatch(&owner->watch);
    discard_close(lease->closer, lease->account->user, owner->process.fd);
    owner_free(owner);
}
