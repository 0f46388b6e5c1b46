/* test_upgrade_steps.c: one of the two brokers of an upgrade is killed, at each step of it. The other one goes on, or the keeper starts a third: what is held, what was made
 * by it and the waits for it are never lost, and if the first broker goes on, nothing at all is. */
#define _GNU_SOURCE
#include "kill.h"
#include "tests/support/fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_STEPS = 400, ANY = 7 /* each so many steps a step is tried, in the short form */ };

static struct kill_page *kill_page;
static char page[64];
static struct fixture fixture;

static void make_page(void) {
    (void)snprintf(page, sizeof page, "/tmp/portd-kill-XXXXXX");
    int fd = mkstemp(page);
    assert_return_code(fd, errno);
    assert_return_code(ftruncate(fd, sizeof *kill_page), errno);
    kill_page = mmap(NULL, sizeof *kill_page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(kill_page != MAP_FAILED);
    (void)close(fd);
    assert_return_code(setenv(KILL_ENVIRONMENT, page, 1), errno);
    assert_return_code(setenv("LD_PRELOAD", getenv("PORTD_CRASH_LIBRARY"), 1), errno);
}

static void make_pipe(int p[2]) {
    assert_return_code(pipe2(p, O_CLOEXEC | O_NONBLOCK), errno);
    (void)fixture_own(p[0]);
    (void)fixture_own(p[1]);
}

static bool has_one(void *data) {
    unsigned n = 0;
    pid_t *pid = data;
    *pid = fixture_child(fixture.pid, &n);
    return n == 1 && fixture_process_state(*pid) != 'Z';
}

static pid_t broker(void) {
    pid_t pid = 0;
    assert_true(fixture_until(has_one, &pid));
    return pid;
}

struct outcome {
    int code;
    bool done;
};

static void on_done(portd_client *client, const portd_result *result, void *data) {
    struct outcome *outcome = data;
    (void)client;
    outcome->code = result->code;
    outcome->done = true;
}

static void await(portd_client *c, const struct outcome *outcome) {
    int64_t until = fixture_soon();
    while (!outcome->done && portd_poll(c, until) > 0)
        ;
    assert_true(outcome->done); /* also if the connection is lost */
}

static int64_t last_step(const char *variable) {
    const char *text = getenv(variable);
    return text ? atoi(text) : ANY;
}

/* Whether a broker was killed at that step. */
static bool try_step(uint64_t step, bool after, bool of_next) {
    const char *name = "held";
    struct outcome held_wait = {0}, own_wait = {0}, upgraded = {0};
    portd_id hold, held, semaphore;
    portd_native copy;
    int p[2], q[2];
    portd_client *c = fixture_client_at(fixture.address, NULL), *o = fixture_client_at(fixture.address, NULL),
                 *asks = fixture_client_at(fixture.address, NULL);
    make_pipe(p);
    make_pipe(q);
    portd_native native = p[0];
    assert_int_equal(portd_put(c, NULL, &name, &native, 1, NULL, NULL, fixture_soon(), &hold), 1);
    assert_int_equal(portd_hold_to_semaphore(c, NULL, name, PORTD_MODE_READ, fixture_soon(), &held), 1);
    assert_int_equal(portd_wait_start(c, &held, 1, 0, PORTD_FOREVER, on_done, &held_wait, NULL), 1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_int_equal(portd_fd_to_semaphore(o, q[0], PORTD_MODE_READ, fixture_soon(), &semaphore), 1);
    assert_int_equal(portd_wait_start(o, &semaphore, 1, 0, PORTD_FOREVER, on_done, &own_wait, NULL), 1);
    assert_int_equal(portd_ping(o, fixture_soon()), 1);
    pid_t before = broker();
    atomic_store(&kill_page->killed, 0);
    if (of_next) {
        atomic_store(&kill_page->after, after);
        atomic_store(&kill_page->at_start, step);
    } else {
        kill_arm(kill_page, step, after);
    }
    assert_int_equal(portd_upgrade_start(asks, on_done, &upgraded, NULL), 1);
    await(asks, &upgraded);
    kill_disarm(kill_page);
    atomic_store(&kill_page->at_start, 0);
    pid_t now = broker(), killed = atomic_load(&kill_page->killed);
    if (now == before || (!killed && upgraded.code == 1)) { /* nothing is lost at all */
        assert_int_equal(write(q[1], "x", 1), 1);
        await(o, &own_wait);
        assert_int_equal(own_wait.code, 1);
    }
    assert_int_equal(write(p[1], "x", 1), 1);
    await(c, &held_wait);
    assert_int_equal(held_wait.code, 1);
    assert_int_equal(portd_get(c, NULL, &name, 1, &hold, fixture_soon(), &copy, NULL), 1);
    (void)close((int)copy);
    assert_int_equal(portd_drop(c, NULL, &name, 1, &hold, fixture_soon()), 1);
    fixture_disconnect(c);
    fixture_disconnect(o);
    fixture_disconnect(asks);
    for (int i = 0; i < 2; i++) {
        fixture_close(p[i]);
        fixture_close(q[i]);
    }
    if (killed)
        print_message("step %llu, %s %s: broker %d of %d was killed, %d goes on\n", (unsigned long long)step,
                      after ? "after" : "before", kill_page->step, (int)killed, (int)before, (int)now);
    return killed != 0;
}

static void each_step_may_be_the_last(void **state) {
    static const char *const options[] = {"--keeper", "yes", NULL};
    uint64_t each = (uint64_t)last_step("PORTD_UPGRADE_EACH");
    unsigned killed = 0;
    (void)state;
    make_page();
    fixture_start(&fixture, options);
    (void)unsetenv("LD_PRELOAD");
    for (int of_next = 0; of_next < 2; of_next++) {
        bool goes_on = true;
        unsigned here = 0;
        for (uint64_t step = 1; goes_on && step < MOST_STEPS; step += each) {
            goes_on = try_step(step, step % 2, of_next);
            here += goes_on;
        }
        assert_true(here > 2);
        killed += here;
    }
    print_message("%u brokers killed, nothing lost\n", killed);
    fixture_stop(&fixture);
    (void)munmap(kill_page, sizeof *kill_page);
    (void)unlink(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {FIXTURE_CASE_BARE(each_step_may_be_the_last)};
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
