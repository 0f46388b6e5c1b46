/* address.h: addresses of brokers: "unix:/run/portd/portd.sock", "unix:@portd" (an abstract socket, on Linux), "fd:3" (an inherited
 * descriptor), "npipe:portd". */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stddef.h>

enum address_kind { ADDRESS_NONE, ADDRESS_UNIX, ADDRESS_NPIPE, ADDRESS_FD };

enum { ADDRESS_MAX = 512 };

struct address {
    enum address_kind kind;
    char path[ADDRESS_MAX]; /* unix, npipe: the text after the colon */
    int fd;                 /* fd: the number */
};

/* NULL, or a static text that says what is wrong. A path is absolute, or a name that begins with '@', and fits into a socket address. */
const char *address_parse(const char *text, struct address *address);

/* Writes the address of the user's own broker, "" if it is too long (-ENAMETOOLONG) or unknown. 0 or a negative errno. `make` creates its
 * folder (mode 0700). -EPERM: the folder is not the user's or is open to others; or its parent is neither the user's nor root's, or is
 * writable for others and not sticky (then it is not created). -ENOENT: there is no folder. */
int address_user(char text[ADDRESS_MAX], int make);

/* The address of the system's broker. */
const char *address_system(void);

/* Creates its folder, which all users may enter. 0, or a negative errno; -EPERM: it exists, and not only root may write there. */
int address_system_make(void);

#endif
