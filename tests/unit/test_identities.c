/* test_identities.c: which identities a thread can wear completely. */
#include "tests/support/test.h"

#include "daemon/loop/identity.h"

#include <sys/wait.h>

/* In a child, which may put down its capabilities. 0: as expected. */
static int child_looks(bool as_root) {
    const uint32_t groups[] = {1000, 1001};
    struct identity *few = identity_new(2001, 2001, 0, groups, 2),
                    *many = identity_new(2001, 2001, 0, NULL, 0);

    if (!few || !many)
        return 2;
    many->lacks_groups = true;
    if (!as_root && geteuid() == 0 && setuid(2001) < 0)
        return 3;
    bool few_whole = identity_is_whole(few), many_whole = identity_is_whole(many);
    identity_unref(few);
    identity_unref(many);
    if (!few_whole)
        return 4;
    return many_whole == as_root ? 5 : 0; /* who has no capability keeps its own credentials */
}

static void expect_child(bool as_root) {
    pid_t child = fork();
    int status;

    assert_return_code(child, errno);
    if (child == 0)
        _exit(child_looks(as_root));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void with_capabilities_only_all_groups_will_do(void **state) {
    (void)state;
    if (geteuid() != 0)
        test_skip("only root has the capabilities");
    expect_child(true);
}

static void without_capabilities_no_group_is_worn(void **state) {
    (void)state;
    expect_child(false);
}

TEST_MAIN(TEST_CASE(with_capabilities_only_all_groups_will_do),
          TEST_CASE(without_capabilities_no_group_is_worn))
