/* test_threads.c: more users than there are poller threads for terminals. Only the last one is refused, and only that; no other
 * client notices. And a broker whose user may have no more threads: what needs a worker is refused, not left without an answer. */
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

/* ---- no thread at all --------------------------------------------------------------------------------------------------- */

#define CROWDED "PORTD_TEST_CROWDED" /* the broker's program: this one is started in its place */

enum { CROWDED_UID = 2009 };

static int limit_threads(pid_t pid, bool limited) {
    struct rlimit limit;

    if (prlimit(pid, RLIMIT_NPROC, NULL, &limit) < 0)
        return -1;
    limit.rlim_cur = limited ? 0 : limit.rlim_max;
    return prlimit(pid, RLIMIT_NPROC, &limit, NULL);
}

static bool become_crowded(void) { return geteuid() != 0 || guest_become(CROWDED_UID); }

/* Who has the same user may always do it. */
static int allow_threads(void *broker) {
    return become_crowded() && limit_threads(((struct fixture *)broker)->pid, false) == 0 ? 0 : 1;
}

/* Becomes a user who is not root, for whom the limit does not count, and then the broker. */
static int become_broker(const char *path, char **arguments) {
    int program = open(path, O_RDONLY | O_CLOEXEC);

    if (program < 0 || limit_threads(getpid(), true) < 0 || !become_crowded())
        return 125;
    (void)execv(path, arguments);
    (void)fexecve(program, arguments, environ); /* in a folder that the user cannot search */
    return 126;
}

static void start_crowded(struct fixture *fixture) {
    const char *named = getenv("PORTD_DAEMON");
    char address[64], self[512], daemon[512];
    const char *const options[] = {"--listen", address, "--mode", "0666", NULL};
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (!named || !*named)
        test_skip("needs PORTD_DAEMON");
    assert_true(n > 0);
    self[n] = '\0';
    (void)snprintf(daemon, sizeof(daemon), "%s", named);
    (void)snprintf(address, sizeof(address), "unix:@portd-test-crowded-%d", (int)getpid());
    (void)setenv(CROWDED, daemon, 1);
    (void)setenv("PORTD_DAEMON", self, 1);
    fixture_start(fixture, options);
    (void)setenv("PORTD_DAEMON", daemon, 1);
    (void)unsetenv(CROWDED);
}

static void is_refused_for_threads(const portd_client *client, int code) {
    assert_int_equal(code, PORTD_E_LIMIT);
    assert_non_null(strstr(portd_last_error(client), "cannot start a thread"));
}

static void without_threads_requests_are_answered(void **state) {
    static struct fixture broker;
    portd_native handle;
    portd_id in, evt;
    int pipe[2];
    char byte = 0;
    size_t count;

    (void)state;
    start_crowded(&broker);
    portd_client *client = fixture_client_at(broker.address, NULL);
    guest_pipe(pipe);
    assert_int_equal(portd_fd_to_port(client, pipe[0], "", PORTD_READ, fixture_soon(), &in, NULL), 1);
    assert_int_equal(portd_fd_to_evt(client, pipe[0], PORTD_MODE_READ, PORTD_FD, fixture_soon(), &evt), 1);
    is_refused_for_threads(client, portd_port_read(client, in, &byte, 1, 0, fixture_soon(), &count, NULL));
    assert_int_equal(write(pipe[1], "#", 1), 1);
    is_refused_for_threads(client, portd_port_read(client, in, &byte, 1, 0, fixture_soon(), &count, NULL));
    is_refused_for_threads(client, portd_handle_dup(client, evt, fixture_soon(), &handle));
    assert_int_equal(portd_ping(client, fixture_soon()), 1);
    /* As soon as there may be threads again, and then what had to wait for one is closed. */
    assert_int_equal(fixture_reap(fixture_fork(allow_threads, &broker)), 0);
    assert_int_equal(portd_port_read(client, in, &byte, 1, 0, fixture_soon(), &count, NULL), 1);
    assert_int_equal(byte, '#');
    fixture_disconnect(client);
    fixture_until_fds(&broker, 0);
}

int main(int argc, char **argv) {
    struct CMUnitTest cases[] = {FIXTURE_CASE_BARE(more_users_than_threads),
                                 FIXTURE_CASE_BARE(without_threads_requests_are_answered)};
    const char *crowded = getenv(CROWDED);

    (void)argc;
    return crowded ? become_broker(crowded, argv) : TEST_RUN(cases);
}
