/* fuse_silent.h: a file on a FUSE file system whose server stops answering once the file is open.
 *
 * Whoever then asks about the file what the kernel does not know waits, and so does a close; and so does, in the
 * middle of whatever it does, a call of the kernel that writes to memory which the file is mapped to
 * (fuse_silent_await tells when one has come that far). The server ends
 * by itself after 20 seconds, so that a test that waits for it fails and does not hang. The file system is
 * seen by this process and its children alone. Needs root and /dev/fuse. */
#ifndef FUSE_SILENT_H
#define FUSE_SILENT_H

#include <stdbool.h>
#include <sys/types.h>

struct fuse_silent {
    pid_t server;
    int fd;    /* the open file of one page; the caller's */
    int asked; /* the server writes a byte for each page that it is asked for */
    char folder[64];
};

/* False where this machine cannot do it. */
bool fuse_silent_open(struct fuse_silent *fuse);

/* Waits until somebody waits for the page. False if nobody has within ten seconds. */
bool fuse_silent_await(struct fuse_silent *fuse);

/* Ends the server, which ends every wait for it. */
void fuse_silent_end(struct fuse_silent *fuse);

#endif
