/* same_file_linux.c: by kcmp(2), which compares open files; without it, by /proc: then two open files of the same inode with the
 * same flags count as one. */
#define _GNU_SOURCE
#include "same_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COMPARE_FILES = 0 /* KCMP_FILE */ };

/* Reads the status flags from /proc/PID/fdinfo/N. False: it cannot be read. */
static bool read_flags(pid_t pid, int number, unsigned long *flags) {
    char path[64], line[128];
    bool found = false;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/fdinfo/%d", (long)pid, number);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), file) != NULL)
        found = sscanf(line, "flags: %lo", flags) == 1;
    fclose(file);
    *flags &= ~(unsigned long)O_CLOEXEC; /* a flag of the number, not of the open file */
    return found;
}

static int look_at(pid_t pid, int number, struct stat *status) {
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)pid, number);
    return stat(path, status);
}

static enum same_file compare_looks(pid_t one, pid_t other, int number) {
    unsigned long flags, other_flags;
    struct stat first, second;

    if (look_at(one, number, &first) != 0)
        return SAME_FILE_UNKNOWN;
    if (look_at(other, number, &second) != 0)
        return errno == ENOENT ? SAME_FILE_NO : SAME_FILE_UNKNOWN;
    if (first.st_dev != second.st_dev || first.st_ino != second.st_ino || first.st_rdev != second.st_rdev)
        return SAME_FILE_NO;
    if (!read_flags(one, number, &flags) || !read_flags(other, number, &other_flags))
        return SAME_FILE_UNKNOWN;
    return flags == other_flags ? SAME_FILE_YES : SAME_FILE_NO;
}

enum same_file same_file(pid_t one, pid_t other, int number) {
    long order = syscall(SYS_kcmp, one, other, COMPARE_FILES, number, number);

    if (order == 0)
        return SAME_FILE_YES;
    if (order > 0 || errno == EBADF) /* the number is not open there */
        return SAME_FILE_NO;
    return errno == ESRCH ? SAME_FILE_UNKNOWN : compare_looks(one, other, number);
}
