/* letter.h: datagrams with descriptors, whose senders the kernel names. Only Linux tells who has sent one; elsewhere nothing can be bound.
 *
 * Calls do not block. Errors are negative errno values. */
#ifndef LETTER_H
#define LETTER_H

#include "frame.h"
#include "os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport_file;

enum { LETTER_MAX = 4096 };

struct letter {
    os_uid uid;   /* of the sender; root may have named another */
    uint32_t pid; /* for logs */
    bool cut;     /* it was longer, or some of its descriptors were lost */
    size_t length, n_fds;
    os_fd fds[FRAME_FDS_ROOM]; /* the caller owns them */
    char text[LETTER_MAX + 1]; /* ends with a NUL, and may have others */
};

/* As transport_listen at a path, but letters come there. */
int letter_bind(const char *address, unsigned mode, os_fd *box, struct transport_file *file);

/* Who has sent the next one. 0; -EAGAIN: there is none; -EPIPE: none will come any more; or another errno. */
int letter_sender(os_fd box, os_uid *uid);

/* Takes the next one. 0 or an errno, as above. */
int letter_receive(os_fd box, struct letter *letter);

#endif
