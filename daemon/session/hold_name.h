/* hold_name.h: what a request names by owner and name, and whether its client may. */
#ifndef HOLD_NAME_H
#define HOLD_NAME_H

#include "daemon/access/right.h"
#include "proto/os.h"

struct call;
struct held;
struct refusal;

/* 0, or -1 and the refusal. */
int hold_name_check(const char *name, struct refusal *refusal);

/* The uid of that text ("": the caller's) into *uid. field: of the request. 0, or -1 and the refusal. */
int hold_name_uid(struct call *call, const char *field, const char *text, os_uid *uid);
static inline int hold_name_owner(struct call *call, const char *text, os_uid *owner) {
    return hold_name_uid(call, "owner", text, owner);
}

/* Whether the caller has the right; name NULL: to some names of the owner. Asked before anything is looked up, so that who may not learns nothing. 0, or -1 and the
 * refusal, which names the rule that grants it to others, if there is one. */
int hold_name_may(struct call *call, os_uid owner, const char *name, enum right right);

/* The refusal: nothing is held under that name. Always -1. */
int hold_name_refuse(struct call *call, const char *name);

/* What is held under that name, for which the caller has the right. NULL: the refusal. */
struct held *hold_name_find(struct call *call, const char *owner, const char *name, enum right right);

#endif
