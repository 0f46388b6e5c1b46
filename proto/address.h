/* address.h: where a broker is. "unix:/run/portd/portd.sock", "unix:@portd" (a name without a file, on Linux), "fd:3" (a descriptor we
 * were started with), "npipe:portd". */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stddef.h>

enum address_kind { ADDRESS_NONE, ADDRESS_UNIX, ADDRESS_NPIPE, ADDRESS_FD };

enum { ADDRESS_MAX = 512 };

struct address {
    enum address_kind kind;
    char path[ADDRESS_MAX]; /* unix, npipe: what stands behind the colon */
    int fd;                 /* fd */
};

/* NULL, or a text that says what is wrong with it. A path is absolute, or a name that begins with '@', and fits into a socket address. */
const char *address_parse(const char *text, struct address *address);

/* The user's own broker: writes its address, "" if that is too long (-ENAMETOOLONG) or unknown. 0 or a negative errno. With `make`
 * its folder is made (mode 0700). The folder must be the user's and closed to others, and the one that it is in the user's or root's and, if
 * others may write there, sticky: else -EPERM, and nothing is made. -ENOENT: no folder. */
int address_user(char text[ADDRESS_MAX], int make);

/* The system's broker. */
const char *address_system(void);

/* Makes its folder, which all may enter. 0, or a negative errno: -EPERM when there is one that is not root's alone. */
int address_system_make(void);

#endif
