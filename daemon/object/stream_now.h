/* stream_now.h: reads and writes that do not block, whatever the flags of the open file are. */
#ifndef STREAM_NOW_H
#define STREAM_NOW_H

#include <sys/types.h>
#include <sys/uio.h>

/* Like readv and writev of one part. errno EINVAL or EOPNOTSUPP: not for this descriptor. */
ssize_t stream_read_now(int fd, const struct iovec *part);
ssize_t stream_write_now(int fd, const struct iovec *part);

#endif
