/* test_threads.c: more users than there are poller threads for terminals. Only the last one is refused, and only that; no other
 * client notices. */
#define _GNU_SOURCE

#include "guest.h"

#include "daemon/loop/poller.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FIRST = 20000, LIMIT = PORTD__V1__CODE__CODE_LIMIT };

static struct raw crowd[POLLER_MOST + 1];

/* The kernel tells who connects by the effective user. */
static void open_as(struct raw *raw, const struct fixture *broker, uid_t uid) {
    if (seteuid(uid))
        test_skip("needs to become another user");
    int code = raw_open(raw, broker->address);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(code, 0);
}

static int watch(struct raw *raw, int fd) {
    uint64_t id = 0;
    return raw_evt(raw, fd, 5, PORTD__V1__MODE__MODE_READ, &id);
}

static int make_terminal(void) {
    int master = fixture_own(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    return fixture_own(open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC));
}

struct attempt {
    struct raw *raw;
    int fd;
};

static bool is_watched(void *data) {
    const struct attempt *attempt = data;
    return watch(attempt->raw, attempt->fd) == 0;
}

static void more_users_than_threads(void **state) {
    static struct fixture broker;
    struct raw *last = &crowd[POLLER_MOST];
    int pipe[2];

    (void)state;
    guest_start_open(&broker, 0);
    guest_pipe(pipe);
    int terminal = make_terminal();
    for (int i = 0; i < POLLER_MOST; i++) {
        open_as(&crowd[i], &broker, (uid_t)(FIRST + i));
        assert_int_equal(watch(&crowd[i], terminal), 0);
    }
    open_as(last, &broker, FIRST + POLLER_MOST);
    assert_int_equal(watch(last, terminal), LIMIT);
    guest_is_served(last);
    uint64_t evt = guest_evt(last, pipe[0], 6);
    assert_int_equal(raw_remove(last, evt), 0);
    for (int i = 0; i < POLLER_MOST; i += POLLER_MOST / 8)
        assert_int_equal(watch(&crowd[i], terminal), 0);
    /* One that leaves makes room. */
    raw_close(&crowd[0]);
    struct attempt attempt = {last, terminal};
    assert_true(fixture_until(is_watched, &attempt));
    for (int i = 1; i <= POLLER_MOST; i++)
        raw_close(&crowd[i]);
}

TEST_MAIN(FIXTURE_CASE_BARE(more_users_than_threads))
