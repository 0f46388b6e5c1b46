/* test_peer.c: the peer's identity, from the kernel, on every system. */
#include "tests/support/test.h"

#include "proto/peer.h"

#include "tests/support/on_socket.h"

#include <stdlib.h>
#include <sys/socket.h>

/* A connection of this process with itself. */
static void both_ends(os_fd ends[2]) {
    char folder[] = "/tmp/portd-peer-XXXXXX", address[64];
    struct transport_file file;
    os_fd listener;

    assert_non_null(mkdtemp(folder));
    snprintf(address, sizeof(address), "unix:%s/socket", folder);
    assert_int_equal(transport_listen(address, 0600, &listener, &file), 0);
    assert_int_equal(on_socket_connect(address, &ends[0]), 0);
    assert_int_equal(on_socket_accept(listener, &ends[1]), 0);
    transport_unlink(address, &file);
    os_close(listener);
    (void)rmdir(folder);
}

static void it_is_this_process(void **state) {
    struct peer peer;
    os_fd ends[2];

    (void)state;
    both_ends(ends);
    memset(&peer, 0xFF, sizeof(peer));
    assert_int_equal(peer_of(ends[1], &peer), 0);
    assert_int_equal(peer.uid, geteuid());
    assert_int_equal(peer.gid, getegid());
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(peer.uid, peer_self());
    assert_true(strlen(peer.label) < PEER_LABEL_MAX);
    os_close(ends[0]);
    os_close(ends[1]);
}

static void what_is_not_connected_has_no_peer(void **state) {
    struct peer peer;
    int pipes[2];

    (void)state;
    int lonely = socket(AF_UNIX, SOCK_STREAM, 0);
    int error = peer_of(lonely, &peer);
    assert_true(error == -ENOTCONN || error == -EINVAL); /* NetBSD */
    os_close(lonely);
    assert_return_code(pipe(pipes), errno);
    assert_int_equal(peer_of(pipes[0], &peer), -ENOTSOCK);
    os_close(pipes[0]);
    os_close(pipes[1]);
    assert_int_equal(peer_of(pipes[0], &peer), -EBADF);
}

TEST_MAIN(TEST_CASE(it_is_this_process), TEST_CASE(what_is_not_connected_has_no_peer))
