/* native_unix.c: native.h for POSIX systems. */
#include "tests/support/test.h"

#include "tests/support/native.h"

#include <sched.h>

void native_pipe(os_fd ends[2]) {
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(ends[i], F_SETFD, FD_CLOEXEC), 0);
}

ptrdiff_t native_read(os_fd fd, void *bytes, size_t size) {
    ssize_t n = read(fd, bytes, size);

    return n < 0 ? -errno : n;
}

ptrdiff_t native_write(os_fd fd, const void *bytes, size_t size) {
    ssize_t n = write(fd, bytes, size);

    return n < 0 ? -errno : n;
}

os_fd native_null(void) {
    os_fd fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

bool native_is_open(os_fd fd) { return fcntl(fd, F_GETFD) >= 0; }

void native_yield(void) { (void)sched_yield(); }

size_t native_threads(void) {
    DIR *folder = opendir("/proc/self/task");
    size_t n = 0;

    for (struct dirent *entry; folder && (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    if (folder)
        closedir(folder);
    return n;
}
