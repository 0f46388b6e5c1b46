/* test_open_file.c: copies of a descriptor are one open file, whatever this system has to tell that by. */
#include "tests/support/test.h"

#include "daemon/object/inspect.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

static bool copy_is_same(int fd) {
    int copy = dup(fd);

    assert_true(copy >= 0);
    bool same = inspect_same(fd, copy) && inspect_same(copy, fd);
    close(copy);
    return same;
}

static void pipes(void **state) {
    int ends[2], others[2];

    (void)state;
    inspect_init(OS_FD_NONE);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(others), 0);
    assert_true(copy_is_same(ends[0]));
    assert_true(copy_is_same(ends[1]));
    assert_false(inspect_same(ends[0], ends[1]));
    assert_false(inspect_same(ends[0], others[0]));
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(others[i]);
    }
}

static void unix_sockets(void **state) {
    int pair[2];

    (void)state;
    inspect_init(OS_FD_NONE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(copy_is_same(pair[0]));
    assert_false(inspect_same(pair[0], pair[1]));
    close(pair[0]);
    close(pair[1]);
}

static void connections(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof(address);

    (void)state;
    inspect_init(OS_FD_NONE);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(one, (struct sockaddr *)&address, size), 0);
    int other = accept(listener, NULL, NULL);
    assert_true(other >= 0);
    assert_true(copy_is_same(one));
    assert_true(copy_is_same(other));
    assert_false(inspect_same(one, other));
    assert_false(inspect_same(one, listener));
    close(one);
    close(other);
    close(listener);
}

/* Without a call that compares, a file counts as different from its copy, too. */
static void files(void **state) {
    int file = open("/", O_RDONLY), again = open("/", O_RDONLY);

    (void)state;
    inspect_init(OS_FD_NONE);
    assert_true(file >= 0 && again >= 0);
    assert_false(inspect_same(file, again));
    assert_int_equal(copy_is_same(file), strcmp(inspect_identity(), "fstat") != 0);
    assert_false(inspect_same(file, 1000));
    close(file);
    close(again);
}

TEST_MAIN(TEST_CASE(pipes), TEST_CASE(unix_sockets), TEST_CASE(connections), TEST_CASE(files))
