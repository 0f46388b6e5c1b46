/* stream_splice_bsd.c: stream_splice.h where the kernel moves nothing from one descriptor to another. stream_can_splice says so before. */
#include "stream_splice.h"

#include <errno.h>

int stream_splice_work(struct stream_job *job) {
    (void)job;
    return -EOPNOTSUPP;
}
