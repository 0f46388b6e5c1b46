/* address_win.c: addresses of the user's and the system's broker on Windows. Pipes have no folders: the name contains the user's SID, and
 * the pipe's access list keeps other users out (listen_win.c). */
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

    (void)make; /* there is no folder */
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
