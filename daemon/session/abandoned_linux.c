/* abandoned_linux.c: reads /proc/self/fdinfo. A Unix socket reports how many descriptors are in its queue, and in those of
 * connections that it has not accepted (Linux 5.6). An io_uring can hold files, too; it is assumed to.
 *
 * Locks come before that, and can be told for seconds (file_locks_linux.h). So a socket with locks is assumed to hold some as well: else its locks would
 * keep the broker.
 *
 * Only of these: to report on an epoll descriptor, for example, the kernel takes its lock, which a client can hold. */
#define _GNU_SOURCE

#include "abandoned.h"

#include "daemon/base/file_locks_linux.h"
#include "proto/os.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES = 1024 }; /* without locks there are no more */

enum kind { KIND_OTHER, KIND_SOCKET, KIND_IO_URING };

static enum kind kind_of(const char *number) {
    char path[64], link[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%.16s", number);
    ssize_t length = readlink(path, link, sizeof link - 1);
    link[length > 0 ? length : 0] = '\0';
    if (!strncmp(link, "socket:", strlen("socket:")))
        return KIND_SOCKET;
    return strcmp(link, "anon_inode:[io_uring]") ? KIND_OTHER : KIND_IO_URING;
}

static bool socket_holds_others(const char *number) {
    char path[64], lines[LINES];
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%.16s", number);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, lines, sizeof lines - 1);
    os_close(fd);
    lines[n > 0 ? n : 0] = '\0';
    const char *count = strstr(lines, "scm_fds:");
    return count && strtoul(count + strlen("scm_fds:"), NULL, 10) > 0;
}

/* number: a text of decimal digits */
static bool socket_has_locks(const char *number) { return file_locks_exist((int)strtol(number, NULL, 10)); }

static bool descriptor_holds_others(const char *number) {
    enum kind kind = kind_of(number);
    return kind == KIND_IO_URING ||
           (kind == KIND_SOCKET && (socket_has_locks(number) || socket_holds_others(number)));
}

bool abandoned_inside(void) {
    DIR *all = opendir("/proc/self/fd");
    const struct dirent *one;
    bool found = false;
    if (!all)
        return false;
    while (!found && (one = readdir(all)))
        found = one->d_name[0] != '.' && descriptor_holds_others(one->d_name);
    closedir(all);
    return found;
}
