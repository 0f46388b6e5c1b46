/* letter_none.c: letter.h where the sender of a datagram is not told, or no descriptors come with it. */
#include "letter.h"

#include <errno.h>

int letter_bind(const char *address, unsigned mode, os_fd *box, struct transport_file *file) {
    (void)address;
    (void)mode;
    (void)box;
    (void)file;
    return -EOPNOTSUPP;
}

int letter_sender(os_fd box, os_uid *uid) {
    (void)box;
    (void)uid;
    return -EOPNOTSUPP;
}

int letter_receive(os_fd box, struct letter *letter) {
    (void)box;
    (void)letter;
    return -EOPNOTSUPP;
}
