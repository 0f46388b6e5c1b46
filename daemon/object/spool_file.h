/* spool_file.h: the bytes of a spool (spool.h): a pipe, and a file in memory with the last of them. The keeper has both, so they outlive the broker.
 *
 * A worker splices from the source into the pipe, where the kernel has either moved a byte or not, and empties the pipe into the file. Before that it
 * writes into the file at which position the pipe will be empty: a broker that dies in between leaves the rest in the pipe, and how much that is tells the next one how far it
 * had come. So no byte is lost or there twice. Where the kernel does not splice from the source, the worker reads from it into the file, and the
 * death of the broker meanwhile may lose bytes: the place is marked, a *gap*.
 *
 * Positions count from 0, the first byte of the spool. The file has room for SPOOL_CHUNK bytes more than are kept: a worker writes only there, while
 * the loop reads the others. */
#ifndef SPOOL_FILE_H
#define SPOOL_FILE_H

#include "inspect.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPOOL_FDS = 3,         /* the file, and both ends of the pipe: reading, writing */
    SPOOL_CHUNK = 1 << 16, /* most bytes of one spool_file_take, and in the pipe */
    SPOOL_GAPS = 16,       /* the last ones are known */
    SPOOL_LEAST = 1 << 12, /* sizes */
    SPOOL_MOST = 1 << 26
};

struct refusal;

struct spool_file {
    os_fd fds[SPOOL_FDS];
    void *memory;
    uint64_t size; /* bytes that are kept */
};

enum spool_source {
    SPOOL_GOES_ON, /* there may be more */
    SPOOL_IDLE,    /* poll(2) tells when there is more */
    SPOOL_HUNG,    /* nobody has the other end open now; it may be opened again */
    SPOOL_ENDED,   /* nothing comes any more */
    SPOOL_FAILED   /* `error` */
};

struct spool_taken {
    enum spool_source source;
    int error; /* an errno */
};

/* Whether bytes of that descriptor can be spooled here. 0, or -1 and the refusal. */
int spool_file_check(os_fd fd, enum inspect_type type, struct refusal *refusal);

/* Bytes of memory for a spool of that size, with its pipe. */
size_t spool_file_cost(uint64_t size);

/* 0 or a negative errno. The descriptors are the caller's to close, after spool_file_unmap. */
int spool_file_make(struct spool_file *file, uint64_t size);

/* That of an earlier broker, whose descriptors are in `fds`. -EINVAL: it is none. */
int spool_file_restore(struct spool_file *file);

void spool_file_unmap(struct spool_file *file);

/* The position behind the last byte; a worker may move it on. */
uint64_t spool_file_next(const struct spool_file *file);

/* How far bytes are not wanted any more, which outlives the broker, too. */
uint64_t spool_file_freed(const struct spool_file *file);
void spool_file_free_to(struct spool_file *file, uint64_t position);

/* The bytes at that position, up to `next`, that lie together: how many. */
size_t spool_file_find(const struct spool_file *file, uint64_t position, uint64_t next,
                       const unsigned char **bytes);

/* On a worker: takes at most so many bytes (1 to SPOOL_CHUNK) from the source. */
struct spool_taken spool_file_take(struct spool_file *file, os_fd source, enum inspect_type type,
                                   size_t most);

/* Bytes may be missing at that position. */
void spool_file_mark(struct spool_file *file, uint64_t position);

/* The gaps at positions from `from` to before `to`, in order: how many. */
size_t spool_file_gaps(const struct spool_file *file, uint64_t from, uint64_t to, uint64_t gaps[SPOOL_GAPS]);

#endif
