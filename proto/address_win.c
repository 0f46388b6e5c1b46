/* address_win.c: addresses of the user's and the system's broker on Windows. Pipes have no folders: the name contains the user's SID, and
 * the pipe's access list keeps other users out (listen_win.c). */
#include "address.h"

#include "sid_win.h"

#include <errno.h>
#include <stdio.h>
#include <windows.h>

#include <sddl.h>

int address_user(char text[ADDRESS_MAX], int make) {
    _Alignas(4) unsigned char own[SID_SIZE];
    char *sid;

    (void)make; /* there is no folder */
    text[0] = '\0';
    if (sid_of_self(own, NULL) < 0 || !ConvertSidToStringSidA(own, &sid))
        return -EPERM;
    (void)snprintf(text, ADDRESS_MAX, "npipe:portd-%s", sid);
    (void)LocalFree(sid);
    return 0;
}

const char *address_system(void) { return "npipe:portd"; }

int address_system_make(void) { return 0; }
