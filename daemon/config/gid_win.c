/* gid_win.c: gid.h where groups have no numbers (proto/peer_win.c). */
#include "gid.h"

int gid_find(const char *name, uint32_t *gid) {
    (void)name, (void)gid;
    return GID_E_SYSTEM;
}
