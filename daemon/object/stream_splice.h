/* stream_splice.h: moves bytes between a descriptor and a client's pipe inside the kernel. stream.h has the
 * job.
 *
 * The pipe is the client's. Its pages are those of who wrote the bytes, but for Unix sockets: the kernel copies what lies in the head of a message
 * into pages of the thread that splices, and one byte in a pipe keeps such a page (32 KiB). TCP's pages are charged to nobody. A splice never waits for the pipe: bytes that do not fit stay in
 * the descriptor, and a full (or empty) pipe ends the splice with an answer. Possible descriptors:
 *
 *   read    pipes, Unix stream sockets, TCP sockets (poll(2) first: splice(2) would wait for bytes in spite of the
 *           flag)
 *   write   pipes. A socket would wait until all is sent, and its receivers may ask for the sender
 *
 * Both ends are the kernel's own pipes or sockets. A pipe contains pages, so no server is called for them. */
#ifndef STREAM_SPLICE_H
#define STREAM_SPLICE_H

#include "stream.h"

/* Runs on a worker: stream_work for a splice. Returns 0, with the bytes moved so far; -EAGAIN: the descriptor
 * is not ready; STREAM_E_MORE: it may be ready; -EOPNOTSUPP: the kernel cannot splice the two; or another
 * negative errno. The last two are returned only if no byte was ever moved. */
int stream_splice_work(struct stream_job *job);

#endif
