/* uid_win.c: uid.h on Windows: a SID, or an account. */
#include "uid.h"

#include "proto/sid_win.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <sddl.h>

enum {
    SERVICE = 80,
    POOL = 82 /* the first part of an account that a service, or a pool of IIS, has for itself */
};

static wchar_t *in_utf16(const char *text) {
    int units = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    wchar_t *copy = units > 0 ? malloc((size_t)units * sizeof *copy) : NULL;
    if (copy)
        (void)MultiByteToWideChar(CP_UTF8, 0, text, -1, copy, units);
    return copy;
}

static int find_sid(const char *text, os_uid *uid) {
    PSID sid;
    if (!ConvertStringSidToSidA(text, &sid))
        return UID_E_NONE;
    int error = sid_find(sid, uid);
    (void)LocalFree(sid);
    return error;
}

/* What is no account of a user's, and is the user of a process all the same, or stands for those who are what root is elsewhere. */
static bool is_like_user(PSID sid) {
    static const WELL_KNOWN_SID_TYPE types[] = {WinLocalSystemSid, WinLocalServiceSid, WinNetworkServiceSid,
                                                WinBuiltinAdministratorsSid};
    static const SID_IDENTIFIER_AUTHORITY system = {SECURITY_NT_AUTHORITY};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (IsWellKnownSid(sid, types[i]))
            return true;
    return memcmp(GetSidIdentifierAuthority(sid), &system, sizeof system) == 0 &&
           *GetSidSubAuthorityCount(sid) > 1 &&
           (*GetSidSubAuthority(sid, 0) == SERVICE || *GetSidSubAuthority(sid, 0) == POOL);
}

/* A group has no processes: what is given to it would be given to nobody. */
static int find_account(const wchar_t *name, os_uid *uid) {
    _Alignas(4) unsigned char sid[SID_SIZE];
    wchar_t domain[256];
    DWORD size = sizeof sid, units = sizeof domain / sizeof *domain;
    SID_NAME_USE use;
    if (!LookupAccountNameW(NULL, name, sid, &size, domain, &units, &use))
        return GetLastError() == ERROR_NONE_MAPPED ? UID_E_NONE : -EIO;
    if (use != SidTypeUser && !is_like_user(sid))
        return UID_E_NONE;
    return sid_find(sid, uid);
}

int uid_find(const char *name, os_uid *uid) {
    if (strncmp(name, "S-1-", 4) == 0)
        return find_sid(name, uid);
    wchar_t *wide = *name ? in_utf16(name) : NULL;
    int error = !*name ? UID_E_NONE : wide ? find_account(wide, uid) : -ENOMEM;
    free(wide);
    return error;
}
