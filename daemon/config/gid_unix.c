/* gid_unix.c: gid.h by getgrnam_r(3). */
#define _GNU_SOURCE

#include "gid.h"

#include "proto/peer.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1024, ROOM_MOST = 1 << 20 };

static int check(uint64_t gid, uint32_t *found) {
    *found = (uint32_t)gid;
    return gid == PEER_UID_NOBODY || gid >= UINT32_MAX ? GID_E_NOBODY : 0;
}

/* The record has all members of the group: an entry can be long. */
static int ask(const char *name, size_t room, uint32_t *gid) {
    struct group record, *found;
    char *memory = malloc(room);
    uint64_t number = 0;
    if (!memory)
        return -ENOMEM;
    int error = getgrnam_r(name, &record, memory, room, &found);
    if (!error && found)
        number = found->gr_gid;
    free(memory);
    if (error && error != ENOENT && error != ESRCH) /* by which some systems say that there is none */
        return -error;
    return error || !found ? GID_E_NONE : check(number, gid);
}

int gid_find(const char *name, uint32_t *gid) {
    size_t digits = strspn(name, "0123456789");
    int error = -ERANGE;
    if (digits && !name[digits])
        return digits > 10 ? GID_E_NOBODY : check(strtoull(name, NULL, 10), gid);
    for (size_t room = ROOM_FIRST; error == -ERANGE && room <= ROOM_MOST; room *= 4)
        error = ask(name, room, gid);
    return error;
}
