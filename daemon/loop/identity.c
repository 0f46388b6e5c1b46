/* identity.c: creates identities and counts their references. */
#include "identity.h"

#include <stdlib.h>
#include <string.h>

size_t identity_size(size_t n_groups) {
    return sizeof(struct identity) + n_groups * sizeof(((struct identity *)0)->groups[0]);
}

struct identity *identity_new(os_uid uid, uint32_t gid, uint32_t pid, const uint32_t *groups,
                              size_t n_groups) {
    static uint64_t serial;
    struct identity *identity = malloc(identity_size(n_groups));

    if (!identity)
        return NULL;
    *identity = (struct identity){.refs = 1,
                                  .serial = ++serial,
                                  .uid = uid,
                                  .gid = gid,
                                  .pid = pid,
                                  .process = OS_FD_NONE,
                                  .n_groups = n_groups};
    if (n_groups)
        memcpy(identity->groups, groups, n_groups * sizeof(*groups));
    return identity;
}

struct identity *identity_ref(struct identity *identity) {
    identity->refs++;
    return identity;
}

void identity_unref(struct identity *identity) {
    if (!identity || --identity->refs)
        return;
    if (identity->gone)
        identity->gone(identity);
    free(identity);
}
