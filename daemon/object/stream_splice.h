/* stream_splice.h: bytes between a descriptor and a pipe of the client's, in the kernel (stream.h has what is asked and answered).
 *
 * The pipe is the client's, and so is its memory. Nobody waits for it: what it does not take stays in the descriptor, and if it takes no more
 * (or has no more) that is an answer. Which kinds can do it:
 *
 *   read    pipes, Unix stream sockets, TCP sockets (poll(2) first: they would wait for bytes, whatever the call says)
 *   write   pipes. A socket would wait until all is sent, and its receivers may ask who sends
 *
 * Both ends are pipes or sockets of the kernel's own: what lies in a pipe is pages, and no server is asked for them. */
#ifndef STREAM_SPLICE_H
#define STREAM_SPLICE_H

#include "stream.h"

/* On a worker: stream_work for such a job. 0: it is answered, with what was moved so far; -EAGAIN: the descriptor is not ready;
 * STREAM_E_MORE: it may be; -EOPNOTSUPP: the kernel does not splice the two; or another negative errno, and nothing was ever moved. */
int stream_splice_work(struct stream_job *job);

#endif
