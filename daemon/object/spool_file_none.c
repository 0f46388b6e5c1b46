/* spool_file_none.c: a spool needs splice(2): here there is none. */
#include "daemon/access/refusal.h"
#include "spool_file.h"

#include <errno.h>

int spool_file_check(os_fd fd, enum inspect_type type, struct refusal *refusal) {
    (void)fd;
    (void)type;
    return refusal_set(refusal, REFUSAL_UNSUPPORTED, "spools", NULL, "this system has no spools");
}

size_t spool_file_cost(uint64_t size) { return (size_t)size; }

int spool_file_make(struct spool_file *file, uint64_t size) {
    *file = (struct spool_file){.size = size};
    return -ENOSYS;
}

int spool_file_restore(struct spool_file *file) {
    (void)file;
    return -ENOSYS;
}

void spool_file_unmap(struct spool_file *file) { (void)file; }

uint64_t spool_file_next(const struct spool_file *file) {
    (void)file;
    return 0;
}

uint64_t spool_file_freed(const struct spool_file *file) {
    (void)file;
    return 0;
}

void spool_file_free_to(struct spool_file *file, uint64_t position) {
    (void)file;
    (void)position;
}

size_t spool_file_find(const struct spool_file *file, uint64_t position, uint64_t next,
                       const unsigned char **bytes) {
    (void)file;
    (void)position;
    (void)next;
    *bytes = NULL;
    return 0;
}

struct spool_taken spool_file_take(struct spool_file *file, os_fd source, enum inspect_type type,
                                   size_t most) {
    (void)file;
    (void)source;
    (void)type;
    (void)most;
    return (struct spool_taken){.source = SPOOL_FAILED, .error = ENOSYS};
}

void spool_file_mark(struct spool_file *file, uint64_t position) {
    (void)file;
    (void)position;
}

size_t spool_file_gaps(const struct spool_file *file, uint64_t from, uint64_t to, uint64_t gaps[SPOOL_GAPS]) {
    (void)file;
    (void)from;
    (void)to;
    (void)gaps;
    return 0;
}
