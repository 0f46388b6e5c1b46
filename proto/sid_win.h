/* sid_win.h: users as numbers. A SID has a number in one process, for as long as that runs. */
#ifndef SID_WIN_H
#define SID_WIN_H

#include "os.h"

enum {
    SID_FIRST = 1000, /* the number of the first user that is met; 0 is the system and administrators */
    SID_MOST = 4096   /* users in all: an entry is never given up, since its number is never another user's */
};

/* The number of the user of a token (a HANDLE with TOKEN_QUERY): 0 if the token acts for the whole machine, that is as LocalSystem or with
 * the rights of Administrators in force; else that of its SID.
 * 0 and *uid; -ENOSPC: the table is full; or another negative errno. Thread-safe. */
int sid_of_token(os_fd token, os_uid *uid);

/* The number that a client with that SID has, if no rights of Administrators are in force; 0 for LocalSystem and the group Administrators. The same results, and
 * -EINVAL: it is no SID. Thread-safe. */
int sid_find(const void *sid, os_uid *uid);

enum { SID_SIZE = 68 }; /* the longest */

/* The SID of the user of this process, and unless uid is NULL his number as that of a client. 0 or a negative errno. */
int sid_of_self(unsigned char sid[SID_SIZE], os_uid *uid);

#endif
