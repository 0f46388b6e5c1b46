/* uid.h: the uid that a file means. */
#ifndef UID_H
#define UID_H

#include "proto/os.h"

/* name: of a user of the system, or what the system's users are numbered by: a decimal uid, on Windows a SID. It may ask a directory on the
 * network. 0; UID_E_NONE: there is no such user; UID_E_NOBODY: the uid is no identity; or a negative errno. */
enum { UID_E_NONE = 1, UID_E_NOBODY };
int uid_find(const char *name, os_uid *uid);

#endif
