/* uid_unix.c: uid.h by getpwnam_r(3). */
#define _GNU_SOURCE

#include "uid.h"

#include "proto/peer.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1024, ROOM_MOST = 1 << 20 };

static int check(os_uid uid) { return uid == PEER_UID_NOBODY || uid >= UINT32_MAX ? UID_E_NOBODY : 0; }

/* The record's other fields need room as well: an entry can be long. */
static int ask(const char *name, size_t room, os_uid *uid) {
    struct passwd record, *found;
    char *memory = malloc(room);
    if (!memory)
        return -ENOMEM;
    int error = getpwnam_r(name, &record, memory, room, &found);
    if (!error && found)
        *uid = found->pw_uid;
    free(memory);
    if (error && error != ENOENT && error != ESRCH) /* by which some systems say that there is none */
        return -error;
    return error || !found ? UID_E_NONE : check(*uid);
}

int uid_find(const char *name, os_uid *uid) {
    size_t digits = strspn(name, "0123456789");
    int error = -ERANGE;
    if (digits && !name[digits]) {
        if (digits > 10)
            return UID_E_NOBODY;
        *uid = strtoull(name, NULL, 10);
        return check(*uid);
    }
    for (size_t room = ROOM_FIRST; error == -ERANGE && room <= ROOM_MOST; room *= 4)
        error = ask(name, room, uid);
    return error;
}
