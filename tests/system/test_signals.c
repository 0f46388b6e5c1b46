/* test_signals.c: signals that the broker's own user sends without pause. */
#include "tests/support/fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

static int flood(void *data) {
    const int *number = data;

    while (kill(fixture_broker()->pid, *number) == 0)
        ;
    return 1;
}

struct asking {
    pid_t pid;
    int number;
    int ends[2]; /* it has begun */
};

static int ask(void *data) {
    const struct asking *asking = data;
    bool told = false;

    while (kill(asking->pid, asking->number) == 0)
        if (!told)
            told = write(asking->ends[1], "", 1) == 1;
    return 0;
}

static void check_flood(int number) {
    enum { PINGS = 200 };
    pid_t child = fixture_fork(flood, &number);
    portd_client *c = fixture_client(NULL);

    for (int i = 0; i < PINGS; i++)
        assert_int_equal(portd_ping(c, fixture_soon()), 1);
    fixture_end(child);
}

static void others_are_served_while_one_is_handled(void **state) {
    (void)state;
    check_flood(SIGHUP);
}

/* The one by which workers are interrupted. */
static void others_are_served_while_one_interrupts(void **state) {
    (void)state;
    check_flood(SIGUSR2);
}

/* It ends as one does that was asked once: with 0 (fixture_stop). */
static void a_process_that_signals_without_end_changes_nothing(void **state) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2};
    enum { NUMBERS = sizeof numbers / sizeof *numbers, BROKERS = 8 * NUMBERS };
    static struct fixture brokers[BROKERS];

    (void)state;
    for (size_t i = 0; i < BROKERS; i++) {
        struct asking asking = {.number = numbers[i % NUMBERS]};
        fixture_start(&brokers[i], NULL);
        asking.pid = brokers[i].pid;
        assert_int_equal(pipe(asking.ends), 0);
        pid_t child = fixture_fork(ask, &asking);
        assert_int_equal(read(fixture_own(asking.ends[0]), &(char){0}, 1), 1);
        (void)close(asking.ends[1]);
        fixture_stop(&brokers[i]);
        fixture_end(child);
    }
}

/* From then on others find it, so it must be removed. */
static void one_that_comes_with_the_socket_file_stops_it_in_order(void **state) {
    static const int numbers[] = {SIGTERM, SIGINT};
    enum { NUMBERS = sizeof numbers / sizeof *numbers, BROKERS = 10 * NUMBERS };
    char folder[] = "/tmp/portd-signals-XXXXXX", path[64], address[80];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/socket", folder);
    (void)snprintf(address, sizeof address, "unix:%s", path);
    for (size_t i = 0; i < BROKERS; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            (void)execl(getenv("PORTD_DAEMON"), "portd", "--log-level", "error", "--listen", address,
                        (char *)NULL);
            _exit(127);
        }
        while (access(path, F_OK) < 0 && waitpid(child, &status, WNOHANG) == 0)
            (void)sched_yield();
        assert_int_equal(kill(child, numbers[i % NUMBERS]), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(access(path, F_OK), -1);
    }
    assert_int_equal(rmdir(folder), 0);
}

TEST_MAIN(FIXTURE_CASE(others_are_served_while_one_is_handled),
          FIXTURE_CASE(others_are_served_while_one_interrupts),
          FIXTURE_CASE_BARE(a_process_that_signals_without_end_changes_nothing),
          FIXTURE_CASE_BARE(one_that_comes_with_the_socket_file_stops_it_in_order))
