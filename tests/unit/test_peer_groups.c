/* test_peer_groups.c: the peer's groups, from the kernel, on the systems that tell them. A child process takes on other identities. */
#include "tests/support/test.h"

#include "proto/peer.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void groups_are_those_of_the_process(void **state) {
    gid_t groups[PEER_GROUPS_MAX];
    struct peer peer;
    int pair[2];

    (void)state;
    int n = getgroups(PEER_GROUPS_MAX, groups);
    if (n < 0)
        test_skip("this process has too many groups for this case");
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    assert_int_equal(peer_of(pair[0], &peer), 0);
    assert_int_equal(peer.n_groups, n);
    for (int i = 0; i < n; i++) {
        bool found = false;
        for (size_t k = 0; k < peer.n_groups; k++)
            found |= peer.groups[k] == groups[i];
        assert_true(found);
    }
    os_close(pair[0]);
    os_close(pair[1]);
}

static bool are_all(const uint32_t *groups, size_t n, int n_groups) {
    for (size_t i = 0; i < n; i++)
        if (groups[i] != 1000 + i)
            return false;
    return n == (size_t)n_groups;
}

/* As many as it is asked for, or none: with some of them it would be unknown what the others give. */
static int look_at_all(int connection, int n_groups) {
    uint32_t *groups;
    size_t n;
    int error = peer_all_groups(connection, &groups, &n), wrong = 0;

    if (n_groups > PEER_GROUPS_MOST)
        wrong = error != PEER_E_MANY_GROUPS || groups || n ? 8 : 0;
    else
        wrong = error || !are_all(groups, n, n_groups) ? 9 : 0;
    free(groups);
    return wrong;
}

/* In a child with so many groups and that identity: a pair of sockets knows them, also after the child changed again. */
static int child_looks(int n_groups, uid_t uid) {
    static gid_t groups[UINT16_MAX];
    struct peer peer;
    int pair[2];

    for (int i = 0; i < n_groups; i++)
        groups[i] = (gid_t)(1000 + i);
    if (setgroups((unsigned short)n_groups, groups) < 0 || setresgid(7, 7, 7) < 0 ||
        setresuid(uid, uid, 0) < 0)
        return 2;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || setresuid(0, 0, 0) < 0)
        return 3;
    if (peer_of(pair[1], &peer) != 0)
        return 4;
    if (peer.uid != uid || peer.gid != 7 || peer_self() != 0)
        return 5;
    if (peer.more_groups != (n_groups > PEER_GROUPS_MAX))
        return 6;
    if (!are_all(peer.groups, peer.n_groups, peer.more_groups ? 0 : n_groups))
        return 7;
    return look_at_all(pair[1], n_groups);
}

static void expect_child(int n_groups, uid_t uid) {
    int status;
    pid_t child = fork();

    assert_return_code(child, errno);
    if (child == 0)
        _exit(child_looks(n_groups, uid));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_identity_is_that_of_the_connect(void **state) {
    (void)state;
    if (geteuid() != 0)
        test_skip("only root can be somebody else");
    expect_child(0, 1234);
    expect_child(3, 1234);
    expect_child(PEER_GROUPS_MAX, 65534);
    expect_child(PEER_GROUPS_MAX + 1, 0);
    expect_child(PEER_GROUPS_MOST, 1234);
    expect_child(PEER_GROUPS_MOST + 1, 1234);
    expect_child(UINT16_MAX, 1234);
}

TEST_MAIN(TEST_CASE(groups_are_those_of_the_process), TEST_CASE(the_identity_is_that_of_the_connect))
