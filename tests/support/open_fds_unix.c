/* open_fds_unix.c: by /proc/self/fd, and where there is none by a question about each number. */
#define _GNU_SOURCE
#include "tests/support/open_fds.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void test_fds_look(unsigned char open_fds[TEST_FDS]) {
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;

    memset(open_fds, 0, TEST_FDS);
    for (int fd = 0; !folder && fd < TEST_FDS; fd++) /* the system has no such directory */
        open_fds[fd] = fcntl(fd, F_GETFD) >= 0;
    while (folder && (entry = readdir(folder))) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && fd >= 0 && fd < TEST_FDS && fd != dirfd(folder))
            open_fds[fd] = 1;
    }
    if (folder)
        closedir(folder);
}

const char *test_fds_name(int fd, char *name, size_t size) {
    char link[32];

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, size - 1);
    if (n > 0)
        name[n] = '\0';
    return n > 0 ? name : "?";
}
