/* test_file_locks.c: locks on the inodes of what is handed over are noticed, whoever has put them there and however. */
#define _GNU_SOURCE

#include "tests/support/test.h"

#include "daemon/base/file_locks_linux.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool set(int fd, int command, short type, off_t start, off_t length) {
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

    return fcntl(fd, command, &range) == 0;
}

/* Locks of an open file, which this process has as well. */
static void assert_noticed(int fd) {
    const off_t far = INT64_MAX - 1;

    assert_true(fd >= 0);
    assert_false(file_locks_exist(fd));
    assert_true(set(fd, F_OFD_SETLK, F_RDLCK, far, 1));
    assert_true(file_locks_exist(fd));
    assert_true(set(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
    assert_false(file_locks_exist(fd));
    assert_true(set(fd, F_OFD_SETLK, F_RDLCK, 0, 100));
    assert_true(set(fd, F_OFD_SETLK, F_UNLCK, 50, 1)); /* two of one */
    assert_true(file_locks_exist(fd));
    assert_true(set(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
}

static void those_of_an_open_file(void **state) {
    int ends[2], pair[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0u);
    int all[] = {ends[0], pair[0], pair[1], self};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        assert_noticed(all[i]);
        close(all[i]);
    }
    close(ends[1]);
}

/* The ends of a pipe have one inode, those of a pair of sockets have not, and pidfds of one process have one where there is a file system of pidfds. */
static void they_are_of_the_inode(void **state) {
    int ends[2], pair[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(set(ends[0], F_OFD_SETLK, F_RDLCK, 0, 1));
    assert_true(file_locks_exist(ends[1])); /* it is open for writing alone */
    assert_true(set(pair[0], F_OFD_SETLK, F_RDLCK, 0, 1));
    assert_false(file_locks_exist(pair[1]));
    int one = (int)syscall(SYS_pidfd_open, getpid(), 0u), other = (int)syscall(SYS_pidfd_open, getpid(), 0u);
    assert_true(set(one, F_OFD_SETLK, F_RDLCK, 0, 1));
    assert_true(file_locks_exist(other));
    int all[] = {ends[0], ends[1], pair[0], pair[1], one, other};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        close(all[i]);
}

/* On the inode of all eventfds of the machine, where others may have some, too. */
static void those_of_an_eventfd(void **state) {
    int count = eventfd(0, EFD_CLOEXEC), other = eventfd(0, EFD_CLOEXEC);

    (void)state;
    assert_true(set(count, F_OFD_SETLK, F_RDLCK, 0, 1));
    assert_true(file_locks_exist(other));
    close(count);
    close(other);
}

static void those_of_another_process(void **state) {
    int ends[2], told[2], status = -1;
    char byte = 0;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool good = set(ends[0], F_SETLK, F_RDLCK, 0, 1) && write(told[1], &byte, 1) == 1 &&
                    read(told[1], &byte, 1) == 1;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_true(file_locks_exist(ends[0]));
    assert_int_equal(write(told[0], &byte, 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(file_locks_exist(ends[0]));
    int all[] = {ends[0], ends[1], told[0], told[1]};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        close(all[i]);
}

static void what_cannot_be_told_counts_as_none(void **state) {
    int folder = open("/", O_PATH | O_CLOEXEC);

    (void)state;
    assert_false(file_locks_exist(1000));
    assert_false(file_locks_exist(folder));
    close(folder);
}

TEST_MAIN(TEST_CASE(those_of_an_open_file), TEST_CASE(they_are_of_the_inode), TEST_CASE(those_of_an_eventfd),
          TEST_CASE(those_of_another_process), TEST_CASE(what_cannot_be_told_counts_as_none))
