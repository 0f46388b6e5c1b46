/* address_win.c: where the user's broker and the system's broker are on Windows. Pipes have no folders: the user is in the
 * name, and the pipe's own access list is what keeps others out (transport_win.c). */
#include "address.h"

#include <errno.h>
#include <stdio.h>
#include <windows.h>

#include <sddl.h>

int address_user(char text[ADDRESS_MAX], int make) {
    union {
        TOKEN_USER user;
        unsigned char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } owner;
    DWORD size;
    HANDLE token;
    char *sid;

    (void)make; /* nothing to make */
    text[0] = '\0';
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return -EPERM;
    BOOL known = GetTokenInformation(token, TokenUser, &owner, sizeof(owner), &size) &&
                 ConvertSidToStringSidA(owner.user.User.Sid, &sid);
    (void)CloseHandle(token);
    if (!known)
        return -EPERM;
    (void)snprintf(text, ADDRESS_MAX, "npipe:portd-%s", sid);
    (void)LocalFree(sid);
    return 0;
}

const char *address_system(void) { return "npipe:portd"; }

int address_system_make(void) { return 0; }
