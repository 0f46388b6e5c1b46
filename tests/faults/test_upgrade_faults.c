/* test_upgrade_faults.c: each call that can fail in an upgrade fails once, in either broker or in the keeper. The upgrade is refused then, or done all the same; what clients have
 * and wait for goes on, and no descriptor is left over.
 *
 * PORTD_TEST_FAULTS_EVERY: only every so manieth. */
#define _GNU_SOURCE
#include "faults.h"
#include "tests/support/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EVERY = 11, MOST = 20000 };

static struct faults *faults;
static char page[64];
static struct fixture fixture;

static void make_page(void) {
    (void)snprintf(page, sizeof page, "/tmp/portd-faults-XXXXXX");
    int fd = mkstemp(page);
    assert_return_code(fd, errno);
    assert_return_code(ftruncate(fd, sizeof *faults), errno);
    faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(faults != MAP_FAILED);
    (void)close(fd);
    assert_return_code(setenv(FAULTS_ENVIRONMENT, page, 1), errno);
    assert_return_code(setenv("LD_PRELOAD", getenv("PORTD_FAULTS_LIBRARY"), 1), errno);
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
    while (!outcome->done)
        assert_true(portd_poll(c, until) > 0);
}

struct tally {
    unsigned tried, done, refused, ended, told;
};

/* Whether a further call may fail. */
static bool try_fault(uint64_t number, struct tally *tally) {
    const char *name = "held";
    struct outcome held_wait = {0}, own_wait = {0};
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
    memset(faults->name, 0, sizeof faults->name);
    atomic_store(&faults->count, 0);
    atomic_store(&faults->fail, number);
    atomic_store(&faults->armed, true);
    int code = portd_upgrade(asks, fixture_soon(), NULL);
    (void)broker();
    atomic_store(&faults->armed, false);
    uint64_t count = atomic_load(&faults->count);
    tally->tried++;
    tally->done += code == 1;
    tally->refused += code < 0;
    bool kept = portd_ping(o, fixture_soon()) == 1 && portd_ping(c, fixture_soon()) == 1;
    if (kept) {
        assert_int_equal(write(q[1], "x", 1), 1);
        assert_int_equal(write(p[1], "x", 1), 1);
        await(o, &own_wait);
        await(c, &held_wait);
        tally->told +=
            own_wait.code < 0 || held_wait.code < 0; /* there was no memory for it in the next broker */
        assert_true(own_wait.code == 1 || own_wait.code == PORTD_E_LIMIT);
        assert_true(held_wait.code == 1 || held_wait.code == PORTD_E_LIMIT);
    } else { /* it was a call for one of the connections, or the keeper could not speak with a broker and has ended it */
        print_message("fault %llu, %s: a connection was lost\n", (unsigned long long)number, faults->name);
        tally->ended++;
    }
    portd_client *last = fixture_client_at(fixture.address, NULL);
    assert_int_equal(portd_get(last, NULL, &name, 1, &hold, fixture_soon(), &copy, NULL), 1);
    (void)close((int)copy);
    assert_int_equal(portd_drop(last, NULL, &name, 1, &hold, fixture_soon()), 1);
    fixture_disconnect(last);
    fixture_disconnect(asks);
    fixture_disconnect(c);
    fixture_disconnect(o);
    for (int i = 0; i < 2; i++) {
        fixture_close(p[i]);
        fixture_close(q[i]);
    }
    return code != 1 || count >= number;
}

static void each_call_may_fail(void **state) {
    static const char *const options[] = {"--keeper", "yes", NULL};
    const char *text = getenv("PORTD_TEST_FAULTS_EVERY");
    uint64_t every = text ? strtoull(text, NULL, 10) : EVERY;
    struct tally tally = {0};
    (void)state;
    if (!getenv("PORTD_FAULTS_LIBRARY"))
        test_skip("PORTD_FAULTS_LIBRARY does not name the library");
    make_page();
    fixture_start(&fixture, options);
    (void)unsetenv("LD_PRELOAD");
    for (uint64_t number = 1; number < MOST && try_fault(number, &tally); number += every)
        ;
    print_message("%u calls failed: %u upgrades done, %u refused, %u ended a connection, %u a wait\n",
                  tally.tried, tally.done, tally.refused, tally.ended, tally.told);
    assert_true(tally.done > 0 && tally.refused > 0);
    assert_true((tally.ended + tally.told) * 10 < tally.tried);
    fixture_stop(&fixture);
    (void)munmap(faults, sizeof *faults);
    (void)unlink(page);
}

int main(void) {
    struct CMUnitTest cases[] = {FIXTURE_CASE_BARE(each_call_may_fail)};
    return TEST_RUN(cases);
}
