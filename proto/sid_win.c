/* sid_win.c: a table of the SIDs that this process has met, in the order of their appearance.
 *
 * The last part of a SID is no number for a user: users of two domains can have the same. A user who is an administrator has two tokens as a
 * rule, one in which the group Administrators only denies, and an elevated one. With the first he is an ordinary user, with the second he is
 * what root is elsewhere. An elevated token that was restricted, or has been given a lower integrity level (as sandboxes do), is not. */
#include "sid_win.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

_Static_assert(SID_SIZE == SECURITY_MAX_SID_SIZE, "the longest");

struct entry {
    _Alignas(4) unsigned char sid[SECURITY_MAX_SID_SIZE];
};

static SRWLOCK lock = SRWLOCK_INIT;
static struct entry *entries;
static size_t n_entries, room;

/* The lock is held. */
static int add(const void *sid) {
    if (n_entries == SID_MOST)
        return -ENOSPC;
    if (n_entries == room) {
        size_t larger = room > 0 ? 2 * room : 16;
        struct entry *moved = realloc(entries, larger * sizeof(*entries));
        if (!moved)
            return -ENOMEM;
        entries = moved;
        room = larger;
    }
    if (!CopySid(sizeof(entries->sid), entries[n_entries].sid, (PSID)(uintptr_t)sid))
        return -EINVAL;
    n_entries++;
    return 0;
}

/* The number of a SID, a new one if it has none. 0 or a negative errno. */
static int number(const void *sid, os_uid *uid) {
    PSID asked = (PSID)(uintptr_t)sid;
    size_t i = 0;
    int r = 0;

    if (!IsValidSid(asked))
        return -EINVAL;
    AcquireSRWLockExclusive(&lock);
    while (i < n_entries && !EqualSid(entries[i].sid, asked))
        i++;
    if (i == n_entries)
        r = add(sid);
    ReleaseSRWLockExclusive(&lock);
    if (r == 0)
        *uid = SID_FIRST + i;
    return r;
}

/* An information of the token, allocated; NULL: it is not available. */
static void *token_get(HANDLE token, TOKEN_INFORMATION_CLASS what) {
    DWORD size = 0;

    (void)GetTokenInformation(token, what, NULL, 0, &size);
    void *information = size > 0 ? malloc(size) : NULL;
    if (information && !GetTokenInformation(token, what, information, size, &size)) {
        free(information);
        information = NULL;
    }
    return information;
}

static bool has_administrators(HANDLE token) {
    _Alignas(4) unsigned char administrators[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof(administrators);
    TOKEN_GROUPS *groups = token_get(token, TokenGroups);
    bool has = false;

    if (groups && CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, administrators, &size))
        for (DWORD i = 0; i < groups->GroupCount && !has; i++)
            has = (groups->Groups[i].Attributes & SE_GROUP_ENABLED) &&
                  !(groups->Groups[i].Attributes & SE_GROUP_USE_FOR_DENY_ONLY) &&
                  EqualSid(groups->Groups[i].Sid, administrators);
    free(groups);
    return has;
}

static bool has_integrity(HANDLE token, DWORD least) {
    TOKEN_MANDATORY_LABEL *label = token_get(token, TokenIntegrityLevel);
    bool has = false;

    if (label) {
        PSID sid = label->Label.Sid;
        UCHAR parts = *GetSidSubAuthorityCount(sid);
        has = parts > 0 && *GetSidSubAuthority(sid, (DWORD)parts - 1) >= least;
    }
    free(label);
    return has;
}

static bool is_elevated(HANDLE token) {
    TOKEN_ELEVATION elevation = {0};
    DWORD size;

    return GetTokenInformation(token, TokenElevation, &elevation, sizeof(elevation), &size) &&
           elevation.TokenIsElevated && !IsTokenRestricted(token) &&
           has_integrity(token, SECURITY_MANDATORY_HIGH_RID) && has_administrators(token);
}

int sid_of_token(os_fd token, os_uid *uid) {
    TOKEN_USER *user = token_get(token, TokenUser);
    int r;

    if (!user)
        return -EPERM;
    if (IsWellKnownSid(user->User.Sid, WinLocalSystemSid) || is_elevated(token)) {
        *uid = 0;
        r = 0;
    } else {
        r = number(user->User.Sid, uid);
    }
    free(user);
    return r;
}

int sid_find(const void *sid, os_uid *uid) {
    PSID asked = (PSID)(uintptr_t)sid;

    if (!IsValidSid(asked))
        return -EINVAL;
    if (!IsWellKnownSid(asked, WinLocalSystemSid) && !IsWellKnownSid(asked, WinBuiltinAdministratorsSid))
        return number(sid, uid);
    *uid = 0;
    return 0;
}

int sid_of_self(unsigned char sid[SID_SIZE], os_uid *uid) {
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return -EPERM;
    TOKEN_USER *user = token_get(token, TokenUser);
    int r = user && CopySid(SID_SIZE, sid, user->User.Sid) ? 0 : -EPERM;
    free(user);
    if (r == 0 && uid)
        r = sid_of_token(token, uid);
    (void)CloseHandle(token);
    return r;
}
